// Who asked to stop: stored `cancel` facts, as live abort signals for the calls that wait or run here.

import type { CallSubject } from '@flow-mcp/contracts';

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
  readonly #live = new Map<string, Set<AbortController>>();
  readonly #cancelled = new Set<string>();

  /** Takes a stored `cancel`. Never throws: whoever may publish one chose its subject. */
  cancel(subject: string): void {
    const key = subject.split('.').slice(3, 5).join('.');
    const [oldest] = this.#cancelled;
    if (this.#cancelled.size >= REMEMBERED_MAX && oldest !== undefined) this.#cancelled.delete(oldest);
    this.#cancelled.add(key);
    for (const controller of this.#live.get(key) ?? []) controller.abort('cancelled');
  }

  /** Watches a call; without `withinMs` for as long as it takes. */
  watch({ flow, callId }: Pick<CallSubject, 'flow' | 'callId'>, withinMs?: number): Watched {
    const key = `${flow}.${callId}`;
    const controller = new AbortController();
    const live = this.#live.get(key) ?? new Set();
    this.#live.set(key, live.add(controller));
    if (this.#cancelled.has(key)) controller.abort('cancelled');
    const timer = withinMs === undefined ? undefined : setTimeout(() => controller.abort('deadline'), clamp(withinMs));
    return {
      signal: controller.signal,
      end: () => {
        clearTimeout(timer);
        live.delete(controller);
        if (live.size === 0) this.#live.delete(key);
      },
    };
  }
}

function clamp(ms: number): number {
  return Math.max(0, Math.min(ms, TIMER_MAX_MS));
}
