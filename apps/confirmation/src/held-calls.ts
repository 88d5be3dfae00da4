// Held calls, as the table knows them and as the ledger keeps them.
//
//   H1. The ledger arbitrates: whoever wrote the vote or the decision that is stored, everybody goes by that one.
//   H2. The table is told of what was written here at once, and of everything by the followers.
//   H3. The receipt is signed over exactly what is written, by this service's own key.

import {
  callSubject,
  decidedV1,
  requestedV1,
  voteSubject,
  votedV1,
  type Decided,
  type Requested,
  type Voted,
} from '@flow-mcp/contracts';
import { voterToken, type Decision as SignedDecision } from '@flow-mcp/identity';
import { RetryableError, type CallId, type Name } from '@flow-mcp/kernel';
import type { Decision } from './decision.js';
import type { CallFacts } from './facts.js';
import { seenFactOf } from './on-fact.js';
import { heldBy, type HeldCall, type PendingCalls, type SeenFact } from './pending-calls.js';

/** Signs a receipt: `signReceipt` with this service's key ring. */
export type SignReceipt = (decision: SignedDecision) => Promise<string>;

/** Told of each decision that was written here, as opposed to found. */
export type OnDecided = (call: HeldCall, decision: Decided['decision']) => void;

/** What a call is known by. */
export interface CallPlace {
  readonly flow: Name;
  readonly callId: CallId;
}

/** See the file's header. */
export class HeldCalls {
  private readonly table: PendingCalls;
  private readonly facts: CallFacts;
  private readonly sign: SignReceipt;
  private readonly onDecided: OnDecided;

  constructor(table: PendingCalls, facts: CallFacts, sign: SignReceipt, onDecided: OnDecided = () => undefined) {
    this.table = table;
    this.facts = facts;
    this.sign = sign;
    this.onDecided = onDecided;
  }

  /** The call while nothing is decided about it, as far as was seen. */
  pending({ flow, callId }: CallPlace): HeldCall | undefined {
    return this.table.get(flow, callId);
  }

  get pendingCount(): number {
    return this.table.size;
  }

  /** Every pending call. */
  allPending(): Iterable<HeldCall> {
    return this.table.all();
  }

  /** A call that is or was held. What the followers have not brought yet, or have closed, is read. */
  async find(place: CallPlace): Promise<HeldCall | undefined> {
    const pending = this.pending(place);
    if (pending !== undefined) return pending;
    const verdict = await this.see(place, 'verdict');
    if (verdict !== undefined) await this.see(place, 'decided');
    return verdict && heldBy(verdict);
  }

  /** What was asked for; `undefined` when this read did not find it. */
  async requested({ flow, callId }: CallPlace): Promise<Requested | undefined> {
    return this.facts.read(callSubject(flow, callId, 'requested'), requestedV1);
  }

  /** Writes a vote unless its voter cast one; returns the one that counts (H1). */
  async vote({ flow, callId, traceparent }: HeldCall, vote: Voted): Promise<Voted> {
    const voter = voterToken(vote.voter);
    const written = await this.facts.write(voteSubject(flow, callId, voter), votedV1, vote, traceparent);
    const cast = { voter, vote: written.message, storedAtMs: written.storedAtMs };
    const known = this.table.get(flow, callId)?.votes.some((other) => other.voter === voter);
    if (known !== true) this.table.apply({ flow, callId, fact: 'voted', cast });
    return written.message;
  }

  /** Writes the decision unless there is one; returns the one that is stored (H1). */
  async decide(call: HeldCall, decision: Decision): Promise<Decided> {
    const { flow, callId, traceparent } = call;
    const receipt = await this.sign({ flow, callId, ...decision });
    const subject = callSubject(flow, callId, 'decided');
    const { mine, message } = await this.facts.write(subject, decidedV1, { ...decision, receipt }, traceparent);
    this.table.apply({ flow, callId, fact: 'decided' });
    if (mine) this.onDecided(call, message.decision);
    return message;
  }

  /** The stored decision on a call that was seen to be decided. @throws RetryableError while the read lags behind */
  async decided({ flow, callId }: CallPlace): Promise<Decided> {
    const decided = await this.facts.read(callSubject(flow, callId, 'decided'), decidedV1);
    if (decided !== undefined) return decided;
    throw new RetryableError('ERR_SERVICE_UNAVAILABLE', 'The call was decided a moment ago; ask again.', {
      retryAfterMs: 200,
    });
  }

  /** Reads a fact into the table. */
  private async see({ flow, callId }: CallPlace, fact: 'verdict' | 'decided'): Promise<SeenFact | undefined> {
    const stored = await this.facts.find(callSubject(flow, callId, fact));
    const seen = stored && seenFactOf(stored);
    if (seen !== undefined) this.table.apply(seen);
    return seen;
  }
}
