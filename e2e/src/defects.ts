// The bad fixtures of the contracts, as bytes to be sent: see libs/contracts/fixtures/README.md.

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** A message with one defect, and how it must be refused. */
export interface Defect {
  readonly name: string;
  readonly payload: Uint8Array;
  readonly code: string;
  readonly field?: string;
  /** `ce-type` to send. */
  readonly type: string;
}

interface Written {
  readonly set?: Readonly<Record<string, unknown>>;
  readonly unset?: string;
  readonly text?: string | { readonly $deep: number };
  readonly base64?: string;
  readonly type?: string;
  readonly field?: string;
  readonly code?: string;
  readonly reads?: boolean;
}

interface Fixtures {
  readonly good: Readonly<Record<string, object>>;
  readonly bad: Readonly<Record<string, Written>>;
}

const ROOT = new URL('../../libs/contracts/fixtures/', import.meta.url);
const load = <T>(path: string): T => parse(readFileSync(new URL(path, ROOT), 'utf8')) as T;
const CONTRACTS = { ...load<Contracts>('contracts/calls.yaml'), ...load<Contracts>('contracts/rpc.yaml') };
const EVERY_CONTRACT = load<Record<string, Written>>('every-contract.yaml');

type Contracts = Readonly<Record<string, Fixtures>>;

/** Subjects of calls that no call may have, by what is wrong with them. */
export const BAD_SUBJECTS = Object.entries(load<{ bad: Record<string, string> }>('subjects.yaml').bad);

/** A message that satisfies the contract. */
export function goodMessage(type: string): object {
  return Object.values(CONTRACTS[type]?.good ?? {})[0] ?? {};
}

/** Every message that a reader of this contract must refuse. */
export function defectsOf(type: string): Defect[] {
  const own = Object.entries(CONTRACTS[type]?.bad ?? {}).filter(([, { reads }]) => reads !== true);
  const general = Object.entries(EVERY_CONTRACT);
  return [...own, ...general].map(([name, written]) => ({
    ...{ name, payload: bytesOf(goodMessage(type), written), type: written.type ?? type },
    code: written.code ?? 'ERR_MESSAGE_INVALID',
    ...(written.field === undefined ? {} : { field: written.field }),
  }));
}

function bytesOf(good: object, { text, base64, set = {}, unset }: Written): Uint8Array {
  if (base64 !== undefined) return Buffer.from(base64, 'base64');
  if (typeof text === 'string') return Buffer.from(text);
  if (text !== undefined) return Buffer.from(`${'{"a":'.repeat(text.$deep)}1${'}'.repeat(text.$deep)}`);
  const message = structuredClone(good);
  for (const [path, value] of Object.entries(set)) place(message, path, expanded(value));
  if (unset !== undefined) place(message, unset, undefined);
  return Buffer.from(JSON.stringify(message));
}

/** Members that are `undefined` are not sent. */
function place(message: object, path: string, value: unknown): void {
  const names = path.split('.');
  const last = names.pop() ?? '';
  type Members = Record<string, unknown>;
  const holder = names.reduce((object, name) => object[name] as Members, message as Members);
  holder[last] = value;
}

function expanded(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('$nest' in value) return Array.from({ length: value.$nest as number }).reduce((inner) => ({ inner }), {});
  if (!('$repeat' in value)) return value;
  const [what, count] = value.$repeat as [unknown, number];
  return typeof what === 'string' ? what.repeat(count) : Array.from({ length: count }, () => what);
}
