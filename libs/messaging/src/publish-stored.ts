// Publishing to a stream that is not write-once, such as a bucket: again until the broker says that it is stored.
// Only for messages where storing the same bytes twice does no harm, or which carry a `Nats-Msg-Id`.

import { setTimeout as sleep } from 'node:timers/promises';
import { RefusedError, RetryableError } from '@flow-mcp/kernel';
import { BrokerApiError, bodyOf, notPermitted } from './broker-api.js';
import type { BrokerConnection } from './connection.js';
import { NoAnswer } from './inbox.js';

const WITHIN_MS = 20_000;
const ATTEMPT_MS = 2_000;
const PAUSE_MS = 100;

/** A message for a stream. */
export interface StoredMessage {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers?: readonly (readonly [string, string])[];
}

/**
 * Returns the sequence under which the message is stored.
 * @throws RetryableError `ERR_BROKER_UNAVAILABLE` after 20 s; RefusedError `ERR_NOT_PERMITTED`, or as the broker refuses
 */
export async function publishStored(connection: BrokerConnection, message: StoredMessage): Promise<number> {
  const endsAt = performance.now() + WITHIN_MS;
  for (;;) {
    try {
      return await attempt(connection, message);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      if (error.reason === 'not-permitted') throw notPermitted(error);
      if (performance.now() + PAUSE_MS >= endsAt || connection.isClosed()) throw unavailable(error);
    }
    await sleep(PAUSE_MS);
    await connection.whenConnected(endsAt - performance.now());
  }
}

async function attempt(connection: BrokerConnection, { subject, payload, headers }: StoredMessage): Promise<number> {
  const answer = await connection.request(subject, payload, { timeoutMs: ATTEMPT_MS, headers });
  try {
    return bodyOf<{ seq: number }>(answer).seq;
  } catch (cause) {
    if (!(cause instanceof BrokerApiError)) throw cause;
    throw new RefusedError('ERR_RESULT_LOST', `The broker does not store it: ${cause.message}.`, { cause });
  }
}

function unavailable(cause: unknown): RetryableError {
  const message = `The broker did not store the message within ${WITHIN_MS} ms; see that it runs and can be reached.`;
  return new RetryableError('ERR_BROKER_UNAVAILABLE', message, { cause });
}
