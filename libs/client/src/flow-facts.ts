// What happens to the calls of one Flow, for everybody here who waits for one of them.
//
// 1. One subscription per kind of fact and Flow, however many calls wait.
// 2. Only stored facts are looked at: they are read below `flowmcp.v1.stored.`, where only the broker publishes.
// 3. Delivery is at most once, so every waiting call also reads its facts when the broker is back and 2, 4, 8 … s after
//    it began to wait.

import { callSubject, progressSubject, progressV1, type CallFact } from '@flow-mcp/contracts';
import type { CallId, Name } from '@flow-mcp/kernel';
import { subscribeMessages, subscribeStored, type BrokerConnection } from '@flow-mcp/messaging';
import type { CallWaiter } from './call-waiter.js';

/** What a requester waits for. */
const WATCHED = ['verdict', 'decided', 'settled'] as const satisfies readonly CallFact[];

const READ_FIRST_MS = 2_000;
const READ_MAX_MS = 64_000;

/** One of the facts that a requester waits for. */
export type WatchedFact = (typeof WATCHED)[number];

/** The facts of one Flow. */
export class FlowFacts {
  readonly #waiters = new Map<CallId, Set<CallWaiter>>();
  readonly #ends: (() => void)[];

  constructor(connection: BrokerConnection, flow: Name) {
    this.#ends = [
      ...WATCHED.map((fact) =>
        subscribeStored(connection, callSubject(flow, '*', fact), (stored) => {
          for (const waiter of this.#of(stored.subject)) waiter.take(fact, stored);
        }),
      ),
      subscribeMessages(connection, progressSubject(flow, '*'), progressV1, (progress, subject) => {
        for (const waiter of this.#of(subject)) waiter.progress(progress);
      }),
      connection.onRestored(() => this.#readAll()),
    ];
  }

  /** Tells the waiter of everything from now on, until its call has an outcome or fails. */
  watch(waiter: CallWaiter): void {
    const waiters = this.#waiters.get(waiter.callId) ?? new Set();
    this.#waiters.set(waiter.callId, waiters.add(waiter));
    let timer: NodeJS.Timeout;
    const readLater = (ms: number): void => {
      timer = setTimeout(() => (void waiter.read(), readLater(Math.min(ms * 2, READ_MAX_MS))), ms);
    };
    readLater(READ_FIRST_MS);
    waiter.onEnd(() => {
      clearTimeout(timer);
      waiters.delete(waiter);
      if (waiters.size === 0) this.#waiters.delete(waiter.callId);
    });
  }

  /** Ends the subscriptions and everybody's waiting. */
  close(reason: Error): void {
    for (const end of this.#ends) end();
    for (const waiter of this.#all()) waiter.fail(reason);
  }

  /** Invariant 3. */
  #readAll(): void {
    for (const waiter of this.#all()) void waiter.read();
  }

  #all(): CallWaiter[] {
    return [...this.#waiters.values()].flatMap((waiters) => [...waiters]);
  }

  /** The call id is the token before the last one, or the last one of progress. */
  #of(subject: string): Iterable<CallWaiter> {
    const [, , , , callId = ''] = subject.split('.');
    return this.#waiters.get(callId) ?? [];
  }
}
