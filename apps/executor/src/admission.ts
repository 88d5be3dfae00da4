// Who may run now: a bounded, fair queue in front of every server, and a rate for every person.
//
//   A1. At most `concurrency` calls of a server run, at most `queue` wait; what is beyond is busy at once.
//   A2. People take turns: one person's hundred waiting calls delay another's first by one turn.
//   A3. Every granted slot is released exactly once.

import type { Name, Rate } from '@flow-mcp/kernel';

/** A granted place; give it back with `release`. */
export interface Slot {
  release(): void;
}

/** Why there is no place. */
export type Rejected = 'busy' | 'rate_limited' | 'aborted';

/** What `enter` asks for. */
export interface Entry {
  readonly server: Name;
  readonly person: string;
  readonly concurrency: number;
  readonly queue: number;
  readonly rate: Rate | undefined;
  /** Stops waiting. */
  readonly signal: AbortSignal;
}

/** How many people's rates are remembered. */
const RATES_MAX = 100_000;

/** The queues of this process. */
export class Admission {
  readonly #servers = new Map<Name, ServerQueue>();
  readonly #rates = new Map<string, { tokens: number; atMs: number }>();
  readonly #nowMs: () => number;

  /** @param nowMs a monotonic clock */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** A slot, at once or after a wait; or why not. */
  async enter(entry: Entry): Promise<Slot | Rejected> {
    if (entry.rate !== undefined && !this.#takeToken(`${entry.server} ${entry.person}`, entry.rate))
      return 'rate_limited';
    const queue = this.#servers.get(entry.server) ?? new ServerQueue();
    this.#servers.set(entry.server, queue);
    return queue.enter(entry);
  }

  /** Calls that run and wait, over all servers. */
  get load(): { running: number; waiting: number } {
    let [running, waiting] = [0, 0];
    for (const queue of this.#servers.values()) {
      running += queue.running;
      waiting += queue.waiting;
    }
    return { running, waiting };
  }

  /** A token bucket that holds one period's worth. */
  #takeToken(key: string, { count, perMs }: Rate): boolean {
    const nowMs = this.#nowMs();
    const { tokens, atMs } = this.#rates.get(key) ?? { tokens: count, atMs: nowMs };
    const refilled = Math.min(count, tokens + ((nowMs - atMs) * count) / perMs);
    this.#rates.delete(key); // Put at the end: the oldest are forgotten first.
    this.#rates.set(key, { tokens: refilled >= 1 ? refilled - 1 : refilled, atMs: nowMs });
    const [oldest] = this.#rates.keys();
    if (this.#rates.size > RATES_MAX && oldest !== undefined) this.#rates.delete(oldest);
    return refilled >= 1;
  }
}

type Waiter = (slot: Slot) => void;

class ServerQueue {
  running = 0;
  waiting = 0;
  #concurrency = 0;
  /** Waiting calls by person; the map's order is whose turn it is (A2). */
  readonly #people = new Map<string, Waiter[]>();

  enter({ person, concurrency, queue, signal }: Entry): Slot | Rejected | Promise<Slot | Rejected> {
    this.#concurrency = concurrency;
    if (this.running < concurrency) return this.#grant();
    if (this.waiting >= queue) return 'busy';
    if (signal.aborted) return 'aborted';
    return new Promise((resolve) => {
      const leave = () => {
        if (this.#remove(person, waiter)) resolve('aborted');
      };
      const waiter: Waiter = (slot) => {
        signal.removeEventListener('abort', leave);
        resolve(slot);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#people.set(person, [...(this.#people.get(person) ?? []), waiter]);
      this.waiting += 1;
    });
  }

  #grant(): Slot {
    this.running += 1;
    let released = false;
    return {
      release: () => {
        if (released) return;
        released = true;
        this.running -= 1;
        this.#next();
      },
    };
  }

  #next(): void {
    const [turn] = this.#people;
    if (turn === undefined || this.running >= this.#concurrency) return;
    const [person, [waiter, ...others]] = turn;
    this.#people.delete(person);
    if (others.length > 0) this.#people.set(person, others);
    this.waiting -= 1;
    waiter?.(this.#grant());
  }

  #remove(person: string, waiter: Waiter): boolean {
    const waiters = this.#people.get(person) ?? [];
    if (!waiters.includes(waiter)) return false;
    const others = waiters.filter((other) => other !== waiter);
    if (others.length > 0) this.#people.set(person, others);
    else this.#people.delete(person);
    this.waiting -= 1;
    return true;
  }
}
