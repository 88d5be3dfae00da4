// The way in to a server: a free place, waited for no longer than the call may start, is still wanted, and we are there.

import type { Actor, CallSubject } from '@flow-mcp/contracts';
import { RefusedError, RetryableError, type EpochMs } from '@flow-mcp/kernel';
import type { Admission, Rejected, Slot } from './admission.js';
import type { Cancellations } from './cancellations.js';
import type { Clock } from './clock.js';
import type { RegisteredServer } from './registry-copy.js';

/** One person, for queues and session pools. */
export function personKey({ iss, sub }: Actor): string {
  return `${iss} ${sub}`;
}

/** A call that wants in, and whose it is. */
export interface EnteringCall extends Pick<CallSubject, 'flow' | 'callId'> {
  readonly actor: Actor;
}

/** See the file's header. */
export class Entrance {
  readonly #admission: Admission;
  readonly #cancellations: Cancellations;
  readonly #clock: Clock;
  readonly #draining: AbortSignal;

  constructor(admission: Admission, cancellations: Cancellations, clock: Clock, draining: AbortSignal) {
    this.#admission = admission;
    this.#cancellations = cancellations;
    this.#clock = clock;
    this.#draining = draining;
  }

  /**
   * @throws RefusedError when there is no place, the call was cancelled, or `untilMs` has come;
   *   RetryableError when this service stops: another replica takes the call
   */
  async enter(call: EnteringCall, { terms }: RegisteredServer, untilMs: EpochMs): Promise<Slot> {
    const { concurrency, queue, ratePerPerson: rate } = terms.limits;
    const watched = this.#cancellations.watch(call, untilMs - this.#clock.brokerMs());
    const signal = AbortSignal.any([watched.signal, this.#draining]);
    try {
      const entry = { server: terms.name, person: personKey(call.actor), concurrency, queue, rate, signal };
      const entered = signal.aborted ? 'aborted' : await this.#admission.enter(entry);
      if (typeof entered === 'object') return entered;
      if (this.#draining.aborted)
        throw new RetryableError('ERR_SERVICE_UNAVAILABLE', 'This executor stops.', { retryAfterMs: 0 });
      throw rejection(entered, signal);
    } finally {
      watched.end();
    }
  }
}

/** A call whose time is up. */
export function tooLate(): RefusedError {
  const message = 'The deadline passed before the call could start; ask again with a later one.';
  return new RefusedError('ERR_DEADLINE_PASSED', message, { field: 'deadlineMs' });
}

function rejection(rejected: Rejected, signal: AbortSignal): RefusedError {
  switch (rejected) {
    case 'aborted':
      if (signal.reason === 'deadline') return tooLate();
      return new RefusedError('ERR_CANCELLED', 'The call was cancelled before it started.');
    case 'rate_limited':
      return new RefusedError('ERR_RATE_LIMITED', "You reached the server's rate per person; try again in a minute.");
    case 'busy':
      return new RefusedError('ERR_BUSY', "The server's queue is full; try again in a few seconds.");
  }
}
