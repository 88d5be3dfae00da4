// What the broker's clock says, which is the one that counts between machines (design section 3, "Time").
// No request of the JetStream API asks for it in every version, but the answer to making a consumer has carried the
// moment of its making in all of them, and a service that may follow a filter may make one.

import { randomUUID } from 'node:crypto';
import type { EpochMs } from '@flow-mcp/kernel';
import { nanos } from 'nats';
import { callBroker } from './broker-api.js';
import type { BrokerConnection } from './connection.js';

const INACTIVE_MS = 1_000;

/** The broker's clock, read at some moment between two moments of our own wall clock. */
export interface BrokerTime {
  readonly brokerMs: EpochMs;
  readonly askedAtMs: EpochMs;
  readonly answeredAtMs: EpochMs;
}

/**
 * Reads the broker's clock.
 * @param filter subject filter that this user may follow on `stream`
 * @throws RetryableError `ERR_BROKER_UNAVAILABLE`; RefusedError `ERR_NOT_PERMITTED`
 */
export async function brokerTime(connection: BrokerConnection, stream: string, filter: string): Promise<BrokerTime> {
  const name = `time-${randomUUID()}`;
  const config = {
    name,
    filter_subject: filter,
    deliver_policy: 'new',
    ack_policy: 'none',
    inactive_threshold: nanos(INACTIVE_MS),
    mem_storage: true,
    num_replicas: 1,
  };
  const askedAtMs = Date.now();
  const verb = `CONSUMER.CREATE.${stream}.${name}.${filter}`;
  const { created } = await callBroker<{ created: string }>(connection, verb, { stream_name: stream, config });
  return { brokerMs: Date.parse(created), askedAtMs, answeredAtMs: Date.now() };
}
