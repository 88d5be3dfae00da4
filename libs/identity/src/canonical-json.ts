// Canonical JSON (RFC 8785): equal values have equal bytes, so that a hash speaks for the value.
// `canonicalize` orders and prints; what it would print although two readers could differ is refused here first.

import { JSON_DEPTH_MAX, RefusedError } from '@flow-mcp/kernel';
import canonicalize from 'canonicalize';

/**
 * The one spelling of a JSON value, RFC 8785 §3.2. Members that are `undefined` count as absent.
 * @throws RefusedError `ERR_MESSAGE_INVALID` for what is not I-JSON (RFC 7493): numbers that are not finite or integers
 *   beyond 2^53, lone surrogates, nesting beyond 64 levels, and whatever JSON cannot say.
 */
export function canonicalJson(value: unknown): string {
  checkValue(value, JSON_DEPTH_MAX);
  return canonicalize(value) as string;
}

function checkValue(value: unknown, depthLeft: number): void {
  if (value === null || typeof value === 'boolean') return;
  if (typeof value === 'number') return checkNumber(value);
  if (typeof value === 'string') return checkString(value);
  if (typeof value !== 'object') refuse(`A ${typeof value} is not JSON; send data only.`);
  if (depthLeft === 0) refuse(`The value nests deeper than ${JSON_DEPTH_MAX} levels; flatten it.`);
  if (Array.isArray(value)) for (const item of value) checkValue(item, depthLeft - 1);
  else checkMembers(value, depthLeft - 1);
}

function checkMembers(value: object, depthLeft: number): void {
  for (const [name, member] of Object.entries(value) as [string, unknown][]) {
    if (member === undefined) continue;
    checkString(name);
    checkValue(member, depthLeft);
  }
}

function checkNumber(value: number): void {
  if (!Number.isFinite(value)) refuse('NaN and Infinity are not JSON numbers; send null or a string.');
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    refuse('An integer beyond 2^53 changes its value between readers; send it as a string.');
  }
}

function checkString(value: string): void {
  if (!value.isWellFormed()) refuse('A string holds half of a surrogate pair; send well-formed Unicode.');
}

function refuse(message: string): never {
  throw new RefusedError('ERR_MESSAGE_INVALID', message);
}
