// Names and ids that are safe as NATS subject tokens.

import type { EpochMs } from './units.js';

/** A DNS label (RFC 1123 §2.1): what servers, Flows and services may be called. */
export type Name = string;

/** A UUIDv7 (RFC 9562 §5.7) in lower case; its first 48 bits are the requester's time. */
export type CallId = string;

/** How a `Name` is written. */
export const NAME_PATTERN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** How a `CallId` is written. */
export const CALL_ID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** The time inside a call id, in Unix milliseconds. Expects what `CALL_ID_PATTERN` accepts. */
export function callIdTimeMs(callId: CallId): EpochMs {
  return parseInt(callId.slice(0, 8) + callId.slice(9, 13), 16);
}
