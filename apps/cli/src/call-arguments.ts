// A tool's arguments from the command line: `--args '{"user":"ada"}'`, `--arg user=ada`, in that order.

import { RefusedError, isJsonObject, parseStrictJson, type Json, type JsonObject } from '@flow-mcp/kernel';

/**
 * Arguments of a call.
 * @param json a JSON object, or nothing
 * @param pairs `name=value`; a value that is JSON is taken as such (`3`, `true`, `"3"`), anything else as text
 * @throws RefusedError `ERR_CONFIG_INVALID`
 */
export function parseCallArguments(json: string | undefined, pairs: readonly string[]): JsonObject {
  return { ...(json === undefined ? {} : parseObject(json)), ...Object.fromEntries(pairs.map(parsePair)) };
}

function parseObject(text: string): JsonObject {
  const value = parse(text);
  if (isJsonObject(value)) return value;
  throw wrong(`--args takes a JSON object, for example --args '{"user": "ada"}'.`);
}

function parsePair(pair: string): [string, Json] {
  const at = pair.indexOf('=');
  if (at < 1) throw wrong('--arg takes name=value, for example --arg user=ada.');
  const text = pair.slice(at + 1);
  return [pair.slice(0, at), parse(text) ?? nullOrText(text)];
}

/** The JSON that `text` is; `undefined` for anything else, and for `null`. */
function parse(text: string): Json | undefined {
  try {
    return parseStrictJson(text) ?? undefined;
  } catch {
    return undefined;
  }
}

function nullOrText(text: string): Json {
  return text.trim() === 'null' ? null : text;
}

function wrong(message: string): RefusedError {
  return new RefusedError('ERR_CONFIG_INVALID', message);
}
