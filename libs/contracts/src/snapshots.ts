// Frozen contracts. A snapshot's file name carries the hash of what is in it:
//
//   libs/contracts/snapshots/<type>.<first 12 hex of SHA-256>.json
//
// 1. Every contract has exactly one snapshot, equal to its schema now: a changed contract has none.
// 2. A snapshot is never edited: its name would no longer fit.
// 3. New ones are written by `node tools/generate.mjs`, which never replaces an existing one.

import { CONTRACTS } from './catalogue.js';
import { jsonSchemaOf } from './json-schema.js';

/** A snapshot as it lies in the folder. */
export interface Snapshot {
  /** The contract's type, e.g. `flowmcp.calls.requested.v1`. */
  readonly type: string;
  readonly file: string;
  readonly text: string;
}

/** The snapshot of every contract as it is now. `sha256Hex` is the caller's, because this library does no I/O. */
export function snapshots(sha256Hex: (text: string) => string): readonly Snapshot[] {
  return CONTRACTS.map(({ type, strict }) => {
    const text = `${JSON.stringify(jsonSchemaOf(strict), null, 2)}\n`;
    return { type, text, file: `${type}.${sha256Hex(text).slice(0, 12)}.json` };
  });
}

/** What to do about a contract that no longer is what its snapshot says. */
export function howToRelease(type: string): string {
  return (
    `${type} was released and has changed. Put it back, and make the change in a new version: write v2.ts beside v1.ts ` +
    `with a contract of the next type and a fromV1, add it to catalogue.ts, and run \`node tools/generate.mjs\`. ` +
    `If no release carries it yet, delete its snapshot and run the same command.`
  );
}
