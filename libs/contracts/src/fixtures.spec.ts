// Walks fixtures/: every contract accepts its good messages and refuses each bad one by name. See fixtures/README.md.

import { FlowMcpError } from '@flow-mcp/kernel';
import { readFileSync, readdirSync } from 'node:fs';
import { parse } from 'yaml';
import { CONTRACTS } from './catalogue.js';
import { check, decode, encode, expectType, type Contract } from './contract.js';
import { LIMITS } from './streams.js';
import { parseCallSubject } from './subjects.js';

interface Bad {
  readonly set?: Readonly<Record<string, unknown>>;
  readonly unset?: string;
  readonly text?: string | { readonly $deep: number };
  readonly base64?: string;
  readonly type?: string;
  readonly field?: string;
  readonly code?: string;
  readonly reads?: boolean;
  readonly publishes?: boolean;
}
interface Fixtures {
  readonly good: Readonly<Record<string, unknown>>;
  readonly bad: Readonly<Record<string, Bad>>;
}

const ROOT = new URL('../fixtures/', import.meta.url);
const load = <T>(path: string) => parse(readFileSync(new URL(path, ROOT), 'utf8')) as T;
const files = readdirSync(new URL('contracts', ROOT)).map((file) =>
  load<Record<string, Fixtures>>(`contracts/${file}`),
);
const fixtures = Object.fromEntries(files.flatMap((file) => Object.entries(file)));
const everyContract = load<Record<string, Bad>>('every-contract.yaml');
const subjects = load<{ good: Record<string, string>; bad: Record<string, string> }>('subjects.yaml');
const encoder = new TextEncoder();
const bytesMax = (type: string) =>
  type === 'flowmcp.calls.requested.v1' ? LIMITS.requestedBytes : LIMITS.messageBytes;

test('there are fixtures for every contract, and for nothing else', () => {
  expect(Object.keys(fixtures).sort()).toEqual(CONTRACTS.map(({ type }) => type).sort());
  for (const { good, bad } of Object.values(fixtures)) {
    expect(Object.keys(good).length).toBeGreaterThan(0);
    expect(Object.keys(bad).length).toBeGreaterThan(0);
  }
});

describe.each(CONTRACTS.map((contract) => [contract.type, contract] as const))('%s', (type, contract) => {
  const { good, bad } = fixtures[type] as Fixtures;
  const [first] = Object.values(good) as [object];

  test.each(Object.entries(good))('accepts: %s', (_, message) => {
    expect(read(contract, encode(contract, message))).toEqual(message);
  });

  test.each(Object.entries(bad))('refuses: %s', (_, defect) => {
    const { field, code = 'ERR_MESSAGE_INVALID', reads = false, publishes = false } = defect;
    const refusal = { code, ...(field === undefined ? {} : { field }) };
    const payload = bytesOf(first, defect);
    if (reads) expect(refusalOf(() => read(contract, payload, defect.type))).toBeUndefined();
    else expect(refusalOf(() => read(contract, payload, defect.type))).toMatchObject(refusal);
    if (defect.text === undefined && !publishes) {
      expect(refusalOf(() => encode(contract, changed(first, defect)))).toMatchObject(refusal);
    }
  });

  test.each(Object.entries(everyContract))('refuses: %s', (name, defect) => {
    if (name === 'an empty object' && isAccepted(contract, {})) return;
    expect(refusalOf(() => read(contract, bytesOf(first, defect)))?.code).toBe('ERR_MESSAGE_INVALID');
  });

  test('refuses an unknown member when publishing and accepts it when reading', () => {
    const message = { ...first, unheardOf: true };
    expect(refusalOf(() => encode(contract, message))).toMatchObject({ field: 'unheardOf' });
    expect(refusalOf(() => read(contract, bytesOf(message, {})))).toBeUndefined();
  });
});

test.each(Object.entries(subjects.good))('takes %s apart', (_, subject) => {
  expect(subject).toContain(parseCallSubject(subject).callId);
});

test.each(Object.entries(subjects.bad))('refuses the subject: %s', (_, subject) => {
  expect(refusalOf(() => parseCallSubject(subject))).toMatchObject({ code: 'ERR_CALL_ID_INVALID', field: 'subject' });
});

function read(contract: Contract<unknown>, payload: Uint8Array, type = contract.type): unknown {
  expectType(contract, type);
  return decode(contract, payload, bytesMax(contract.type));
}

function isAccepted(contract: Contract<unknown>, message: unknown): boolean {
  return refusalOf(() => check(contract.loose, message)) === undefined;
}

/** The error of ours; anything else fails the test. Every refusal must say something. */
function refusalOf(attempt: () => unknown): FlowMcpError | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    if (!(error instanceof FlowMcpError)) throw error;
    expect(error.message).toMatch(/^.{10,2000}$/s);
    return error;
  }
}

function bytesOf(first: object, defect: Bad): Uint8Array {
  if (defect.base64 !== undefined) return Buffer.from(defect.base64, 'base64');
  if (typeof defect.text === 'string') return encoder.encode(defect.text);
  if (defect.text !== undefined)
    return encoder.encode('{"a":'.repeat(defect.text.$deep) + '1' + '}'.repeat(defect.text.$deep));
  return encoder.encode(JSON.stringify(changed(first, defect)));
}

function changed(first: object, { set = {}, unset }: Bad): unknown {
  const message = structuredClone(first);
  for (const [path, value] of Object.entries(set)) place(message, path, expanded(value));
  if (unset !== undefined) place(message, unset, undefined);
  return message;
}

function place(message: object, path: string, value: unknown): void {
  const names = path.split('.');
  const last = names.pop() as string;
  const holder = names.reduce(
    (object, name) => object[name] as Record<string, unknown>,
    message as Record<string, unknown>,
  );
  if (value === undefined) delete holder[last];
  else holder[last] = value;
}

function expanded(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('$repeat' in value) {
    const [what, count] = value.$repeat as [unknown, number];
    return typeof what === 'string' ? what.repeat(count) : Array.from({ length: count }, () => what);
  }
  if ('$nest' in value) return Array.from({ length: value.$nest as number }).reduce((inner) => ({ inner }), {});
  return value;
}
