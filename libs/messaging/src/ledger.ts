// How a fact is written and read: one function each, everywhere.
//
// 1. The broker stores at most one message per subject; whoever writes first wins, the others learn who did.
// 2. A writer knows its own fact by the nonce in `ce-id`: fresh for every logical write, the same for its repeats.
//    There is no `Nats-Msg-Id`: somebody else's equal id would turn our write into an unstored "duplicate".
// 3. Every doubtful answer (time-out, lost connection, no leader) means: write again, same nonce. A repeat is stored or
//    refused with 10071, never stored twice.
// 4. 10071 means that the fact exists: it is read until found (a direct read may lag) and its nonce compared.
// 5. Absence is never inferred from a read, and "full" is only believed when no earlier repeat can have been stored.
// 6. When the deadline passes first, it is unknown whether the fact is stored: `ERR_BROKER_UNAVAILABLE`.

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { HEADERS } from '@flow-mcp/contracts';
import { RefusedError, RetryableError } from '@flow-mcp/kernel';
import { BrokerApiError, bodyOf, notPermitted, rethrow } from './broker-api.js';
import type { BrokerConnection } from './connection.js';
import { factOfDirectGet, type StoredFact } from './fact.js';
import { NoAnswer } from './inbox.js';
import { streamState, type StreamState } from './stream-state.js';

const APPEND_WITHIN_MS = 20_000;
const READ_WITHIN_MS = 5_000;
const ATTEMPT_MS = 2_000;
const PAUSE_MIN_MS = 10;
const PAUSE_MAX_MS = 1_000;
const EXISTS = 10071;
const STORE_FAILED = 10077;
const TOO_LARGE = 10054;

/** Whose fact is stored now. */
export type Appended =
  { readonly result: 'mine'; readonly seq: number } | { readonly result: 'other'; readonly fact: StoredFact };

/** What a fact carries besides its payload: header names and values. */
export type FactHeaders = Iterable<readonly [string, string]>;

/** A write-once stream: `LEDGER` or `REGISTRY`. */
export interface Ledger {
  readonly stream: string;
  /**
   * Writes a fact, unless its subject has one.
   * @param options.withinMs how long to try, in milliseconds; 20 s unless told
   * @throws RetryableError `ERR_LEDGER_FULL`: not stored; `ERR_BROKER_UNAVAILABLE`: unknown whether stored
   * @throws RefusedError `ERR_MESSAGE_TOO_LARGE`, `ERR_NOT_PERMITTED`: not stored
   */
  append(
    subject: string,
    payload: Uint8Array,
    headers?: FactHeaders,
    options?: { readonly withinMs?: number },
  ): Promise<Appended>;
  /**
   * The fact on `subject`; `undefined` when this read did not find one, which proves nothing.
   * @throws RetryableError `ERR_BROKER_UNAVAILABLE` after 5 s; RefusedError `ERR_NOT_PERMITTED`
   */
  read(subject: string): Promise<StoredFact | undefined>;
  /** Its size, limit, creation time and first and last sequence. @throws like `read` */
  state(): Promise<StreamState>;
}

/**
 * The ledger over a write-once stream.
 * @param options.attemptMs how long one attempt waits for the broker before it is repeated; 2 s unless told
 */
export function createLedger(
  connection: BrokerConnection,
  stream: string,
  { attemptMs = ATTEMPT_MS }: { readonly attemptMs?: number } = {},
): Ledger {
  const target = { connection, stream, attemptMs };
  return {
    stream,
    append: (subject, payload, headers = [], { withinMs = APPEND_WITHIN_MS } = {}) =>
      append({ ...target, subject, payload, headers: [...headers], nonce: randomUUID() }, withinMs),
    read: (subject) => readPatiently({ ...target, subject }),
    state: () => streamState(connection, stream),
  };
}

interface Place {
  readonly connection: BrokerConnection;
  readonly stream: string;
  readonly attemptMs: number;
  readonly subject: string;
}

interface Write extends Place {
  readonly payload: Uint8Array;
  readonly headers: readonly (readonly [string, string])[];
  readonly nonce: string;
}

type Attempt =
  | { readonly is: 'stored'; readonly seq: number }
  | { readonly is: 'exists' }
  | { readonly is: 'full' }
  | { readonly is: 'doubtful'; readonly cause: unknown };

