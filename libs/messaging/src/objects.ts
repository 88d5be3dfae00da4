// A bucket of the NATS object store (ADR-20), as `nats object` sees it too, read in pieces.
//
// 1. An object is there when its meta message is, which is written after every chunk is stored.
// 2. A chunk is stored once, however often it is sent: it carries a `Nats-Msg-Id` with a random part.
// 3. The meta message names the sequence of every chunk, so that a piece costs one read, wherever it lies.

import { createHash, randomUUID } from 'node:crypto';
import { LIMITS } from '@flow-mcp/contracts';
import { rethrow } from './broker-api.js';
import type { BrokerConnection } from './connection.js';
import { factOfDirectGet, type StoredFact } from './fact.js';
import { publishStored } from './publish-stored.js';

const CHUNK_BYTES = LIMITS.resultPieceBytes;
const TIMEOUT_MS = 5_000;

/** An object store. */
export interface ObjectStore {
  /**
   * Stores an object; one of the same name is replaced.
   * @throws RetryableError `ERR_BROKER_UNAVAILABLE`; RefusedError `ERR_RESULT_LOST` when the store is full
   */
  put(name: string, bytes: Uint8Array): Promise<void>;
  /**
   * At most `bytesMax` bytes from `offset` on, at least one unless `offset` is at the end; `undefined` when there is no
   * such object any more. @throws RetryableError `ERR_BROKER_UNAVAILABLE`
   */
  readPiece(name: string, offset: number, bytesMax: number): Promise<Uint8Array | undefined>;
}

/** ObjectInfo of ADR-20, as far as it is used here. */
interface Meta {
  readonly size: number;
  readonly options: { readonly max_chunk_size: number };
  readonly metadata?: { readonly seqs?: string };
}

/** Opens an object store that the provisioner made. */
export function openObjects(connection: BrokerConnection, bucket: string): ObjectStore {
  const stream = `OBJ_${bucket}`;
  const metaSubject = (name: string): string => `$O.${bucket}.M.${paddedBase64Url(Buffer.from(name))}`;
  return {
    put: async (name, bytes) => {
      const nuid = randomUUID().replaceAll('-', '');
      const seqs = await putChunks(connection, { subject: `$O.${bucket}.C.${nuid}`, nuid, bytes });
      const payload = Buffer.from(JSON.stringify(metaOf({ bucket, name, nuid, bytes, seqs })));
      await publishStored(connection, { subject: metaSubject(name), payload, headers: [['Nats-Rollup', 'sub']] });
    },
    readPiece: async (name, offset, bytesMax) => {
      const stored = await get(connection, `${stream}.${metaSubject(name)}`);
      return (
        stored &&
        piece(connection, stream, JSON.parse(Buffer.from(stored.payload).toString()) as Meta, [offset, bytesMax])
      );
    },
  };
}

interface Chunks {
  readonly subject: string;
  readonly nuid: string;
  readonly bytes: Uint8Array;
}

/** Invariant 2. Returns the sequences of the chunks. */
async function putChunks(connection: BrokerConnection, { subject, nuid, bytes }: Chunks): Promise<number[]> {
  const seqs: number[] = [];
  for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES) {
    const payload = bytes.subarray(at, at + CHUNK_BYTES);
    seqs.push(await publishStored(connection, { subject, payload, headers: [['Nats-Msg-Id', `${nuid}.${at}`]] }));
  }
  return seqs;
}

interface Described {
  readonly bucket: string;
  readonly name: string;
  readonly nuid: string;
  readonly bytes: Uint8Array;
  readonly seqs: readonly number[];
}

function metaOf({ bucket, name, nuid, bytes, seqs }: Described): Meta & Record<string, unknown> {
  return {
    name,
    bucket,
    nuid,
    size: bytes.byteLength,
    chunks: seqs.length,
    digest: `SHA-256=${paddedBase64Url(createHash('sha256').update(bytes).digest())}`,
    mtime: new Date().toISOString(),
    options: { max_chunk_size: CHUNK_BYTES },
    metadata: { seqs: seqs.join(',') },
  };
}

/** Invariant 3. */
async function piece(
  connection: BrokerConnection,
  stream: string,
  { size, options, metadata }: Meta,
  [offset, bytesMax]: readonly [number, number],
): Promise<Uint8Array | undefined> {
  if (offset >= size) return new Uint8Array();
  const seq = metadata?.seqs?.split(',')[Math.floor(offset / options.max_chunk_size)];
  const chunk = await get(connection, stream, { seq: Number(seq) });
  const from = offset % options.max_chunk_size;
  return chunk?.payload.subarray(from, from + bytesMax);
}

async function get(connection: BrokerConnection, verb: string, query?: object): Promise<StoredFact | undefined> {
  const payload = Buffer.from(query === undefined ? '' : JSON.stringify(query));
  const api = `$JS.API.DIRECT.GET.${verb}`;
  return factOfDirectGet(await connection.request(api, payload, { timeoutMs: TIMEOUT_MS }).catch(rethrow));
}

/** As every other client of ADR-20 writes names and digests. */
function paddedBase64Url(bytes: Buffer): string {
  const text = bytes.toString('base64url');
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}
