// The broker's JetStream API: JSON requests under `$JS.API`, each permitted by its subject.

import { RefusedError, RetryableError } from '@flow-mcp/kernel';
import type { BrokerConnection } from './connection.js';
import { NoAnswer, type Answer } from './inbox.js';

const TIMEOUT_MS = 5_000;

/** An error of the broker itself, e.g. 10059 "stream not found". */
export class BrokerApiError extends Error {
  override readonly name = 'BrokerApiError';
  /** `err_code` of nats-server's errors.json. */
  readonly errCode: number;

  constructor(errCode: number, description: string) {
    super(`${description} (${errCode})`);
    this.errCode = errCode;
  }
}

/** `err_code` of nats-server for what is not there. */
export const NOT_FOUND = { stream: 10059, consumer: 10014 } as const;

interface ErrorBody {
  readonly error?: { readonly code: number; readonly err_code?: number; readonly description?: string };
}

/**
 * Calls `$JS.API.<verb>`.
 * @throws BrokerApiError; RetryableError `ERR_BROKER_UNAVAILABLE`; RefusedError `ERR_NOT_PERMITTED`
 */
export async function callBroker<T>(connection: BrokerConnection, verb: string, body?: object): Promise<T> {
  const payload = body === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(body));
  const subject = `$JS.API.${verb}`;
  const answer = await connection.request(subject, payload, { timeoutMs: TIMEOUT_MS }).catch(rethrow);
  return bodyOf<T>(answer);
}

/** The JSON of a JetStream answer. @throws BrokerApiError */
export function bodyOf<T>(answer: Answer): T {
  const body = JSON.parse(Buffer.from(answer.payload).toString('utf8')) as T & ErrorBody;
  if (body.error !== undefined) {
    throw new BrokerApiError(body.error.err_code ?? body.error.code, body.error.description ?? 'unknown error');
  }
  return body;
}

/** No answer, as an error that says what to do. */
export function rethrow(error: unknown): never {
  if (!(error instanceof NoAnswer)) throw error;
  if (error.reason === 'not-permitted') throw notPermitted(error);
  throw new RetryableError('ERR_BROKER_UNAVAILABLE', unavailable(error), { cause: error });
}

/** This NATS user may not do that. */
export function notPermitted(cause: NoAnswer): RefusedError {
  const message = 'The broker does not permit this user the subject; load the generated permissions.conf.';
  return new RefusedError('ERR_NOT_PERMITTED', message, { cause });
}

function unavailable({ reason }: NoAnswer): string {
  return reason === 'no-responders'
    ? 'JetStream does not answer; enable it on the broker, or wait until it has a leader.'
    : 'The broker does not answer; see that it runs and can be reached.';
}
