// Holding a call: what exactly a person is asked, and that nobody is asked the same thing twice.

import { randomBytes } from 'node:crypto';
import { heldRpc, type CallSubject, type Requested, type Verdict } from '@flow-mcp/contracts';
import { holdDigest } from '@flow-mcp/identity';
import { RefusedError, RetryableError, type CallId, type EpochMs, type Name } from '@flow-mcp/kernel';
import { request, type BrokerConnection } from '@flow-mcp/messaging';
import type { Clock } from './clock.js';
import type { RegisteredServer } from './registry-copy.js';

/** A verdict that holds. */
export type HoldVerdict = Extract<Verdict, { step: 'hold' }>;

/** What a verdict says of a call that is not refused, whether it runs or is held. */
export type DecisionPart = Omit<HoldVerdict, 'step' | 'hold'>;

/** Finds the held call that is identical to a new one. */
export type FindHeld = (flow: Name, decision: DecisionPart) => Promise<CallId | undefined>;

/** How long after its expiry an accepted call may still start. */
const RUN_WITHIN_MS = 5 * 60_000;
const ANSWER_WITHIN_MS = 1_000;

/** See the file's header. */
export class Holds {
  readonly #find: FindHeld;
  readonly #clock: Clock;

  constructor(find: FindHeld, clock: Clock) {
    this.#find = find;
    this.#clock = clock;
  }

  /** The verdict that holds a call. @throws RefusedError `ERR_CALL_DUPLICATE` naming the call that waits already */
  async hold(
    call: CallSubject,
    requested: Requested,
    decision: DecisionPart,
    server: RegisteredServer,
  ): Promise<HoldVerdict> {
    const first = await this.#find(call.flow, decision);
    if (first !== undefined && first !== call.callId) {
      const message = `An identical call waits for a person already: ${first}. Wait for its outcome; do not repeat it.`;
      throw new RefusedError('ERR_CALL_DUPLICATE', message);
    }
    const { expiresAfterMs, approvers, requesterMayDecide, approvals } = server.terms.confirmation;
    const expiresAtMs = this.#clock.brokerMs() + expiresAfterMs;
    const nonce = randomBytes(16).toString('base64url');
    const bound = { expiresAtMs, runBeforeMs: expiresAtMs + RUN_WITHIN_MS, nonce };
    const digest = digestOf(call, requested, decision, bound);
    const hold = { digest, ...bound, approvers: [...approvers], requesterMayDecide, approvals };
    return { step: 'hold', ...decision, hold };
  }
}

/** The digest that binds an approval to what will run (design section 6). */
export function digestOf(
  { callId, flow }: CallSubject,
  requested: Requested,
  { actor, server, tool, toolDefinitionSha256, rule }: DecisionPart,
  bound: { readonly expiresAtMs: EpochMs; readonly runBeforeMs: EpochMs; readonly nonce: string },
): string {
  const { name, url, authentication } = server;
  const content = { callId, flow, actor, server: { name, url, authentication }, tool, toolDefinitionSha256, rule };
  return holdDigest({ ...content, arguments: requested.arguments, ...bound });
}

/** Asks the confirmation service. While it is away nothing is found: two holds are better than none. */
export function askConfirmation(broker: BrokerConnection): FindHeld {
  return async (flow, { actor, server, tool, argumentsSha256 }) => {
    const asked = { flow, iss: actor.iss, sub: actor.sub, server: server.name, tool, argumentsSha256 };
    try {
      return (await request(broker, heldRpc, asked, { timeoutMs: ANSWER_WITHIN_MS })).callId;
    } catch (error) {
      if (error instanceof RetryableError) return undefined;
      throw error;
    }
  };
}
