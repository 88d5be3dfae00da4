// Waiting for what other processes do: asked again and again, never for a fixed time.

import { setTimeout as pause } from 'node:timers/promises';

const ASK_EVERY_MS = 20;
const PATIENCE_MS = 30_000;

/**
 * The first value that `accept` accepts. What `read` throws counts as not yet.
 * @throws Error with the last value or error when there is none within `patienceMs`
 */
export async function eventually<T>(
  read: () => T | Promise<T>,
  accept: (value: T) => boolean,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const giveUpAt = performance.now() + patienceMs;
  for (;;) {
    const last = await attempt(read);
    if ('value' in last && accept(last.value)) return last.value;
    if (performance.now() >= giveUpAt) throw new Error(`Not within ${patienceMs} ms. Last: ${describe(last)}`);
    await pause(ASK_EVERY_MS);
  }
}

type Attempt<T> = { readonly value: T } | { readonly error: unknown };

async function attempt<T>(read: () => T | Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await read() };
  } catch (error) {
    return { error };
  }
}

function describe(last: Attempt<unknown>): string {
  return ('value' in last ? JSON.stringify(last.value) : String(last.error)).slice(0, 2_000);
}
