// Durations, sizes and rates as people write them in YAML.

import { RefusedError } from './errors.js';

/** Unix time in milliseconds. */
export type EpochMs = number;

const MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const BYTES = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

/** `30s`, `15m`, `500ms` as milliseconds. @throws RefusedError `ERR_MANIFEST_INVALID` */
export function parseDurationMs(text: string): number {
  return scaled(text, /^(\d{1,9})(ms|s|m|h|d)$/, MS, 'a duration such as 30s, 15m or 24h');
}

/** `256KiB`, `1MiB` as bytes. @throws RefusedError `ERR_MANIFEST_INVALID` */
export function parseBytes(text: string): number {
  return scaled(text, /^(\d{1,9})(B|KiB|MiB|GiB)$/, BYTES, 'a size such as 512KiB or 1MiB');
}

/** So many events in so many milliseconds. */
export interface Rate {
  readonly count: number;
  readonly perMs: number;
}

/** `60/m`, `5/s`. @throws RefusedError `ERR_MANIFEST_INVALID` */
export function parseRate(text: string): Rate {
  const match = /^(\d{1,9})\/(s|m|h)$/.exec(text);
  if (match === null) throw new RefusedError('ERR_MANIFEST_INVALID', `Write a rate such as 60/m, not ${quote(text)}.`);
  return { count: Number(match[1]), perMs: MS[match[2] as 's' | 'm' | 'h'] };
}

function scaled(text: string, pattern: RegExp, units: Readonly<Record<string, number>>, what: string): number {
  const match = pattern.exec(text);
  const unit = match?.[2] === undefined ? undefined : units[match[2]];
  if (match === null || unit === undefined)
    throw new RefusedError('ERR_MANIFEST_INVALID', `Write ${what}, not ${quote(text)}.`);
  return Number(match[1]) * unit;
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 32));
}
