// The three clocks, as values, so that tests own them.

/** Which clock is for what. All in milliseconds. */
export interface Clock {
  /** The broker's: what is compared between machines, such as deadlines and expiries. Unix time. */
  readonly brokerMs: () => number;
  /** This machine's: what MCP servers compare with theirs, the times of a JWT. Unix time. */
  readonly wallMs: () => number;
  /** Never goes back: for our own waiting. */
  readonly monotonicMs: () => number;
}
