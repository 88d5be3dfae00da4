// The calls that wait for a person, put together from the facts of the ledger. Pure: no clock, no I/O.
//
//   P1. What is known of a call depends on which facts were seen, never on their order or repeats: the facts of one
//       kind come in order, but the kinds are followed side by side, so a vote may be seen before its verdict.
//   P2. A decided call does not come back, whatever is seen of it later.
//   P3. What is remembered of calls that are not held is bounded, oldest forgotten first. To forget that a call was
//       decided is harmless: deciding it again finds the stored decision.

import type { Verdict, Voted } from '@flow-mcp/contracts';
import type { CallId, EpochMs, Name } from '@flow-mcp/kernel';

/** A verdict that holds the call. */
export type HoldVerdict = Extract<Verdict, { step: 'hold' }>;

/** One person's stored vote. */
export interface CastVote {
  /** The last token of its subject. */
  readonly voter: string;
  readonly storedAtMs: EpochMs;
  readonly vote: Voted;
}

/** What its requester said when cancelling. */
export interface Cancelled {
  readonly reason?: string;
}

interface Known {
  readonly flow: Name;
  readonly callId: CallId;
  readonly verdict?: HoldVerdict;
  readonly heldAtMs?: EpochMs;
  /** W3C Trace Context of the request. */
  readonly traceparent?: string;
  /** One of each voter. */
  readonly votes: readonly CastVote[];
  readonly cancelled?: Cancelled;
  readonly decided?: true;
}

/** A call that is held and, as far as was seen, not decided. */
export interface HeldCall extends Known {
  readonly verdict: HoldVerdict;
  readonly heldAtMs: EpochMs;
}

/** A stored fact, as far as holding depends on it. */
export type SeenFact = { readonly flow: Name; readonly callId: CallId } & (
  | { readonly fact: 'verdict'; readonly verdict: Verdict; readonly storedAtMs: EpochMs; readonly traceparent?: string }
  | { readonly fact: 'voted'; readonly cast: CastVote }
  | { readonly fact: 'cancel'; readonly cancelled: Cancelled }
  | { readonly fact: 'decided' }
);

/** The table of pending calls. */
export class PendingCalls {
  private readonly held = new Map<string, HeldCall>();
  private readonly unheld = new Map<string, Known>();
  private readonly unheldMax: number;

  /** @param unheldMax how many calls that are not held are remembered (P3) */
  constructor(unheldMax = 100_000) {
    this.unheldMax = unheldMax;
  }

  get size(): number {
    return this.held.size;
  }

  get(flow: Name, callId: CallId): HeldCall | undefined {
    return this.held.get(keyOf({ flow, callId }));
  }

  /** Every held call, longest held first. */
  all(): Iterable<HeldCall> {
    return this.held.values();
  }

  apply(fact: SeenFact): void {
    const key = keyOf(fact);
    const before = this.held.get(key) ?? this.unheld.get(key) ?? { flow: fact.flow, callId: fact.callId, votes: [] };
    const known = evolve(before, fact);
    if (isHeld(known)) {
      this.unheld.delete(key);
      this.held.set(key, known);
    } else {
      this.held.delete(key);
      this.remember(key, known);
    }
  }

  /** P3. */
  private remember(key: string, known: Known): void {
    this.unheld.delete(key);
    if (known.votes.length > 0 || known.cancelled !== undefined || known.decided) this.unheld.set(key, known);
    for (const oldest of this.unheld.keys()) {
      if (this.unheld.size <= this.unheldMax) break;
      this.unheld.delete(oldest);
    }
  }
}

/** The call as this fact alone shows it; `undefined` when the fact holds nothing. */
export function heldBy(fact: SeenFact): HeldCall | undefined {
  const known = evolve({ flow: fact.flow, callId: fact.callId, votes: [] }, fact);
  return isHeld(known) ? known : undefined;
}

function evolve(known: Known, fact: SeenFact): Known {
  const { flow, callId, votes } = known;
  if (known.decided || fact.fact === 'decided') return { flow, callId, votes: [], decided: true };
  switch (fact.fact) {
    case 'verdict':
      if (fact.verdict.step !== 'hold') return { flow, callId, votes: [] };
      return { ...known, ...holdOf(fact.verdict, fact) };
    case 'voted':
      return { ...known, votes: withVote(votes, fact.cast) };
    case 'cancel':
      return { ...known, cancelled: fact.cancelled };
  }
}

function holdOf(
  verdict: HoldVerdict,
  { storedAtMs, traceparent }: { storedAtMs: EpochMs; traceparent?: string },
): Pick<HeldCall, 'verdict' | 'heldAtMs' | 'traceparent'> {
  return { verdict, heldAtMs: storedAtMs, ...(traceparent === undefined ? {} : { traceparent }) };
}

/** P1: a voter's vote replaces its repeat, and the order is that of the ledger. */
function withVote(votes: readonly CastVote[], cast: CastVote): CastVote[] {
  const all = [...votes.filter(({ voter }) => voter !== cast.voter), cast];
  return all.sort((one, other) => one.storedAtMs - other.storedAtMs || (one.voter < other.voter ? -1 : 1));
}

function isHeld(known: Known): known is HeldCall {
  return known.verdict !== undefined && known.decided === undefined;
}

function keyOf({ flow, callId }: Pick<Known, 'flow' | 'callId'>): string {
  return `${flow}.${callId}`;
}
