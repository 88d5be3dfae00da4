// Request-reply, version 1: `flowmcp.v1.rpc.<service>.<verb>`, JSON both ways.
// Every request made for a person carries that person's token, verified by the service that acts.
// An error comes back as `{ error: { code, message, field?, retryAfterMs? } }`.

import { z } from 'zod';
import { contract, type Contract, type MessageOf, type ObjectOf } from '../contract.js';
import { rpcSubject, type RpcService } from '../subjects.js';
import {
  actor,
  binding,
  callId,
  compactJws,
  durationMs,
  epochMs,
  errorCode,
  hmac,
  jsonObject,
  name,
  rule,
  sentence,
  sha256,
  toolName,
} from './shared.js';
import { OUTCOMES } from './facts.js';

/** One verb of one service. */
export interface RpcContract<Q, A> {
  readonly subject: string;
  readonly doc: string;
  readonly request: Contract<Q>;
  readonly response: Contract<A>;
}

/** What is sent to an rpc. */
export type RpcQuestion<C extends { request: unknown }> = MessageOf<C['request']>;

/** What an rpc answers. */
export type RpcAnswer<C extends { response: unknown }> = MessageOf<C['response']>;

interface RpcSchemas<Q extends z.ZodType, A extends z.ZodType> {
  readonly request: (object: ObjectOf) => Q;
  readonly response: (object: ObjectOf) => A;
}

function rpc<Q extends z.ZodType, A extends z.ZodType>(
  [service, verb]: readonly [RpcService, string],
  doc: string,
  { request, response }: RpcSchemas<Q, A>,
): RpcContract<z.output<Q>, z.output<A>> {
  return {
    subject: rpcSubject(service, verb),
    doc,
    request: contract(`flowmcp.rpc.${service}.${verb}.request.v1`, doc, request),
    response: contract(`flowmcp.rpc.${service}.${verb}.response.v1`, doc, response),
  };
}

/** The person's OIDC token. */
const token = z.string().min(1).max(16_384);
const kind = z.enum(['MCPServer', 'Flow']);
const generation = z.int().min(1);

/** Why a server's tools are or are not listed. */
export const HEALTH_REASONS = [
  'ok',
  'pending',
  'dns',
  'refused',
  'tls',
  'unauthorized',
  'not_mcp',
  'timed_out',
  'empty',
  'too_large',
  'forbidden_address',
  'http_error',
  'disconnected',
] as const;

/** A server's health as last discovered. */
export const health = (object: ObjectOf) =>
  object({
    reason: z.enum(HEALTH_REASONS),
    /** What was found, and what the server's owner can do about it. */
    message: sentence,
    checkedAtMs: epochMs,
    /** Which transport answered. */
    protocol: z.enum(['STREAMABLE_HTTP', 'SSE']).exactOptional(),
    nextCheckAtMs: epochMs.exactOptional(),
  });

/** See `health`. */
export type Health = z.output<ReturnType<typeof health>>;

/** A tool as its MCP server defines it; members unknown to us are kept. MCP 2025-11-25 tools. */
export const toolDefinition = z.looseObject({
  name: toolName,
  title: z.string().exactOptional(),
  description: z.string().exactOptional(),
  inputSchema: jsonObject,
  outputSchema: jsonObject.exactOptional(),
  annotations: z.record(z.string(), z.unknown()).exactOptional(),
});

/** See `toolDefinition`. */
export type ToolDefinition = z.output<typeof toolDefinition>;

/** What a server offers: the value in the tools bucket under the server's name. */
export const discoveredV1 = contract(
  'flowmcp.registry.discovered.v1',
  'What a server offers, as last discovered.',
  (object) =>
    object({
      server: name,
      generation,
      health: health(object),
      tools: z.array(object({ sha256, definition: toolDefinition })).max(10_000),
    }),
);

/** See `discoveredV1`. */
export type Discovered = z.output<typeof discoveredV1.strict>;

/** `executor.pass`: trades a token for a pass of one Flow, good for a few minutes. */
export const passRpc = rpc(['executor', 'pass'], 'Trades an OIDC token for a pass to one Flow.', {
  request: (object) => object({ token, flow: name }),
  response: (object) => object({ pass: compactJws, secret: z.string(), expiresAtMs: epochMs, person: actor(object) }),
});

/** `executor.discover`: asks a server for its tools, as `flow-mcp` itself. Only the registry may. */
export const discoverRpc = rpc(['executor', 'discover'], 'Asks an MCP server for its tools, as flow-mcp itself.', {
  request: (object) => object({ server: name, generation }),
  response: (object) => object({ health: health(object), tools: z.array(toolDefinition).max(10_000) }),
});

