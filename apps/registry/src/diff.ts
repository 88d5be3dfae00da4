// What changes between two versions of a resource, in words: `confirm: false -> true`,
// `bindings.write: added group sre`. No lines mean that nothing changes, and only then (tests: D1).

import type { Binding, Resource } from '@flow-mcp/contracts';
import { isJsonObject, type Json, type JsonObject } from '@flow-mcp/kernel';

const LINES_MAX = 200;
const LINE_MAX = 500;
const TEXT_MAX = 200;

/** The changes from one version to another, a line each; `undefined` for a resource that is not there yet. */
export function describeChanges(before: Resource | undefined, after: Resource): string[] {
  const lines = changes('', before === undefined ? undefined : partsOf(before), partsOf(after)).map((line) =>
    clip(line, LINE_MAX),
  );
  if (lines.length <= LINES_MAX) return lines;
  return [...lines.slice(0, LINES_MAX - 1), `and ${lines.length - LINES_MAX + 1} more changes`];
}

/** People think of a server's url, not of its `spec.url`. */
function partsOf({ metadata, spec }: Resource): JsonObject {
  const { name: _name, ...rest } = metadata;
  return { ...(spec as JsonObject), ...(Object.keys(rest).length === 0 ? {} : { metadata: rest }) };
}

function changes(path: string, before: Json | undefined, after: Json | undefined): string[] {
  if (same(before, after)) return [];
  const objects = [before ?? {}, after ?? {}] as const;
  if (objects.every(isJsonObject) && objects.some(isFilled))
    return membersOf(path, ...(objects as [JsonObject, JsonObject]));
  const lists = [before ?? [], after ?? []] as const;
  if (lists.every(Array.isArray) && lists.some(isFilled)) return itemsOf(path, ...(lists as [Json[], Json[]]));
  return [before === undefined ? `${path}: ${shown(after)}` : `${path}: ${shown(before)} -> ${shown(after)}`];
}

function membersOf(path: string, before: JsonObject, after: JsonObject): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.flatMap((name) => changes(path === '' ? name : `${path}.${name}`, before[name], after[name]));
}

/** Lists are compared as collections of words; what only changed places is said to have been reordered. */
function itemsOf(path: string, before: readonly Json[], after: readonly Json[]): string[] {
  const removed = without(before.map(wordOf), after.map(wordOf));
  const added = without(after.map(wordOf), before.map(wordOf));
  const lines = [
    ...removed.map((word) => `${path}: removed ${word}`),
    ...added.map((word) => `${path}: added ${word}`),
  ];
  return lines.length > 0 ? lines : [`${path}: reordered`];
}

/** `items` less one of each of `others`. */
function without(items: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const word of others) left.set(word, (left.get(word) ?? 0) + 1);
  return items.filter((word) => {
    const count = left.get(word) ?? 0;
    left.set(word, count - 1);
    return count <= 0;
  });
}

function wordOf(item: Json): string {
  if (!isJsonObject(item)) return shown(item);
  const { groupName, userEmail, id } = item as Binding;
  const names = Object.keys(item);
  if (names.length === 1 && groupName !== undefined) return `group ${groupName}`;
  if (names.length === 1 && (userEmail ?? id) !== undefined) return `person ${userEmail ?? id}`;
  const server = item.mcpServerRef;
  if (names.length === 1 && isJsonObject(server) && Object.keys(server).length === 1)
    return `server ${shown(server.name)}`;
  return shown(item);
}

function shown(value: Json | undefined): string {
  if (value === undefined) return '(not set)';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return clip(text, TEXT_MAX);
}

function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

/** Equal, whatever the order of members. */
function same(one: Json | undefined, other: Json | undefined): boolean {
  if (one === other) return true;
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => same(item as Json, other[index] as Json));
  }
  if (!isJsonObject(one) || !isJsonObject(other)) return false;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => same(one[name], other[name]));
}

function isFilled(value: Json): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}
