// Time limits and cancellation of one piece of work.

import { setMaxListeners } from 'node:events';
import { cancelled, timedOut } from './failure.js';

/** The longest a Node timer can run. */
export const TIMER_MAX_MS = 2 ** 31 - 1;

/** Runs `work` with a signal that aborts, with an UpstreamFailure, when `signal` does or the time is up. */
export async function withDeadline<T>(
  { signal, timeoutMs }: { readonly signal?: AbortSignal; readonly timeoutMs: number },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(timedOut(timeoutMs)), Math.min(timeoutMs, TIMER_MAX_MS));
  const unhook = signal === undefined ? undefined : onAbort(signal, () => controller.abort(cancelled()));
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    unhook?.();
  }
}

/** Waits for `promise`, but no longer than until `signal` aborts. @throws the signal's reason */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let unhook: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- every reason of ours is an UpstreamFailure
    unhook = onAbort(signal, () => reject(signal.reason));
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    unhook?.();
  }
}

/** Calls `listener` once `signal` aborts, at once if it has. Returns what removes it. */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) {
    listener();
    return () => undefined;
  }
  setMaxListeners(0, signal); // Many calls may share a signal; each removes its listener.
  signal.addEventListener('abort', listener, { once: true });
  return () => signal.removeEventListener('abort', listener);
}
