// What becomes of a held call once it is decided: every proof is checked again, and today's registry is asked again.
//
//   R1. The digest is recomputed from the stored request: what runs is what was approved.
//   R2. Receipt and every vote are verified here, each voter against the hold: a stolen confirmation service cannot approve.
//   R3. A call whose url, authentication, tool, rule or permission changed since never runs.

import {
  parseCallSubject,
  type CallSubject,
  type Decided,
  type HoldTerms,
  type Requested,
  type Resumed,
  type Verdict,
} from '@flow-mcp/contracts';
import { callTokenId, verifyReceipt, type PassAuthority, type PublicJwks } from '@flow-mcp/identity';
import { FlowMcpError, RefusedError, RetryableError } from '@flow-mcp/kernel';
import type { StoredFact } from '@flow-mcp/messaging';
import { decide, samePerson, tally } from '@flow-mcp/policy';
import { authenticationLabel } from './authentication.js';
import type { Clock } from './clock.js';
import { digestOf, notVisible, refuse, type Go, type Judge } from './judge.js';
import type { RegisteredServer, RegistryCopy } from './registry-copy.js';

/** A verdict that holds. */
export type HoldVerdict = Extract<Verdict, { step: 'hold' }>;

/** What is known of a decided call. */
export interface DecidedCall {
  /** The `decided` fact as stored. */
  readonly fact: StoredFact;
  readonly decided: Decided;
  readonly requested: Requested;
  readonly verdict: HoldVerdict;
}

/** The arbiter to write; `go` when it says run. */
export interface Resumption {
  readonly resumed: Resumed;
  readonly go?: Go;
}

/** See the file's header. */
export class Resumer {
  readonly #registry: RegistryCopy;
  readonly #judge: Judge;
  readonly #proofs: { passes: PassAuthority; receiptKeys: () => Promise<PublicJwks> };
  readonly #clock: Clock;

  constructor(
    registry: RegistryCopy,
    judge: Judge,
    proofs: { passes: PassAuthority; receiptKeys: () => Promise<PublicJwks> },
    clock: Clock,
  ) {
    this.#registry = registry;
    this.#judge = judge;
    this.#proofs = proofs;
    this.#clock = clock;
  }

  /** What `resumed` says. @throws bugs, and RetryableError when there is no place to run yet */
  async resume(call: DecidedCall): Promise<Resumption> {
    const { actor } = call.verdict;
    try {
      const subject = parseCallSubject(call.fact.subject);
      await this.#verify(subject, call);
      refuseUnlessAccepted(call.decided);
      return await this.#run(subject, call, this.#ask(subject, call));
    } catch (error) {
      if (!(error instanceof FlowMcpError) || error instanceof RetryableError) throw error;
      return { resumed: refuse(error, actor) };
    }
  }

  /** R1, R2. */
  async #verify(subject: CallSubject, { fact, decided, requested, verdict }: DecidedCall): Promise<void> {
    const { hold } = verdict;
    const { expiresAtMs, runBeforeMs, nonce } = hold;
    const digest = digestOf(subject, requested, verdict, { expiresAtMs, runBeforeMs, nonce });
    if (digest !== hold.digest || decided.digest !== hold.digest)
      throw broken('The decision is not about what was held');
    const { flow, callId } = subject;
    await verifyReceipt(decided.receipt, await this.#proofs.receiptKeys(), { ...decided, flow, callId });
    if (decided.decision === 'accepted')
      this.#verifyVotes(subject, decided, { hold, verdict, votedAtMs: Math.min(fact.storedAtMs, expiresAtMs) });
  }

  #verifyVotes(
    { flow, callId }: CallSubject,
    { votes }: Decided,
    { hold, verdict, votedAtMs }: { hold: HoldTerms; verdict: HoldVerdict; votedAtMs: number },
  ): void {
    for (const { voter, vote, digest, reason, pass, hmac } of votes) {
      const proved = this.#proofs.passes.verifyVote({ flow, callId, digest, vote, reason, pass, hmac, votedAtMs });
      if (!samePerson(proved, voter) || digest !== hold.digest) throw broken('A vote is not the voter’s own');
    }
    if (tally(votes, verdict.actor, hold).state !== 'accepted') throw broken('The votes do not accept the call');
  }

  /** R3. */
  #ask({ flow }: CallSubject, { requested, verdict }: DecidedCall): RegisteredServer {
    const server = this.#registry.server(requested.server);
    const offered = this.#registry.tool(requested.server, requested.tool);
    const tool = offered && {
      name: requested.tool,
      readOnlyHint: offered.definition.annotations?.['readOnlyHint'] === true,
    };
    const decision = decide({ person: verdict.actor, flow: this.#registry.flow(flow), server: server?.terms, tool });
    if (server === undefined || decision.effect === 'refuse') throw notVisible();
    const { url } = server.terms;
    const same =
      decision.effect === 'hold' &&
      decision.rule.id === verdict.rule.id &&
      decision.rule.text === verdict.rule.text &&
      offered?.sha256 === verdict.toolDefinitionSha256 &&
      url === verdict.server.url &&
      authenticationLabel(server.terms) === verdict.server.authentication;
    if (!same) throw changed();
    return server;
  }

  async #run(
    { callId }: CallSubject,
    { requested, verdict }: DecidedCall,
    server: RegisteredServer,
  ): Promise<Resumption> {
    const { runBeforeMs } = verdict.hold;
    if (this.#clock.wallMs() >= runBeforeMs)
      throw new RefusedError('ERR_EXPIRED', 'The accepted call could not start in time; ask for it again.');
    const enteredMs = this.#clock.monotonicMs();
    const slot = await this.#judge.enter({ callId, actor: verdict.actor }, server, runBeforeMs).catch(laterWhenBusy);
    const run = { jti: callTokenId(callId, 1), attempt: 1, timeoutMs: server.terms.limits.timeoutMs };
    return {
      resumed: { step: 'run', run, queuedMs: Math.round(this.#clock.monotonicMs() - enteredMs) },
      go: { requested, server, slot },
    };
  }
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
    : new RefusedError(refused.code, `${refused.message} Reason: ${reason}`.slice(0, 1000));
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