/** `executor.result`: a large result, piece by piece. */
export const resultRpc = rpc(['executor', 'result'], 'Reads a large result in pieces.', {
  request: (object) => object({ token, flow: name, callId, offset: z.int().nonnegative() }),
  response: (object) =>
    object({
      base64: z.string(),
      bytes: z.int().nonnegative(),
      sha256,
      nextOffset: z.int().nonnegative().exactOptional(),
    }),
});

const change = (object: ObjectOf) =>
  object({
    kind,
    name,
    action: z.enum(['created', 'changed', 'unchanged', 'deleted']),
    generation,
    /** What changes, in words. */
    diff: z.array(sentence),
  });

/** `registry.apply`: creates or changes resources; all of a manifest or nothing. */
export const applyRpc = rpc(['registry', 'apply'], 'Creates or changes MCPServers and Flows from YAML or JSON.', {
  request: (object) =>
    object({
      token,
      /** YAML or JSON, several documents allowed. */
      manifest: z
        .string()
        .min(1)
        .max(512 * 1024),
      /** Says what would change and changes nothing. */
      dryRun: z.boolean().exactOptional(),
      /** Compare-and-set: refuse if the resource is at another generation (one document only). */
      expectedGeneration: z.int().nonnegative().exactOptional(),
    }),
  response: (object) => object({ changes: z.array(change(object)) }),
});

const registered = (object: ObjectOf) =>
  object({
    kind,
    name,
    generation,
    changedAtMs: epochMs,
    changedBy: z.string(),
    resource: jsonObject,
    /** Servers only. */
    health: health(object).exactOptional(),
    toolCount: z.int().nonnegative().exactOptional(),
  });

/** A resource as `get` and `list` show it. */
export type Registered = z.output<ReturnType<typeof registered>>;

/** `registry.get` */
export const getRpc = rpc(['registry', 'get'], 'One resource that the person may see.', {
  request: (object) => object({ token, kind, name }),
  response: registered,
});

/** `registry.list` */
export const listRpc = rpc(['registry', 'list'], 'Every resource of a kind that the person may see.', {
  request: (object) =>
    object({ token, kind, after: name.exactOptional(), limit: z.int().min(1).max(500).exactOptional() }),
  response: (object) => object({ items: z.array(registered(object)), next: name.exactOptional() }),
});

/** `registry.delete` */
export const deleteRpc = rpc(['registry', 'delete'], 'Deletes a resource; its audit stays.', {
  request: (object) =>
    object({ token, kind, name, dryRun: z.boolean().exactOptional(), expectedGeneration: generation.exactOptional() }),
  response: (object) => object({ changes: z.array(change(object)) }),
});

/** `registry.watch`: waits for changes after a sequence. */
export const watchRpc = rpc(['registry', 'watch'], 'Changes after a sequence, waiting for the next one.', {
  request: (object) =>
    object({
      token,
      kind: kind.exactOptional(),
      sinceSeq: z.int().nonnegative().exactOptional(),
      waitMs: z.int().min(0).max(20_000).exactOptional(),
    }),
  response: (object) =>
    object({
      changes: z.array(
        object({
          seq: z.int(),
          kind,
          name,
          generation,
          change: z.enum(['applied', 'deleted']),
          diff: z.array(sentence),
        }),
      ),
      /** Ask on from here. */
      seq: z.int().nonnegative(),
    }),
});

/** `registry.tools`: what this person may call through this Flow, and why a server lists nothing. */
export const toolsRpc = rpc(['registry', 'tools'], 'The tools that a person may call through a Flow.', {
  request: (object) => object({ token, flow: name }),
  response: (object) =>
    object({
      tools: z.array(
        object({
          /** Safe for every model API: `[A-Za-z0-9_-]{1,64}`, unique within the Flow. */
          name: z.string(),
          server: name,
          /** A person will be asked before it runs. */
          confirmation: z.boolean(),
          definition: toolDefinition,
        }),
      ),
      servers: z.array(
        object({ name, displayName: z.string(), toolCount: z.int().nonnegative(), health: health(object) }),
      ),
    }),
});

const pendingCall = (object: ObjectOf) =>
  object({
    flow: name,
    callId,
    server: name,
    tool: toolName,
    arguments: jsonObject,
    requester: actor(object),
    reason: sentence.exactOptional(),
    rule: rule(object),
    digest: sha256,
    approvers: z.array(binding(object)),
    approvals: z.int().min(1),
    accepted: z.int().nonnegative(),
    heldAtMs: epochMs,
    expiresAtMs: epochMs,
    /** Whether the person who asks may vote on it. */
    mayDecide: z.boolean(),
  });

