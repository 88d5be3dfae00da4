// What becomes of a held call once it is decided: every proof is checked again, and today's registry is asked again.
//
//   R1. The digest is recomputed from the stored request: what runs is what was approved.
//   R2. Receipt and every vote are verified here, each voter against the hold: a stolen confirmation service cannot approve.
//   R3. A call whose url, authentication, tool, rule or permission changed since never runs.

import {
  parseCallSubject,
  type Actor,
  type CallSubject,
  type Decided,
  type Requested,
  type Resumed,
} from '@flow-mcp/contracts';
import { callTokenId, verifyReceipt, voterToken, type PassAuthority, type PublicJwks } from '@flow-mcp/identity';
import { FlowMcpError, RefusedError, RetryableError } from '@flow-mcp/kernel';
import type { StoredFact } from '@flow-mcp/messaging';
import { samePerson, tally, type HoldRule, type Vote } from '@flow-mcp/policy';
import { askPolicy } from './ask-policy.js';
import { decodeFact, type CallLog } from './call-log.js';
import type { Clock } from './clock.js';
import { authenticationLabel } from './credentials.js';
import type { Entrance } from './entrance.js';
import { digestOf, type HoldVerdict } from './holds.js';
import type { Go } from './judge.js';
import { refuse } from './refusal.js';
import type { RegisteredServer, RegistryCopy } from './registry-copy.js';

/** What is known of a decided call. */
export interface DecidedCall {
  /** The `decided` fact as stored. */
  readonly fact: StoredFact;
  readonly requested: Requested;
  readonly verdict: HoldVerdict;
}

/** The arbiter to write; `go` when it says run. */
export interface Resumption {
  readonly resumed: Resumed;
  readonly go?: Go;
}

/** What decisions are verified with. */
export interface ResumerProofs {
  readonly passes: PassAuthority;
  readonly receiptKeys: () => Promise<PublicJwks>;
  /** Where votes are recorded. */
  readonly log: Pick<CallLog, 'votedAtMs'>;
}

/** See the file's header. */
export class Resumer {
  readonly #registry: RegistryCopy;
  readonly #entrance: Entrance;
  readonly #proofs: ResumerProofs;
  readonly #clock: Clock;

  constructor(registry: RegistryCopy, entrance: Entrance, proofs: ResumerProofs, clock: Clock) {
    this.#registry = registry;
    this.#entrance = entrance;
    this.#proofs = proofs;
    this.#clock = clock;
  }

  /** What `resumed` says. @throws bugs, and RetryableError when there is no place to run yet */
  async resume(call: DecidedCall): Promise<Resumption> {
    const { actor } = call.verdict;
    try {
      const subject = parseCallSubject(call.fact.subject);
      const decided = decodeFact('decided', call.fact);
      await this.#verify(subject, decided, call);
      refuseUnlessAccepted(decided);
      this.#refuseIfLate(call.verdict);
      await this.#verifyVotes(subject, decided, call.verdict);
      return await this.#run(subject, call, this.#ask(subject, call));
    } catch (error) {
      if (!(error instanceof FlowMcpError) || error instanceof RetryableError) throw error;
      return { resumed: refuse(error, actor) };
    }
  }

  /** R1, and the receipt of R2. */
  async #verify(subject: CallSubject, decided: Decided, { requested, verdict }: DecidedCall): Promise<void> {
    const { hold } = verdict;
    const { expiresAtMs, runBeforeMs, nonce } = hold;
    const digest = digestOf(subject, requested, verdict, { expiresAtMs, runBeforeMs, nonce });
    if (digest !== hold.digest || decided.digest !== hold.digest)
      throw broken('The decision is not about what was held');
    const { flow, callId } = subject;
    await verifyReceipt(decided.receipt, await this.#proofs.receiptKeys(), { ...decided, flow, callId });
  }

  /** Comes before anything that is waited for, so that waiting ends. */
  #refuseIfLate({ hold }: HoldVerdict): void {
    if (this.#clock.brokerMs() < hold.runBeforeMs) return;
    throw new RefusedError('ERR_EXPIRED', 'The accepted call could not start in time; ask for it again.');
  }

