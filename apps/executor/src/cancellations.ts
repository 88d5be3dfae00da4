// Who asked to stop: stored `cancel` facts, as live abort signals for the calls that wait or run here.

import type { CallId } from '@flow-mcp/kernel';

const REMEMBERED_MAX = 10_000;
const TIMER_MAX_MS = 2 ** 31 - 1;

/** A call being watched; `end` it when the call is through. */
export interface Watched {
  /** Aborts with reason `cancelled`, or `deadline` when the time was up first. */
  readonly signal: AbortSignal;
  end(): void;
}

/** Signals by call; a cancel that came first is remembered for a while. */
export class Cancellations {
  readonly #live = new Map<CallId, Set<AbortController>>();
  readonly #cancelled = new Set<CallId>();

  /** Takes a stored `cancel`. */
  cancel(callId: CallId): void {
    const [oldest] = this.#cancelled;
    if (this.#cancelled.size >= REMEMBERED_MAX && oldest !== undefined) this.#cancelled.delete(oldest);
    this.#cancelled.add(callId);
    for (const controller of this.#live.get(callId) ?? []) controller.abort('cancelled');
  }

  /** Watches a call; without `withinMs` for as long as it takes. */
  watch(callId: CallId, withinMs?: number): Watched {
    const controller = new AbortController();
    const live = this.#live.get(callId) ?? new Set();
    this.#live.set(callId, live.add(controller));
    if (this.#cancelled.has(callId)) controller.abort('cancelled');
    const timer = withinMs === undefined ? undefined : setTimeout(() => controller.abort('deadline'), clamp(withinMs));
    return {
      signal: controller.signal,
      end: () => {
        clearTimeout(timer);
        live.delete(controller);
        if (live.size === 0) this.#live.delete(callId);
      },
    };
  }
}

function clamp(ms: number): number {
  return Math.max(0, Math.min(ms, TIMER_MAX_MS));
}
