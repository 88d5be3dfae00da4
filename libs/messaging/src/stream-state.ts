// What the broker says about a stream.

import type { EpochMs } from '@flow-mcp/kernel';
import { callBroker } from './broker-api.js';
import type { BrokerConnection } from './connection.js';

/** How far a stream is filled. */
export interface StreamState {
  /** When the stream was created: part of a row's key, since a stream made anew starts at sequence 1 again. */
  readonly createdAt: EpochMs;
  /** First sequence still there; `lastSeq + 1` when the stream is empty. */
  readonly firstSeq: number;
  /** Last sequence ever stored; 0 before the first. */
  readonly lastSeq: number;
  readonly messages: number;
  readonly bytes: number;
  /** -1 for no limit. */
  readonly bytesMax: number;
}

/** `$JS.API.STREAM.INFO` as far as it is used here. */
export interface StreamInfo {
  readonly config: StreamConfig;
  readonly created: string;
  readonly state: {
    readonly messages: number;
    readonly bytes: number;
    readonly first_seq: number;
    readonly last_seq: number;
  };
}

/** The stream configuration fields that matter to us, in the broker's spelling. */
export interface StreamConfig {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly [field: string]: unknown;
}

/** @throws BrokerApiError 10059 when there is no such stream; RetryableError `ERR_BROKER_UNAVAILABLE` */
export function streamInfo(connection: BrokerConnection, stream: string): Promise<StreamInfo> {
  return callBroker<StreamInfo>(connection, `STREAM.INFO.${stream}`);
}

/** See `StreamState`. @throws like `streamInfo` */
export async function streamState(connection: BrokerConnection, stream: string): Promise<StreamState> {
  const { created, state, config } = await streamInfo(connection, stream);
  return {
    createdAt: Date.parse(created),
    firstSeq: state.first_seq,
    lastSeq: state.last_seq,
    messages: state.messages,
    bytes: state.bytes,
    bytesMax: config['max_bytes'] as number,
  };
}
