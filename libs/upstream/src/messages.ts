// JSON-RPC 2.0 messages as a server sends them: checked, not changed.

import {
  JSONRPCMessageSchema,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type RequestId,
} from '@modelcontextprotocol/sdk/types.js';
import { isJsonObject, JSON_DEPTH_MAX } from '@flow-mcp/kernel';
import { notMcp, tooLarge } from './failure.js';
import type { SseItem, StreamBudget } from './sse-events.js';

const BATCH_MAX = 100;

/**
 * The messages in `text`; MCP 2025-03-26 allowed an array of them. Results are exactly what `JSON.parse` made of them.
 * @throws UpstreamFailure if any is not JSON-RPC 2.0, or nests deeper than `JSON_DEPTH_MAX`
 */
export function parseMessages(text: string): readonly JSONRPCMessage[] {
  const value = parse(text);
  if (deeperThan(value, JSON_DEPTH_MAX)) throw tooLarge(`JSON nested deeper than ${JSON_DEPTH_MAX} levels`);
  const batch: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (batch.length > BATCH_MAX) throw tooLarge(`more than ${BATCH_MAX} messages at once`);
  return batch.map(toMessage);
}

/** The messages that an item of a stream brings, counted. @throws UpstreamFailure */
export function messagesOf(item: SseItem, budget: StreamBudget): readonly JSONRPCMessage[] {
  if (item.kind !== 'event' || item.type !== 'message' || item.data === '') return [];
  const messages = parseMessages(item.data);
  for (const message of messages) if (asRequest(message) !== undefined) budget.spendRequest();
  return messages;
}

/** `message` if it is a request. */
export function asRequest(message: JSONRPCMessage): JSONRPCRequest | undefined {
  return 'method' in message && 'id' in message ? message : undefined;
}

/** Whether `message` is a response, to whatever request. */
export function isResponse(message: JSONRPCMessage): message is JSONRPCMessage & { id?: RequestId } {
  return !('method' in message);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw notMcp('answered with something that is not JSON', cause);
  }
}

function toMessage(value: unknown): JSONRPCMessage {
  const message = isJsonObject(value) ? withoutStrangers(value) : value;
  if (!JSONRPCMessageSchema.safeParse(message).success) throw notMcp('answered with JSON that is not JSON-RPC 2.0');
  return message as JSONRPCMessage;
}

/** Many servers write `"error": null` beside a result, or members of their own; the schema has no room for them. */
function withoutStrangers(message: Readonly<Record<string, unknown>>): unknown {
  const { jsonrpc, id, method, result, error } = message;
  if (method !== undefined) return message;
  if (error !== undefined && error !== null) return { jsonrpc, id, error };
  return { jsonrpc, id, result };
}

/** Recursion is safe: it goes no deeper than `levels`. */
function deeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value).some((member) => deeperThan(member, levels - 1));
}
