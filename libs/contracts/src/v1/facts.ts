// Everything that can happen to a call, version 1: the payloads of `flowmcp.v1.calls.<flow>.<callId>.<fact>`.
// Who writes which, and what it means: design section 2.

import { z } from 'zod';
import { contract, type MessageOf, type ObjectOf } from '../contract.js';
import {
  actor,
  binding,
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

/** How a call can end. `settled` names exactly one. */
export const OUTCOMES = [
  'succeeded',
  'tool_error',
  'denied',
  'declined',
  'expired',
  'cancelled',
  'busy',
  'failed',
  'unknown',
] as const;

/** One of `OUTCOMES`. */
export type Outcome = (typeof OUTCOMES)[number];

/** The terms of one run of a tool. */
const run = (object: ObjectOf) =>
  object({
    /** `jti` of the JWT of this run: `<callId>.<attempt>`. */
    jti: z.string().max(64),
    attempt: z.int().min(1).max(2),
    /** How long the run may take; the JWT expires with it. */
    timeoutMs: durationMs,
  });

/** What a person is asked to decide, bound by the digest (design section 6). */
const hold = (object: ObjectOf) =>
  object({
    digest: sha256,
    nonce: z.string().min(16).max(64),
    approvers: z.array(binding(object)).max(64),
    /** False: four eyes, the requester's own vote does not count. */
    requesterMayDecide: z.boolean(),
    /** How many acceptances are needed. */
    approvals: z.int().min(1).max(16),
    expiresAtMs: epochMs,
    /** An accepted call that did not start by then never runs. */
    runBeforeMs: epochMs,
  });

/** Why and on which terms a call was let through or held. */
const decision = (object: ObjectOf) => ({
  actor: actor(object),
  rule: rule(object),
  flow: object({ name, generation: z.int().min(1) }),
  server: object({ name, generation: z.int().min(1), url: z.string().max(2048), authentication: z.string().max(64) }),
  tool: toolName,
  toolDefinitionSha256: sha256,
  argumentsSha256: sha256,
  /** The owner marked the tool safe to retry. */
  retrySafe: z.boolean(),
});

/** What a refusal says. */
const refusal = (object: ObjectOf) => ({
  outcome: z.enum(['denied', 'declined', 'expired', 'cancelled', 'busy', 'failed']),
  code: errorCode,
  reason: sentence,
  rule: rule(object).exactOptional(),
  actor: actor(object).exactOptional(),
});

/** What came of a call at the MCP server. */
const answer = (object: ObjectOf) => ({
  outcome: z.enum(OUTCOMES),
  code: errorCode.exactOptional(),
  message: sentence.exactOptional(),
  /** 0 when the tool never ran. */
  attempt: z.int().min(0).max(2),
  /** The MCP result as the server sent it, up to 256 KiB. */
  result: jsonObject.exactOptional(),
  /** A larger result, in the object store; read it with `rpc.executor.result`. */
  resultRef: object({ object: z.string().max(256), sha256, bytes: z.int().nonnegative() }).exactOptional(),
  /** The JSON-RPC error that the server answered with instead of a result, for whoever called. */
  error: object({ code: z.int(), message: z.string().max(4000), data: z.unknown().exactOptional() }).exactOptional(),
  /** Time at the MCP server. */
  upstreamMs: durationMs.exactOptional(),
});

/** The Flow chat or the edge asks for a tool call. Headers carry pass and HMAC. */
export const requestedV1 = contract('flowmcp.calls.requested.v1', 'A tool call is asked for.', (object) =>
  object({
    method: z.literal('tools/call'),
    server: name,
    tool: toolName,
    arguments: jsonObject,
    /** An unheld call that did not start by then never runs. */
    deadlineMs: epochMs,
    /** The chat's own ids of where the call came from. */
    thread: z.string().max(256).exactOptional(),
    message: z.string().max(256).exactOptional(),
    /** Why the model wants it, for the person who confirms. */
    reason: sentence.exactOptional(),
  }),
);

/** The executor's answer to `requested`: the one arbiter of a call's first step. */
export const verdictV1 = contract('flowmcp.calls.verdict.v1', 'The call runs, is held, or is refused.', (object) =>
  z.discriminatedUnion('step', [
    object({ step: z.literal('run'), ...decision(object), run: run(object), queuedMs: durationMs }),
    object({ step: z.literal('hold'), ...decision(object), hold: hold(object) }),
    object({ step: z.literal('refuse'), ...refusal(object) }),
  ]),
);

const vote = (object: ObjectOf) =>
  object({
    voter: actor(object),
    vote: z.enum(['accept', 'decline']),
    digest: sha256,
    reason: sentence.exactOptional(),
    /** The voter's pass, and the HMAC over digest and vote: evidence that the executor verifies itself. */
    pass: compactJws,
    hmac,
  });

/** One vote of one person on a held call. */
export const votedV1 = contract('flowmcp.calls.voted.v1', 'A person voted on a held call.', vote);

/** The one decision on a held call. */
export const decidedV1 = contract(
  'flowmcp.calls.decided.v1',
  'A held call was accepted, declined, cancelled, or expired.',
  (object) =>
    object({
      decision: z.enum(['accepted', 'declined', 'cancelled', 'expired']),
      digest: sha256,
      votes: z.array(vote(object)).max(32),
      reason: sentence.exactOptional(),
      /** Compact JWS over the digest by the confirmation service's own key. */
      receipt: compactJws,
    }),
);

/** The one arbiter after a hold. */
export const resumedV1 = contract('flowmcp.calls.resumed.v1', 'A held call runs after all, or is refused.', (object) =>
  z.discriminatedUnion('step', [
    object({ step: z.literal('run'), run: run(object), queuedMs: durationMs }),
    object({ step: z.literal('refuse'), ...refusal(object) }),
  ]),
);

/** The second and last run of a tool that is safe to retry. */
export const retriedV1 = contract(
  'flowmcp.calls.retried.v1',
  'A run whose owner was lost is run once more.',
  (object) => object({ run: run(object) }),
);

/** The one outcome. */
export const settledV1 = contract('flowmcp.calls.settled.v1', 'The call reached its one outcome.', (object) =>
  object(answer(object)),
);

/** The requester wants the call stopped. Authorised by the NATS permission on the Flow's subjects. */
export const cancelV1 = contract('flowmcp.calls.cancel.v1', 'The requester wants the call stopped.', (object) =>
  object({ reason: sentence.exactOptional() }),
);

/** An answer that came after `unknown` was settled. Evidence; it changes no outcome. */
export const lateV1 = contract('flowmcp.calls.late.v1', 'An answer came after the outcome was settled.', (object) =>
  object(answer(object)),
);

/** Every fact's contract by its subject token. */
export const FACT_CONTRACTS = {
  requested: requestedV1,
  verdict: verdictV1,
  voted: votedV1,
  decided: decidedV1,
  resumed: resumedV1,
  retried: retriedV1,
  settled: settledV1,
  cancel: cancelV1,
  late: lateV1,
} as const;

export type Requested = MessageOf<typeof requestedV1>;
export type Verdict = MessageOf<typeof verdictV1>;
export type Voted = MessageOf<typeof votedV1>;
export type Decided = MessageOf<typeof decidedV1>;
export type Resumed = MessageOf<typeof resumedV1>;
export type Retried = MessageOf<typeof retriedV1>;
export type Settled = MessageOf<typeof settledV1>;
export type Cancel = MessageOf<typeof cancelV1>;
export type Late = MessageOf<typeof lateV1>;
/** The terms of one run of a tool. */
export type RunTerms = z.output<ReturnType<typeof run>>;
/** The terms of a hold. */
export type HoldTerms = z.output<ReturnType<typeof hold>>;
