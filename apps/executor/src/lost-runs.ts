// How long ago this process first read a run that has not settled: on its own monotonic clock, never by message times.

const REMEMBERED_MAX = 100_000;

/** First readings, by run. */
export class LostRuns {
  readonly #firstReadMs = new Map<string, number>();
  readonly #nowMs: () => number;

  /** @param nowMs a monotonic clock */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Milliseconds since `run` was first read here; 0 the first time. */
  waitedMs(run: string): number {
    const nowMs = this.#nowMs();
    const first = this.#firstReadMs.get(run);
    if (first !== undefined) return nowMs - first;
    const [oldest] = this.#firstReadMs.keys();
    // Forgetting one only makes its call wait longer.
    if (this.#firstReadMs.size >= REMEMBERED_MAX && oldest !== undefined) this.#firstReadMs.delete(oldest);
    this.#firstReadMs.set(run, nowMs);
    return 0;
  }
}
