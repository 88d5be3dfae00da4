// A contract is one message at one version: strict to publish, loose to read.

import { PoisonError, RefusedError, parseStrictJson } from '@flow-mcp/kernel';
import { z } from 'zod';

/** How object schemas are made: strict for publishers, loose for readers. */
export type ObjectOf = typeof z.strictObject;

/** One message at one version. */
export interface Contract<T> {
  /** CloudEvents type, e.g. `flowmcp.calls.requested.v1`. */
  readonly type: string;
  readonly doc: string;
  /** What publishers must satisfy. */
  readonly strict: z.ZodType<T>;
  /** What readers demand: unknown members of a newer publisher are let through. */
  readonly loose: z.ZodType<T>;
}

/** Defines a message once, for both sides. `build` makes every object with the function it is given. */
export function contract<S extends z.ZodType>(
  type: string,
  doc: string,
  build: (object: ObjectOf) => S,
): Contract<z.output<S>> {
  const strict = build(z.strictObject);
  const loose = build(z.looseObject);
  return { type, doc, strict: strict as z.ZodType<z.output<S>>, loose: loose as z.ZodType<z.output<S>> };
}

/** The type of a contract's message. */
export type MessageOf<C> = C extends Contract<infer T> ? T : never;

const encoder = new TextEncoder();

/**
 * A message as bytes, after the strict check.
 * @throws RefusedError `ERR_MESSAGE_INVALID` naming the field: the publisher has a bug.
 */
export function encode<T>(definition: Contract<T>, message: T): Uint8Array {
  return encoder.encode(JSON.stringify(check(definition.strict, message)));
}

/**
 * A message from bytes that came from outside.
 * @throws RefusedError `ERR_MESSAGE_INVALID` naming the field, `ERR_MESSAGE_TOO_LARGE` beyond `bytesMax`.
 */
export function decode<T>(definition: Contract<T>, payload: Uint8Array, bytesMax: number): T {
  if (payload.byteLength > bytesMax) {
    throw new RefusedError(
      'ERR_MESSAGE_TOO_LARGE',
      `The message has ${payload.byteLength} bytes; at most ${bytesMax} are taken.`,
    );
  }
  return check(definition.loose, parseStrictJson(text(payload)));
}

/** @throws PoisonError `ERR_VERSION_UNKNOWN` when the envelope names another type than the contract's. */
export function expectType(definition: Contract<unknown>, type: string | undefined): void {
  if (type !== undefined && type !== definition.type) {
    throw new PoisonError(
      'ERR_VERSION_UNKNOWN',
      `The message is a ${type.slice(0, 80)}; this service reads ${definition.type}.`,
      { field: 'ce-type' },
    );
  }
}

/** Checks a value. @throws RefusedError `ERR_MESSAGE_INVALID` naming the first field at fault and what it should be. */
export function check<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { field, problem } = firstProblem(parsed.error);
  throw new RefusedError('ERR_MESSAGE_INVALID', `${field === '' ? 'The message' : `\`${field}\``}: ${problem}.`, {
    field,
  });
}

/** The first issue of a zod error as a field path and a sentence without its full stop. */
export function firstProblem(error: z.ZodError): { field: string; problem: string } {
  const issue = error.issues[0];
  if (issue === undefined) return { field: '', problem: 'is not valid' };
  const extra = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const path = extra === undefined ? issue.path : [...issue.path, extra];
  const problem =
    extra === undefined ? lowerFirst(issue.message) : 'is not a known field; remove it or correct its spelling';
  return { field: path.map((step) => String(step).slice(0, 64).toWellFormed()).join('.'), problem };
}

function text(payload: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(payload);
  } catch (cause) {
    throw new RefusedError('ERR_MESSAGE_INVALID', 'The message is not UTF-8.', { cause });
  }
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1).replace(/\.$/, '');
}