async function append(write: Write, withinMs: number): Promise<Appended> {
  const endsAt = performance.now() + withinMs;
  let cause: unknown;
  for (let repeat = 0; ; repeat++) {
    const attempt = await attemptOnce(write, endsAt);
    if (attempt.is === 'stored') return { result: 'mine', seq: attempt.seq };
    if (attempt.is === 'full' && repeat === 0) throw full();
    if (attempt.is === 'doubtful') cause = attempt.cause;
    else {
      const appended = await whose(write);
      if (appended !== undefined) return appended;
    }
    if (!(await pauseBefore(repeat, endsAt, write.connection))) throw unknown(withinMs, cause);
  }
}

/** Invariants 2 and 3. */
async function attemptOnce(write: Write, endsAt: number): Promise<Attempt> {
  const headers = [
    ...write.headers,
    [HEADERS.id, write.nonce] as const,
    ['Nats-Expected-Last-Subject-Sequence', '0'] as const,
  ];
  const timeoutMs = Math.max(1, Math.min(write.attemptMs, endsAt - performance.now()));
  try {
    const answer = await write.connection.request(write.subject, write.payload, { timeoutMs, headers });
    const ack = bodyOf<{ stream: string; seq: number; duplicate?: boolean }>(answer);
    if (ack.stream !== write.stream || ack.duplicate === true) throw notStoredHere(write, ack.stream);
    return { is: 'stored', seq: ack.seq };
  } catch (error) {
    return classify(error);
  }
}

function classify(error: unknown): Attempt {
  if (error instanceof NoAnswer && error.reason === 'not-permitted') throw notPermitted(error);
  if (error instanceof NoAnswer) return { is: 'doubtful', cause: error };
  if (!(error instanceof BrokerApiError)) throw error;
  if (error.errCode === EXISTS) return { is: 'exists' };
  if (error.errCode === STORE_FAILED && error.message.includes('per subject')) return { is: 'exists' };
  if (error.errCode === STORE_FAILED && /maximum (bytes|messages) exceeded/.test(error.message)) return { is: 'full' };
  if (error.errCode === TOO_LARGE) {
    throw new RefusedError('ERR_MESSAGE_TOO_LARGE', 'The fact is larger than the stream takes.', { cause: error });
  }
  return { is: 'doubtful', cause: error };
}

/** Invariant 4: `undefined` when the read found nothing or failed. */
async function whose(write: Write): Promise<Appended | undefined> {
  const fact = await read(write).catch(ignoreRetryable);
  if (fact === undefined) return undefined;
  return fact.nonce === write.nonce ? { result: 'mine', seq: fact.seq } : { result: 'other', fact };
}

async function readPatiently(place: Place): Promise<StoredFact | undefined> {
  const endsAt = performance.now() + READ_WITHIN_MS;
  for (let repeat = 0; ; repeat++) {
    try {
      return await read(place);
    } catch (error) {
      if (!(error instanceof RetryableError)) throw error;
      if (!(await pauseBefore(repeat, endsAt, place.connection))) throw error;
    }
  }
}

/** By-subject form of the direct get, so that a permission can name what may be read. */
async function read({ connection, stream, attemptMs, subject }: Place): Promise<StoredFact | undefined> {
  const api = `$JS.API.DIRECT.GET.${stream}.${subject}`;
  const answer = await connection.request(api, new Uint8Array(), { timeoutMs: attemptMs }).catch(rethrow);
  return factOfDirectGet(answer);
}

function ignoreRetryable(error: unknown): undefined {
  if (!(error instanceof RetryableError)) throw error;
  return undefined;
}

/** Waits longer from repeat to repeat; `false` when the deadline would pass meanwhile. */
async function pauseBefore(repeat: number, endsAt: number, connection: BrokerConnection): Promise<boolean> {
  const pauseMs = Math.min(PAUSE_MIN_MS * 2 ** repeat, PAUSE_MAX_MS);
  if (performance.now() + pauseMs >= endsAt || connection.isClosed()) return false;
  await sleep(pauseMs);
  await connection.whenConnected(endsAt - performance.now());
  return performance.now() < endsAt && !connection.isClosed();
}

function full(): RetryableError {
  return new RetryableError(
    'ERR_LEDGER_FULL',
    'The ledger is full, so the fact was not stored; see that audit-ingester and notary run, or raise max_bytes.',
    { retryAfterMs: 5_000 },
  );
}

/** Invariant 6. */
function unknown(withinMs: number, cause: unknown): RetryableError {
  const message = `The broker did not say within ${withinMs} ms whether the fact is stored; read it before acting.`;
  return new RetryableError('ERR_BROKER_UNAVAILABLE', message, { cause });
}

function notStoredHere({ subject, stream }: Write, by: string): Error {
  return new Error(`${subject} was taken by stream ${by}, not stored anew by ${stream}; run the provisioner.`);
}
