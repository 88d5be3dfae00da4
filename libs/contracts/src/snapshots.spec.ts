// Upholds the invariants of snapshots.ts.

import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { z } from 'zod';
import { CONTRACTS } from './catalogue.js';
import { jsonSchemaOf } from './json-schema.js';
import { howToRelease, snapshots } from './snapshots.js';

const FOLDER = new URL('../snapshots/', import.meta.url);
const sha256Hex = (text: string) => createHash('sha256').update(text).digest('hex');
const files = readdirSync(FOLDER);
const typeOf = (file: string) => file.replace(/\.[0-9a-f]{12}\.json$/, '');

test.each(snapshots(sha256Hex).map(({ type, file }) => [type, file]))('1. %s is what was released', (type, file) => {
  if (!files.includes(file)) throw new Error(howToRelease(type));
});

test('1. every released contract is still there, once', () => {
  expect(files.map(typeOf).sort()).toEqual(CONTRACTS.map(({ type }) => type).sort());
});

test.each(files)('2. %s was never edited', (file) => {
  const hash = sha256Hex(readFileSync(new URL(file, FOLDER), 'utf8')).slice(0, 12);
  expect(file).toBe(`${typeOf(file)}.${hash}.json`);
});

test('every contract has a type of its own, with its version', () => {
  const types = CONTRACTS.map(({ type }) => type);
  expect(new Set(types).size).toBe(types.length);
  for (const type of types) expect(type).toMatch(/^flowmcp(\.[a-z-]+)+\.v\d+$/);
});

test('a schema that takes more or less gives another snapshot', () => {
  const text = (schema: z.ZodType) => JSON.stringify(jsonSchemaOf(schema));
  const one = z.strictObject({ a: z.string() });
  expect(text(one)).toBe(text(z.strictObject({ a: z.string() })));
  expect(text(one)).not.toBe(text(z.strictObject({ a: z.string().max(9) })));
  expect(text(one)).not.toBe(text(z.strictObject({ a: z.string().optional() })));
  expect(text(one)).not.toBe(text(z.looseObject({ a: z.string() })));
});
