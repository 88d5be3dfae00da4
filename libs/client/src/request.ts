// A call as bytes: the same request under the same call id is the same bytes, so that repeating it is harmless.

import {
  CLOUDEVENTS_VERSION,
  HEADERS,
  LIMITS,
  callSubject,
  cancelV1,
  encode,
  requestedV1,
  type Contract,
  type Requested,
} from '@flow-mcp/contracts';
import { signWithSecret } from '@flow-mcp/identity/signing';
import { CALL_ID_PATTERN, RefusedError, callIdTimeMs, type CallId, type Name } from '@flow-mcp/kernel';
import type { FactHeaders } from '@flow-mcp/messaging';
import type { Pass } from './person.js';
import type { CallRequest } from './types.js';

const START_WITHIN_MS = 30_000;
const SOURCE = '/flow-mcp/client';

/** A fact ready to be appended. */
export interface UnsentFact {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: FactHeaders;
}

/** A call whose tool is known by server and name. */
export type ResolvedRequest = Omit<CallRequest, 'name'> & Pick<Requested, 'server' | 'tool'>;

/** Where a call belongs. */
export interface CallKey {
  readonly flow: Name;
  readonly callId: CallId;
}

/**
 * A signed `requested`.
 * @throws RefusedError `ERR_CALL_ID_INVALID`, `ERR_ARGUMENTS_TOO_LARGE`, `ERR_MESSAGE_INVALID`
 */
export function requestedFact(
  call: CallKey,
  request: ResolvedRequest,
  { pass, secret }: Pass,
  traceparent?: string,
): UnsentFact {
  const subject = callSubject(call.flow, checkedCallId(call.callId), 'requested');
  const payload = requestedBytes(call.callId, request);
  const headers = [
    ...envelope(requestedV1, traceparent),
    [HEADERS.pass, pass] as const,
    [HEADERS.hmac, signWithSecret(secret, subject, payload)] as const,
  ];
  return { subject, payload, headers };
}

/** An unsigned `cancel`. @throws RefusedError `ERR_CALL_ID_INVALID`, `ERR_MESSAGE_INVALID` */
export function cancelFact({ flow, callId }: CallKey, reason?: string): UnsentFact {
  const payload = encode(cancelV1, reason === undefined ? {} : { reason });
  return { subject: callSubject(flow, checkedCallId(callId), 'cancel'), payload, headers: envelope(cancelV1) };
}

/** @throws RefusedError `ERR_CALL_ID_INVALID` */
export function checkedCallId(callId: CallId): CallId {
  if (CALL_ID_PATTERN.test(callId)) return callId;
  throw new RefusedError('ERR_CALL_ID_INVALID', 'A call id is a UUIDv7 in lower case.', { field: 'callId' });
}

function requestedBytes(callId: CallId, request: ResolvedRequest): Uint8Array {
  const { server, tool, arguments: given, thread, message, reason, startWithinMs = START_WITHIN_MS } = request;
  const payload = encode(requestedV1, {
    method: 'tools/call',
    server,
    tool,
    arguments: given,
    deadlineMs: request.deadlineMs ?? callIdTimeMs(callId) + startWithinMs,
    ...(thread === undefined ? {} : { thread }),
    ...(message === undefined ? {} : { message }),
    ...(reason === undefined ? {} : { reason }),
  });
  if (payload.byteLength <= LIMITS.requestedBytes) return payload;
  throw new RefusedError(
    'ERR_ARGUMENTS_TOO_LARGE',
    `The call has ${payload.byteLength} bytes; at most ${LIMITS.requestedBytes} are taken.`,
    { field: 'arguments' },
  );
}

function envelope({ type }: Contract<unknown>, traceparent?: string): (readonly [string, string])[] {
  return [
    [HEADERS.specVersion, CLOUDEVENTS_VERSION],
    [HEADERS.type, type],
    [HEADERS.source, SOURCE],
    [HEADERS.time, new Date().toISOString()],
    ...(traceparent === undefined ? [] : ([[HEADERS.traceparent, traceparent]] as const)),
  ];
}