  /** Each vote was recorded by the broker, and those whose passes they carry may decide and accept together. */
  async #verifyVotes(subject: CallSubject, { votes }: Decided, { actor, hold }: HoldVerdict): Promise<void> {
    const proved: Vote[] = [];
    for (const cast of votes) proved.push({ voter: await this.#prove(subject, cast, hold.digest), vote: cast.vote });
    // Only what the passes prove counts: the confirmation service's word for somebody's groups is worth nothing here.
    if (tally(proved, actor, hold).state !== 'accepted') throw broken('The votes do not accept the call');
  }

  /** Who cast a vote, as the pass proves. */
  async #prove({ flow, callId }: CallSubject, cast: Decided['votes'][number], held: string): Promise<Actor> {
    const { voter, vote, digest, reason, pass, hmac } = cast;
    const { passes, log } = this.#proofs;
    const votedAtMs = await log.votedAtMs(flow, callId, voterToken(voter));
    if (votedAtMs === undefined) {
      throw new RetryableError('ERR_BROKER_UNAVAILABLE', 'A vote of a decided call was not found by this read.');
    }
    const proved = passes.verifyVote({ flow, callId, digest, vote, reason, pass, hmac, votedAtMs });
    if (!samePerson(proved, voter) || digest !== held) throw broken('A vote is not the voter’s own');
    return proved;
  }

  /** R3. */
  #ask({ flow }: CallSubject, { requested, verdict }: DecidedCall): RegisteredServer {
    const { decision, server, offered } = askPolicy(this.#registry, verdict.actor, flow, requested);
    const { url, confirmation } = server.terms;
    const { rule, toolDefinitionSha256, server: then, hold } = verdict;
    const held = ['hold', rule.id, rule.text, toolDefinitionSha256, then.url, then.authentication, decidersOf(hold)];
    const { effect, rule: ruleNow } = decision;
    const authentication = authenticationLabel(server.terms);
    const today = [effect, ruleNow.id, ruleNow.text, offered.sha256, url, authentication, decidersOf(confirmation)];
    if (today.some((value, at) => value !== held[at])) throw changed();
    return server;
  }

  async #run(
    { flow, callId }: CallSubject,
    { requested, verdict }: DecidedCall,
    server: RegisteredServer,
  ): Promise<Resumption> {
    const { runBeforeMs } = verdict.hold;
    const enteredMs = this.#clock.monotonicMs();
    const slot = await this.#entrance
      .enter({ flow, callId, actor: verdict.actor }, server, runBeforeMs)
      .catch(laterWhenBusy);
    const run = { jti: callTokenId(callId, 1), attempt: 1, timeoutMs: server.terms.limits.timeoutMs };
    return {
      resumed: { step: 'run', run, queuedMs: Math.round(this.#clock.monotonicMs() - enteredMs) },
      go: { requested, server, slot },
    };
  }
}

/** Who may decide, as one comparable value. */
function decidersOf({ approvers, requesterMayDecide, approvals }: HoldRule): string {
  return JSON.stringify([approvers, requesterMayDecide, approvals]);
}

const REFUSED = {
  declined: new RefusedError('ERR_DECLINED', 'A person declined the call.'),
  expired: new RefusedError('ERR_EXPIRED', 'Nobody decided in time; ask again if it is still wanted.'),
  cancelled: new RefusedError('ERR_CANCELLED', 'The requester cancelled the call.'),
};

function refuseUnlessAccepted({ decision, reason }: Decided): void {
  if (decision === 'accepted') return;
  const refused = REFUSED[decision];
  throw reason === undefined
    ? refused
    : new RefusedError(refused.code, `${refused.message} Reason: ${reason}`.slice(0, 1000).toWellFormed());
}

/** A person said yes: a full queue delays the call, only its `runBefore` ends it. */
function laterWhenBusy(error: unknown): never {
  const busy = error instanceof RefusedError && (error.code === 'ERR_BUSY' || error.code === 'ERR_RATE_LIMITED');
  throw busy ? new RetryableError(error.code, error.message, { retryAfterMs: 1_000, cause: error }) : error;
}

function broken(what: string): RefusedError {
  return new RefusedError(
    'ERR_RECEIPT_INVALID',
    `${what}, so it does not run; report this call to your security team.`,
  );
}

function changed(): RefusedError {
  return new RefusedError(
    'ERR_CHANGED_SINCE_HELD',
    'The server, the tool or its rules changed while the call was held; ask for it again.',
  );
}
