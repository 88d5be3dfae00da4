// Streams, consumers and buckets as data; `libs/messaging` creates and checks them.

import { SUBJECTS, everyCall } from './subjects.js';

/** The two write-once streams (design section 2) and the bounded one for refused sign-ins. */
export const STREAMS = {
  LEDGER: { name: 'LEDGER', subject: SUBJECTS.everyFactOfCalls, writeOnce: true, purgeable: true },
  REGISTRY: { name: 'REGISTRY', subject: SUBJECTS.everyResource, writeOnce: true, purgeable: false },
  ACCESS: { name: 'ACCESS', subject: SUBJECTS.everyAccess, writeOnce: false, purgeable: true },
} as const;

/** Name of a stream. */
export type StreamName = keyof typeof STREAMS;

/** Durable pull consumers, created by the provisioner, bound by name. */
export const CONSUMERS = {
  executorRequested: { stream: 'LEDGER', durable: 'executor-requested', filter: everyCall('requested') },
  executorDecided: { stream: 'LEDGER', durable: 'executor-decided', filter: everyCall('decided') },
} as const;

/** What each server offers, as last discovered; a rebuildable index. Key: the server's name. */
export const TOOLS_BUCKET = 'flowmcp-tools';

/** Results over 256 KiB, one object per call, named `<flow>.<callId>.<attempt>`. */
export const RESULTS_BUCKET = 'flowmcp-results';

/** Limits on what crosses the broker, in bytes. */
export const LIMITS = {
  /** A whole `requested` payload. */
  requestedBytes: 288 * 1024,
  /** `arguments` as JSON text. */
  argumentsBytes: 256 * 1024,
  /** A result up to here lies in `settled`; a larger one in the object store. */
  inlineResultBytes: 256 * 1024,
  /** Any message on the streams. */
  messageBytes: 1024 * 1024,
  /** A request or answer over rpc. */
  rpcBytes: 1024 * 1024,
  /** One piece of a large result over rpc. */
  resultPieceBytes: 256 * 1024,
} as const;
