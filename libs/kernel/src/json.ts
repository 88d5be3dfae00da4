// Strict JSON: what two parsers could read differently is refused before it is hashed or acted upon.
// RFC 8785 §3.1 asks for I-JSON (RFC 7493): no duplicate names, no integers beyond 2^53.

import { RefusedError } from './errors.js';

/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** A JSON object. */
export type JsonObject = { readonly [name: string]: Json };

/** How deep a document may nest, here and in every schema of ours. */
export const JSON_DEPTH_MAX = 64;

/**
 * Parses JSON that has one meaning only.
 * @throws RefusedError `ERR_MESSAGE_INVALID` on a syntax error, a duplicate name, an integer beyond 2^53,
 *   a lone surrogate or nesting beyond `depthMax`.
 */
export function parseStrictJson(text: string, depthMax: number = JSON_DEPTH_MAX): Json {
  const value = parse(text);
  scan(text, depthMax);
  return value;
}

/** Whether `value` is an object with names, not an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new RefusedError('ERR_MESSAGE_INVALID', 'The text is not JSON; send one JSON value in UTF-8.', { cause });
  }
}

/** Walks text that `JSON.parse` accepted, so only strings, numbers and brackets need a look. */
function scan(text: string, depthMax: number): void {
  const names: (Set<string> | undefined)[] = [];
  const structure = /[{}[\]"]|-?\d[\d.eE+-]*/g;
  for (let match = structure.exec(text); match !== null; match = structure.exec(text)) {
    const [token] = match;
    if (token === '"') structure.lastIndex = scanString(text, match.index, names.at(-1)) + 1;
    else if (token === '}' || token === ']') names.pop();
    else if (token !== '{' && token !== '[') checkNumber(token);
    else if (names.push(token === '{' ? new Set() : undefined) > depthMax) {
      refuse(`The JSON nests deeper than ${depthMax} levels; flatten it.`);
    }
  }
}

/** Returns the index of the closing quote; remembers the string if it is the name of a member. */
function scanString(text: string, start: number, names: Set<string> | undefined): number {
  let end = start + 1;
  while (text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  const literal = text.slice(start, end + 1);
  const value = literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1);
  if (!value.isWellFormed()) refuse('A string holds half of a surrogate pair; send well-formed Unicode.');
  if (names !== undefined && isName(text, end)) {
    if (names.has(value))
      refuse(`The name ${JSON.stringify(value.slice(0, 64))} stands twice in one object; keep one.`);
    names.add(value);
  }
  return end;
}

function isName(text: string, closingQuote: number): boolean {
  let next = closingQuote + 1;
  while (/[ \t\r\n]/.test(text[next] ?? '')) next++;
  return text[next] === ':';
}

function checkNumber(literal: string): void {
  const value = Number(literal);
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
    refuse(`The number ${literal.slice(0, 32)} is beyond 2^53 and would change its value; send it as a string.`);
  }
}

function refuse(message: string): never {
  throw new RefusedError('ERR_MESSAGE_INVALID', message);
}
