// What the two transports have in common: requests on their way, and the end of all of them.

import { setImmediate } from 'node:timers/promises';
import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/sdk/types.js';
import type { UpstreamFailure } from './failure.js';

/** How long a notification or a good-bye may take. */
export const NOTIFY_TIMEOUT_MS = 3_000;

/** The requests of one session that are on their way. */
export class InFlight {
  /** Sent and not answered: the only ones that can be cancelled. */
  readonly unanswered = new Set<RequestId>();
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<void>>();

  /** Aborts when the session closes. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Counts `work` among what `close` waits for. */
  async track(work: Promise<void>): Promise<void> {
    this.#running.add(work);
    try {
      await work;
    } finally {
      this.#running.delete(work);
    }
  }

  /** Aborts everything and waits until whoever waits for it knows `reason`: the SDK must not tell them less. */
  async close(reason: UpstreamFailure): Promise<void> {
    this.#closing.abort(reason);
    await Promise.allSettled(this.#running);
    await setImmediate();
  }
}

/** The id that a `notifications/cancelled` gives up; undefined for any other message. */
export function abandonedId(message: JSONRPCMessage): RequestId | undefined {
  if (!('method' in message) || message.method !== 'notifications/cancelled') return undefined;
  return message.params?.['requestId'] as RequestId | undefined;
}
