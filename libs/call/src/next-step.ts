// The life of one call, as the executor must act on it.
//
//   requested ── verdict ─┬─ refuse ────────────────────────────────┐
//                         ├─ run ──────────────────┬────────────────┤
//                         └─ hold ── decided ── resumed ─ refuse ───┤
//                                                  └─ run ─ retried ┴─ settled
//
// Invariants; tests name them:
//   C1. One arbiter for each step: `verdict` for the first, `resumed` after a hold, `retried` for the second run.
//   C2. A run follows only one's own arbiter fact; this file never answers `run`.
//   C3. A message is acked only by who has read `settled` or a hold.
//   C4. A run without `settled` is taken for lost only after its time-out and a grace, counted from first reading it.
//   C5. A lost run is repeated at most once, and only if the verdict said that it is safe; else it is `unknown`.
//   C6. No clock, id or I/O in here.

/** The terms of a run. */
export interface Run {
  readonly timeoutMs: number;
}

/** How a refused call settles. */
export interface Refusal {
  readonly outcome: 'denied' | 'declined' | 'expired' | 'cancelled' | 'busy' | 'failed';
}

/** `verdict` or `resumed`, as far as the life of a call depends on it. */
export type Arbiter<R extends Refusal = Refusal> =
  { readonly step: 'run'; readonly run: Run } | { readonly step: 'hold' } | ({ readonly step: 'refuse' } & R);

/** What is known of a call: the facts that were found. */
export interface CallFacts<R extends Refusal = Refusal> {
  readonly verdict?: Arbiter<R>;
  readonly resumed?: Arbiter<R>;
  readonly retried?: { readonly run: Run };
  readonly settled?: object;
  /** From the verdict. */
  readonly retrySafe: boolean;
}

/** Which message is being handled. */
export type Trigger = 'requested' | 'decided';

/** What its handler must do next. */
export type NextStep<R extends Refusal = Refusal> =
  | { readonly do: 'ack' }
  /** Write the arbiter of this step; whoever wins goes on (C1). */
  | { readonly do: 'arbitrate'; readonly fact: 'verdict' | 'resumed' }
  | { readonly do: 'settle'; readonly refusal: R }
  /** Somebody else may be at it: look again after `forMs`. */
  | { readonly do: 'wait'; readonly forMs: number }
  /** Write `retried`; whoever wins runs the tool a second time. */
  | { readonly do: 'retry' }
  | { readonly do: 'settle-unknown'; readonly attempt: 1 | 2 };

/**
 * What to do about a message.
 * @param waitedMs since the latest run fact was first read by this process, on its monotonic clock
 * @param graceMs beyond the run's time-out, longer than the last validity of its JWT
 */
export function nextStep<R extends Refusal>(
  facts: CallFacts<R>,
  trigger: Trigger,
  { waitedMs, graceMs }: { waitedMs: number; graceMs: number },
): NextStep<R> {
  if (facts.settled !== undefined) return { do: 'ack' };
  const fact = trigger === 'requested' ? 'verdict' : 'resumed';
  const arbiter = facts[fact];
  if (arbiter === undefined) return { do: 'arbitrate', fact };
  if (arbiter.step === 'hold') return { do: 'ack' };
  if (arbiter.step === 'refuse') return { do: 'settle', refusal: arbiter };
  const { timeoutMs } = facts.retried?.run ?? arbiter.run;
  const forMs = timeoutMs + graceMs - waitedMs;
  if (forMs > 0) return { do: 'wait', forMs };
  if (facts.retried !== undefined) return { do: 'settle-unknown', attempt: 2 };
  return facts.retrySafe ? { do: 'retry' } : { do: 'settle-unknown', attempt: 1 };
}
