// Messages that need not survive: progress of a running call, hints that something changed. Core NATS, at most once.

import { LIMITS, decode, encode, type Contract } from '@flow-mcp/contracts';
import type { BrokerConnection } from './connection.js';

/** Publishes one message. Lost without a trace while the broker is away. @throws RefusedError `ERR_MESSAGE_INVALID` */
export function publishMessage<T>(
  connection: BrokerConnection,
  subject: string,
  contract: Contract<T>,
  value: T,
): void {
  connection.publish(subject, encode(contract, value));
}

/**
 * Calls back for every readable message on `subject` (wildcards allowed); unreadable ones are reported and dropped.
 * Returns what ends that.
 */
export function subscribeMessages<T>(
  connection: BrokerConnection,
  subject: string,
  contract: Contract<T>,
  callback: (value: T, subject: string) => void,
): () => void {
  const subscription = connection.nats.subscribe(subject, {
    callback: (error, message) => {
      if (error !== null) return;
      try {
        callback(decode(contract, message.data, LIMITS.messageBytes), message.subject);
      } catch (problem) {
        connection.report(`A message on ${message.subject} could not be taken.`, problem);
      }
    },
  });
  return () => subscription.unsubscribe();
}
