// Request-reply: `flowmcp.v1.rpc.<service>.<verb>`, JSON both ways, core NATS.
//
// An error travels as `{ error: { code, message, field?, retryAfterMs? } }` and arrives as the error it was:
// with `retryAfterMs` a `RetryableError`, without a `RefusedError`. A bug arrives as `ERR_INTERNAL`, without detail.

import { LIMITS, decode, encode, rpcErrorV1, type RpcContract } from '@flow-mcp/contracts';
import { FlowMcpError, RefusedError, RetryableError, isJsonObject, parseStrictJson } from '@flow-mcp/kernel';
import { notPermitted } from './broker-api.js';
import type { BrokerConnection } from './connection.js';
import { NoAnswer, type Answer } from './inbox.js';

const TIMEOUT_MS = 10_000;
const RETRY_AFTER_MS = 1_000;

/** How a request is made. */
export interface RpcOptions {
  /** Milliseconds to wait for the answer; 10 s unless told. */
  readonly timeoutMs?: number;
  /** E.g. `traceparent`. */
  readonly headers?: Iterable<readonly [string, string]>;
}

/**
 * Asks the service that owns the contract.
 * @throws RefusedError or RetryableError as the service threw it; RetryableError `ERR_SERVICE_UNAVAILABLE` when no
 *   replica answers in time; RefusedError `ERR_MESSAGE_INVALID` when request or answer break the contract.
 */
export async function request<Q, A>(
  connection: BrokerConnection,
  contract: RpcContract<Q, A>,
  value: Q,
  options: RpcOptions = {},
): Promise<A> {
  const payload = encode(contract.request, value);
  const answer = await send(connection, contract.subject, payload, options);
  throwIfError(answer.payload);
  return decode(contract.response, answer.payload, LIMITS.rpcBytes);
}

/** An error as it travels. Bugs travel without detail. */
export function encodeError(error: unknown): Uint8Array {
  const known = error instanceof FlowMcpError && error.code !== 'ERR_INTERNAL';
  if (!known) {
    const message = 'The service failed at this request; its log says why.';
    return encode(rpcErrorV1, { error: { code: 'ERR_INTERNAL', message } });
  }
  const { code, message, field } = error;
  const retry = error instanceof RetryableError ? { retryAfterMs: error.retryAfterMs ?? RETRY_AFTER_MS } : {};
  return encode(rpcErrorV1, {
    error: {
      code,
      message: message.slice(0, 4_000).toWellFormed(),
      ...(field === undefined ? {} : { field }),
      ...retry,
    },
  });
}

async function send(
  connection: BrokerConnection,
  subject: string,
  payload: Uint8Array,
  { timeoutMs = TIMEOUT_MS, headers }: RpcOptions,
): Promise<Answer> {
  try {
    return await connection.request(subject, payload, { timeoutMs, headers });
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    if (error.reason === 'not-permitted') throw notPermitted(error);
    const service = subject.split('.')[3] ?? subject;
    const what = error.reason === 'no-responders' ? 'is not running' : `did not answer (${error.reason})`;
    throw new RetryableError('ERR_SERVICE_UNAVAILABLE', `The service ${service} ${what}; start it or try again.`, {
      cause: error,
      retryAfterMs: RETRY_AFTER_MS,
    });
  }
}

function throwIfError(payload: Uint8Array): void {
  if (payload.byteLength > LIMITS.rpcBytes) return;
  const value = parseStrictJson(Buffer.from(payload).toString('utf8'));
  if (!isJsonObject(value) || !('error' in value)) return;
  const { code, message, field, retryAfterMs } = decode(rpcErrorV1, payload, LIMITS.rpcBytes).error;
  const options = field === undefined ? {} : { field };
  if (code === 'ERR_INTERNAL') throw new FlowMcpError('ERR_INTERNAL', message);
  if (retryAfterMs === undefined) throw new RefusedError(code, message, options);
  throw new RetryableError(code, message, { ...options, retryAfterMs });
}
