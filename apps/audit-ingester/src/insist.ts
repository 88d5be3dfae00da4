// Trying for ever, for what must not be given up.

import { setTimeout as sleep } from 'node:timers/promises';
import { RetryableError } from '@flow-mcp/kernel';

const PAUSE_MIN_MS = 50;
const PAUSE_MAX_MS = 5_000;

/** How to insist. */
export interface InsistOptions {
  /** Ends it: whatever runs then is left alone. */
  readonly signal: AbortSignal;
  /** Told of every failure that is followed by another try. */
  readonly onFailure: (error: RetryableError) => void;
}

/** Repeats `work`, with growing pauses, until it succeeds. @throws what is not retryable; the signal's reason */
export async function insist<T>(work: () => Promise<T>, { signal, onFailure }: InsistOptions): Promise<T> {
  for (let pauseMs = PAUSE_MIN_MS; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)) {
    signal.throwIfAborted();
    try {
      return await unlessAborted(work(), signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof RetryableError)) throw error;
      onFailure(error);
    }
    await sleep(pauseMs, undefined, { signal });
  }
}

function unlessAborted<T>(running: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    running.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
