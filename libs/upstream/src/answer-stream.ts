// The stream that answers one Streamable HTTP request, and its continuations by `Last-Event-ID`.

import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/sdk/types.js';
import { disconnected, UpstreamFailure } from './failure.js';
import type { HttpResponse } from './http-response.js';
import { isResponse, messagesOf } from './messages.js';
import { readEvents, type SseItem, type StreamBudget } from './sse-events.js';

const RESUME_DELAY_MS = 500;
const RESUME_DELAY_MIN_MS = 100;
const RESUME_DELAY_MAX_MS = 10_000;

/** Delivers what a server sends for one request, until its response was among it. */
export class AnswerStream {
  readonly #id: RequestId;
  readonly #deliver: (message: JSONRPCMessage) => void;
  readonly #budget: StreamBudget;
  #lastEventId: string | undefined;
  #resumeDelayMs = RESUME_DELAY_MS;
  #broken: UpstreamFailure | undefined;

  constructor(id: RequestId, deliver: (message: JSONRPCMessage) => void, budget: StreamBudget) {
    this.#id = id;
    this.#deliver = deliver;
    this.#budget = budget;
  }

  /**
   * Reads until the response was delivered; false if the stream ended or broke before.
   * @throws UpstreamFailure on garbage or beyond a limit
   */
  async read(response: HttpResponse): Promise<boolean> {
    try {
      for await (const item of readEvents(response.chunks(), this.#budget)) if (this.#take(item)) return true;
    } catch (error) {
      if (!isDisconnect(error)) throw error;
      this.#broken = error;
    } finally {
      response.discard();
    }
    return false;
  }

  /**
   * Where and when to go on. A server may end its streams as often as it likes (MCP 2025-11-25, polling); the call's
   * deadline is the end of it.
   * @throws UpstreamFailure if the server offers no way
   */
  resumption(): { readonly lastEventId: string; readonly delayMs: number } {
    if (this.#lastEventId === undefined)
      throw this.#broken ?? disconnected('The MCP server ended its answer before it was complete');
    const delayMs = Math.min(Math.max(this.#resumeDelayMs, RESUME_DELAY_MIN_MS), RESUME_DELAY_MAX_MS);
    return { lastEventId: this.#lastEventId, delayMs };
  }

  #take(item: SseItem): boolean {
    if (item.kind === 'retry') {
      this.#resumeDelayMs = item.afterMs;
      return false;
    }
    this.#lastEventId = item.id ?? this.#lastEventId;
    return deliverAnswer(messagesOf(item, this.#budget), this.#id, this.#deliver);
  }
}

/** Delivers `messages` except responses to other requests; true if the response to `id` was among them. */
export function deliverAnswer(
  messages: readonly JSONRPCMessage[],
  id: RequestId,
  deliver: (message: JSONRPCMessage) => void,
): boolean {
  const ours = messages.filter((message) => !isResponse(message) || message.id === id);
  ours.forEach(deliver);
  return ours.some(isResponse);
}

function isDisconnect(error: unknown): error is UpstreamFailure {
  return error instanceof UpstreamFailure && error.code === 'ERR_UPSTREAM_DISCONNECTED';
}
