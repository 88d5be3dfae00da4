// A tool's arguments from the command line: `--args '{"user":"ada"}'`, `--arg user=ada`, in that order.

import { RefusedError, isJsonObject, parseStrictJson, type Json, type JsonObject } from '@flow-mcp/kernel';

/**
 * Arguments of a call.
 * @param json a JSON object, or nothing
 * @param pairs `name=value`; a value that is JSON is taken as such (`3`, `true`, `"3"`), anything else as text
 * @param schema the tool's `inputSchema`, if it is known: where it wants a string, the value is text as it stands
 * @throws RefusedError `ERR_CONFIG_INVALID`
 */
export function parseCallArguments(
  json: string | undefined,
  pairs: readonly string[],
  schema: JsonObject = {},
): JsonObject {
  const parsed = pairs.map((pair) => parsePair(pair, schema));
  return { ...(json === undefined ? {} : parseObject(json)), ...Object.fromEntries(parsed) };
}

function parseObject(text: string): JsonObject {
  const value = parse(text);
  if (isJsonObject(value)) return value;
  throw wrong(`--args takes a JSON object, for example --args '{"user": "ada"}'.`);
}

function parsePair(pair: string, schema: JsonObject): [string, Json] {
  const at = pair.indexOf('=');
  if (at < 1) throw wrong('--arg takes name=value, for example --arg user=ada.');
  const [name, text] = [pair.slice(0, at), pair.slice(at + 1)];
  return [name, wantsText(schema, name) ? text : (parse(text) ?? nullOrText(text))];
}

/** Whether the schema says in so many words that it must be a string. */
function wantsText({ properties }: JsonObject, name: string): boolean {
  const property = isJsonObject(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
  return isJsonObject(property) && property['type'] === 'string';
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
