// The broker's time, for services that compare deadlines with it.

import { describeError } from '@flow-mcp/kernel';
import { BrokerClock, brokerTime } from '@flow-mcp/messaging';
import type { HostConfig } from './common-config.js';
import type { BrokerHost } from './host.js';

/**
 * A clock that follows the broker's until the service drains; the service is ready once it has been read.
 * @param filter a subject filter that this service may follow on `stream`
 */
export function openBrokerClock(host: BrokerHost<HostConfig>, stream: string, filter: string): BrokerClock {
  const clock = new BrokerClock(() => brokerTime(host.broker, stream, filter));
  let problem: string | undefined;
  host.readiness.add('clock', () => problem ?? (clock.isSet ? undefined : 'The broker’s clock is not known yet.'));
  clock.run(host.draining).catch((err: unknown) => {
    problem = describeError(err);
    host.logger.fatal({ err }, 'The broker’s clock cannot be read any more.');
  });
  return clock;
}
