// The two clocks, as values, so that tests own them.

/** Wall time is for what other machines compare; monotonic time is for our own waiting. */
export interface Clock {
  /** Unix time in milliseconds. */
  readonly wallMs: () => number;
  /** Milliseconds that never go back. */
  readonly monotonicMs: () => number;
}

/** The machine's clocks. */
export const SYSTEM_CLOCK: Clock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };
