// What must exist on the broker, in the broker's own spelling. Data only; `provision` makes it so, `preflight` checks.

import { CONSUMERS, LIMITS, RESULTS_BUCKET, STREAMS, TOOLS_BUCKET } from '@flow-mcp/contracts';
import { nanos } from 'nats';
import type { StreamConfig } from './stream-state.js';

/** What a deployment may choose. */
export interface ProvisionOptions {
  /** Copies of every stream: 1 on one server, 3 in a cluster. */
  readonly replicas: number;
  /** Bytes after which the ledger takes no new call. */
  readonly ledgerBytesMax: number;
  /** Bytes of refused sign-ins kept; older ones go first. */
  readonly accessBytesMax: number;
  /** How long a delivery may go without a sign of life from its handler before another replica gets it. */
  readonly ackWaitMs: number;
  /** How long a large result can be fetched. */
  readonly resultsKeptMs: number;
  /** Bytes after which no large result is stored. */
  readonly resultsBytesMax: number;
}

/** For one machine. */
export const PROVISION_DEFAULTS: ProvisionOptions = {
  replicas: 1,
  ledgerBytesMax: 2 * 1024 ** 3,
  accessBytesMax: 64 * 1024 ** 2,
  ackWaitMs: 30_000,
  resultsKeptMs: 72 * 3_600_000,
  resultsBytesMax: 4 * 1024 ** 3,
};

/** Every message of a consumer waits for its own ack; a call never waits in the broker for a slow server. */
const ACK_PENDING_MAX = 10_000;

/** A durable consumer, in the broker's spelling. */
export interface ConsumerConfig {
  readonly durable_name: string;
  readonly filter_subject: string;
  readonly [field: string]: unknown;
}

/**
 * What makes a stream write-once (design section 2): a second message on a subject is refused, none can be deleted, none
 * goes by itself, everyone sees the same. Followers of `flowmcp.v1.stored.>` see only what is stored.
 */
export const WRITE_ONCE = {
  storage: 'file',
  retention: 'limits',
  max_msgs_per_subject: 1,
  discard: 'new',
  discard_new_per_subject: true,
  deny_delete: true,
  allow_direct: true,
  max_age: 0,
  max_msgs: -1,
  republish: { src: 'flowmcp.v1.>', dest: 'flowmcp.v1.stored.>' },
} as const;

/** Every stream, those of the buckets included. */
export function streamConfigs(options: ProvisionOptions): readonly StreamConfig[] {
  return [ledger(options), registry(options), access(options), toolsBucket(options), resultsBucket(options)];
}

/** Every durable consumer, with its stream. */
export function consumerConfigs(options: ProvisionOptions): readonly (readonly [string, ConsumerConfig])[] {
  return Object.values(CONSUMERS).map(({ stream, durable, filter }) => [
    stream,
    {
      durable_name: durable,
      filter_subject: filter,
      deliver_policy: 'all',
      ack_policy: 'explicit',
      ack_wait: nanos(options.ackWaitMs),
      max_deliver: -1,
      max_ack_pending: ACK_PENDING_MAX,
    },
  ]);
}

function ledger({ replicas, ledgerBytesMax }: ProvisionOptions): StreamConfig {
  return {
    name: STREAMS.LEDGER.name,
    subjects: [STREAMS.LEDGER.subject],
    ...WRITE_ONCE,
    deny_purge: false,
    num_replicas: replicas,
    max_bytes: ledgerBytesMax,
    max_msg_size: LIMITS.messageBytes,
  };
}

function registry({ replicas }: ProvisionOptions): StreamConfig {
  return {
    name: STREAMS.REGISTRY.name,
    subjects: [STREAMS.REGISTRY.subject],
    ...WRITE_ONCE,
    deny_purge: true,
    num_replicas: replicas,
    max_bytes: -1,
    max_msg_size: LIMITS.messageBytes,
  };
}

function access({ replicas, accessBytesMax }: ProvisionOptions): StreamConfig {
  return {
    name: STREAMS.ACCESS.name,
    subjects: [STREAMS.ACCESS.subject],
    storage: 'file',
    retention: 'limits',
    discard: 'old',
    deny_delete: true,
    allow_direct: true,
    num_replicas: replicas,
    max_bytes: accessBytesMax,
    max_msg_size: LIMITS.messageBytes,
  };
}

/** A bucket of the NATS key-value store (ADR-8), history 1. */
function toolsBucket({ replicas }: ProvisionOptions): StreamConfig {
  return {
    name: `KV_${TOOLS_BUCKET}`,
    subjects: [`$KV.${TOOLS_BUCKET}.>`],
    storage: 'file',
    retention: 'limits',
    max_msgs_per_subject: 1,
    discard: 'new',
    deny_delete: true,
    allow_rollup_hdrs: true,
    allow_direct: true,
    num_replicas: replicas,
  };
}

/** A bucket of the NATS object store (ADR-20). */
function resultsBucket({ replicas, resultsBytesMax, resultsKeptMs }: ProvisionOptions): StreamConfig {
  return {
    name: `OBJ_${RESULTS_BUCKET}`,
    subjects: [`$O.${RESULTS_BUCKET}.C.>`, `$O.${RESULTS_BUCKET}.M.>`],
    storage: 'file',
    retention: 'limits',
    discard: 'new',
    allow_rollup_hdrs: true,
    allow_direct: true,
    num_replicas: replicas,
    max_bytes: resultsBytesMax,
    max_age: nanos(resultsKeptMs),
  };
}
