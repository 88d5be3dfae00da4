// Times calls: one at a time for latency, several at a time for throughput.

/** One call; rejects when it was not answered as it should be. */
export type Call = () => Promise<void>;

/** Milliseconds per call, and calls per second. */
export interface Figures {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly perSecond: number;
}

/** How much to measure. */
export interface Effort {
  readonly calls: number;
  readonly inFlight: number;
}

/** Latency with one call at a time, throughput with `inFlight`. */
export async function measure(call: Call, { calls, inFlight }: Effort): Promise<Figures> {
  const times = await oneAtATime(call, calls);
  const startedMs = performance.now();
  let left = calls * 2;
  const worker = async () => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  const perSecond = (calls * 2 * 1000) / (performance.now() - startedMs);
  return { p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), perSecond };
}

/** The middle one of several rounds, figure by figure. */
export function median(rounds: readonly Figures[]): Figures {
  const middle = (of: (figures: Figures) => number) => quantile(rounds.map(of), 0.5);
  return {
    p50Ms: middle((one) => one.p50Ms),
    p99Ms: middle((one) => one.p99Ms),
    perSecond: middle((one) => one.perSecond),
  };
}

async function oneAtATime(call: Call, calls: number): Promise<number[]> {
  const times: number[] = [];
  for (let at = 0; at < calls; at++) {
    const startedMs = performance.now();
    await call();
    times.push(performance.now() - startedMs);
  }
  return times;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
