// A bucket of the NATS key-value store (ADR-8), as `nats kv` sees it too: the last value of each key.
// For what can be rebuilt; what must not be lost is a fact.

import { RefusedError } from '@flow-mcp/kernel';
import { rethrow } from './broker-api.js';
import type { BrokerConnection } from './connection.js';
import { factOfDirectGet, type RepublishedFact } from './fact.js';
import { follow, type Follower } from './follow.js';
import { publishStored } from './publish-stored.js';

const KEY = /^[-/_=a-zA-Z0-9]+(?:\.[-/_=a-zA-Z0-9]+)*$/;
const OPERATION = 'KV-Operation';
const TIMEOUT_MS = 2_000;

/** A bucket. Keys are letters, digits and `-/_=.`. */
export interface Bucket {
  /** @throws RetryableError `ERR_BROKER_UNAVAILABLE`; RefusedError `ERR_NOT_PERMITTED`, `ERR_MESSAGE_INVALID` for the key */
  put(key: string, value: Uint8Array): Promise<void>;
  /** The value, `undefined` for none. @throws like `put` */
  get(key: string): Promise<Uint8Array | undefined>;
  /** @throws like `put` */
  delete(key: string): Promise<void>;
}

/** What becomes of a bucket's entries. */
export interface WatchBucketOptions {
  /** Every value that the bucket has, then every change; `undefined` for a deleted key. What it throws ends the watch. */
  readonly onEntry: (key: string, value: Uint8Array | undefined) => void | Promise<void>;
  /** Told once, when everything that was there at the start has been handed over. */
  readonly onCaughtUp?: () => void;
  readonly signal?: AbortSignal;
}

/** Opens a bucket that the provisioner made. */
export function openBucket(connection: BrokerConnection, bucket: string): Bucket {
  const subjectOf = (key: string): string => `$KV.${bucket}.${validKey(key)}`;
  const put = async (key: string, payload: Uint8Array, operation?: string): Promise<void> => {
    const headers = operation === undefined ? [] : [[OPERATION, operation] as const];
    await publishStored(connection, { subject: subjectOf(key), payload, headers });
  };
  return {
    put: (key, value) => put(key, value),
    get: async (key) => {
      const api = `$JS.API.DIRECT.GET.KV_${bucket}.${subjectOf(key)}`;
      const answer = await connection.request(api, new Uint8Array(), { timeoutMs: TIMEOUT_MS }).catch(rethrow);
      const stored = factOfDirectGet(answer);
      return stored && valueOf(stored);
    },
    delete: (key) => put(key, new Uint8Array(), 'DEL'),
  };
}

/** Follows a bucket, over broker restarts, for as long as `signal` says; see `follow`. */
export function watchBucket(connection: BrokerConnection, bucket: string, options: WatchBucketOptions): Follower {
  const prefix = `$KV.${bucket}.`;
  const { onEntry, ...rest } = options;
  return follow(connection, `KV_${bucket}`, {
    ...rest,
    filter: `${prefix}>`,
    fromSeq: 1,
    onFact: (stored) => onEntry(stored.subject.slice(prefix.length), valueOf(stored)),
  });
}

function valueOf({ headers, payload }: RepublishedFact): Uint8Array | undefined {
  return headers.has(OPERATION) ? undefined : payload;
}

function validKey(key: string): string {
  if (KEY.test(key)) return key;
  throw new RefusedError('ERR_MESSAGE_INVALID', 'A bucket key has letters, digits and -/_=. only.', { field: 'key' });
}
