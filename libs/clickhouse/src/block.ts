// A block: consecutive facts that are inserted as one, and the rows that they become.
//
//   B1. A block is the same bytes under the same token, whichever replica cut it: nothing of it comes from a clock or
//       from the process that inserts it.
//   B2. Headers that carry secrets are left out; their names stay, so that nobody takes them for never sent.

import { createHash } from 'node:crypto';
import { HEADERS, parseResourceSubject, type StreamName } from '@flow-mcp/contracts';
import type { EpochMs } from '@flow-mcp/kernel';

/** A stream, told from one of the same name that was made anew. */
export interface StreamIdentity {
  readonly stream: StreamName;
  readonly createdAt: EpochMs;
}

/** A fact as it lies in its stream. */
export interface RecordedFact {
  readonly subject: string;
  readonly seq: number;
  readonly storedAtMs: EpochMs;
  readonly payload: Uint8Array;
  readonly headers: Iterable<readonly [string, string]>;
}

/** Consecutive facts of one stream; at least one. */
export interface Block {
  readonly stream: StreamIdentity;
  readonly facts: readonly RecordedFact[];
}

/** A row of `ledger` on its way in. */
export interface LedgerRow {
  readonly stream: StreamName;
  readonly stream_created: EpochMs;
  readonly seq: number;
  readonly stored_at: EpochMs;
  readonly subject: string;
  readonly flow: string;
  readonly call_id: string;
  readonly fact: string;
  readonly kind: string;
  readonly name: string;
  readonly generation: number;
  readonly headers: string;
  readonly headers_dropped: readonly string[];
  readonly payload_base64: string;
  readonly payload_sha256: string;
  readonly block_first: number;
}

const SECRET_HEADERS = new Set([HEADERS.pass, HEADERS.hmac].map((name) => name.toLowerCase()));
const NO_CALL = { flow: '', call_id: '', fact: '' };
const NO_RESOURCE = { kind: '', name: '', generation: 0 };

/** The rows of a block, in order. */
export function ledgerRows({ stream, facts }: Block): LedgerRow[] {
  const first = facts[0]?.seq ?? 0;
  return facts.map((fact) => ledgerRow(stream, fact, first));
}

/** `<stream>:<createdMs>:<first>-<last>:<SHA-256 over the payloads' SHA-256>`. Invariant B1. */
export function blockToken({ stream, createdAt }: StreamIdentity, rows: readonly LedgerRow[]): string {
  const digest = createHash('sha256');
  for (const row of rows) digest.update(row.payload_sha256);
  return `${stream}:${createdAt}:${rows[0]?.seq}-${rows.at(-1)?.seq}:${digest.digest('hex')}`;
}

function ledgerRow({ stream, createdAt }: StreamIdentity, fact: RecordedFact, blockFirst: number): LedgerRow {
  return {
    stream,
    stream_created: createdAt,
    seq: fact.seq,
    stored_at: fact.storedAtMs,
    subject: fact.subject,
    ...(stream === 'LEDGER' ? callOf(fact.subject) : NO_CALL),
    ...(stream === 'REGISTRY' ? resourceOf(fact.subject) : NO_RESOURCE),
    ...headersOf(fact.headers),
    payload_base64: Buffer.from(fact.payload).toString('base64'),
    payload_sha256: createHash('sha256').update(fact.payload).digest('hex'),
    block_first: blockFirst,
  };
}

/** Whatever stands in the places of a call's subject: a malformed one is recorded like any other. */
export function callOf(subject: string): Pick<LedgerRow, 'flow' | 'call_id' | 'fact'> {
  const [, , , flow = '', callId = '', fact = ''] = subject.split('.');
  return { flow, call_id: callId, fact };
}

function resourceOf(subject: string): Pick<LedgerRow, 'kind' | 'name' | 'generation'> {
  const resource = parseResourceSubject(subject);
  if (resource === undefined) return NO_RESOURCE;
  return { kind: resource.kind, name: resource.name, generation: resource.generation };
}

/** Invariant B2. */
function headersOf(headers: RecordedFact['headers']): Pick<LedgerRow, 'headers' | 'headers_dropped'> {
  const all = [...headers].sort(([a], [b]) => (a < b ? -1 : 1));
  const isSecret = ([name]: readonly [string, string]): boolean => SECRET_HEADERS.has(name.toLowerCase());
  return {
    headers: JSON.stringify(Object.fromEntries(all.filter((header) => !isSecret(header)))),
    headers_dropped: all.filter(isSecret).map(([name]) => name),
  };
}