/** A call that waits for a person. */
export type PendingCall = z.output<ReturnType<typeof pendingCall>>;

/** `confirmation.pending` */
export const pendingRpc = rpc(['confirmation', 'pending'], 'Held calls that the person may see.', {
  request: (object) => object({ token, flow: name.exactOptional() }),
  response: (object) => object({ calls: z.array(pendingCall(object)) }),
});

/** `confirmation.decide`: one person's vote, with the evidence that the executor will check. */
export const decideRpc = rpc(['confirmation', 'decide'], 'Votes on a held call.', {
  request: (object) =>
    object({
      token,
      flow: name,
      callId,
      digest: sha256,
      vote: z.enum(['accept', 'decline']),
      reason: sentence.exactOptional(),
      pass: compactJws,
      hmac,
    }),
  response: (object) =>
    object({
      /** `pending` when more votes are needed. */
      state: z.enum(['pending', 'accepted', 'declined', 'cancelled', 'expired']),
      accepted: z.int().nonnegative(),
      approvals: z.int().min(1),
    }),
});

/** `confirmation.held`: whether an identical call is held already. Only the executor may ask. */
export const heldRpc = rpc(
  ['confirmation', 'held'],
  'Finds a held call of the same person, Flow, tool and arguments.',
  {
    request: (object) =>
      object({
        flow: name,
        iss: z.string().max(512),
        sub: z.string().max(256),
        server: name,
        tool: toolName,
        argumentsSha256: sha256,
      }),
    response: (object) => object({ callId: callId.exactOptional() }),
  },
);

const callRow = (object: ObjectOf) =>
  object({
    flow: name,
    callId,
    server: z.string(),
    tool: z.string(),
    actor: z.string(),
    rule: z.string(),
    decision: z.string(),
    voters: z.array(z.string()),
    outcome: z.string(),
    code: z.string(),
    requestedAtMs: epochMs,
    settledAtMs: epochMs.exactOptional(),
    durationMs: durationMs.exactOptional(),
    heldMs: durationMs.exactOptional(),
    upstreamMs: durationMs.exactOptional(),
    attempts: z.int().nonnegative(),
    facts: z.int().nonnegative(),
  });

/** One row of ClickHouse's `calls`, as the audit rpcs give it; empty strings where nothing is known. */
export type CallRow = z.output<ReturnType<typeof callRow>>;

/** `audit-ingester.calls`: admins see every call, others their own. */
export const auditCallsRpc = rpc(['audit-ingester', 'calls'], 'Rows of the audit trail, newest first.', {
  request: (object) =>
    object({
      token,
      flow: name.exactOptional(),
      server: name.exactOptional(),
      tool: z.string().max(128).exactOptional(),
      outcome: z.enum(OUTCOMES).exactOptional(),
      person: z.string().max(320).exactOptional(),
      sinceMs: epochMs.exactOptional(),
      limit: z.int().min(1).max(1000).exactOptional(),
    }),
  response: (object) => object({ rows: z.array(callRow(object)) }),
});

/** `audit-ingester.call`: one call with all its facts. */
export const auditCallRpc = rpc(['audit-ingester', 'call'], 'One call of the audit trail with its facts.', {
  request: (object) => object({ token, flow: name.exactOptional(), callId }),
  response: (object) =>
    object({
      row: callRow(object),
      facts: z.array(object({ seq: z.int(), storedAtMs: epochMs, fact: z.string(), payload: jsonObject })),
    }),
});

/** How an error travels. */
export const rpcErrorV1 = contract(
  'flowmcp.rpc.error.v1',
  'Why a request was refused or could not be answered.',
  (object) =>
    object({
      error: object({
        code: errorCode,
        message: z.string().max(4000),
        field: z.string().max(512).exactOptional(),
        retryAfterMs: durationMs.exactOptional(),
      }),
    }),
);

/** Every rpc, for AsyncAPI, permissions and the test that walks them all. */
export const RPCS = {
  pass: passRpc,
  discover: discoverRpc,
  result: resultRpc,
  apply: applyRpc,
  get: getRpc,
  list: listRpc,
  delete: deleteRpc,
  watch: watchRpc,
  tools: toolsRpc,
  pending: pendingRpc,
  decide: decideRpc,
  held: heldRpc,
  auditCalls: auditCallsRpc,
  auditCall: auditCallRpc,
} as const;
