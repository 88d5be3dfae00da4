// Builds the copy of the registry and keeps it up to date.

import { STREAMS, TOOLS_BUCKET } from '@flow-mcp/contracts';
import { describeError } from '@flow-mcp/kernel';
import { follow, watchBucket } from '@flow-mcp/messaging';
import type { BrokerHost } from '@flow-mcp/service-host';
import type { ExecutorConfig } from './config.js';
import { RegistryCopy } from './registry-copy.js';

/** A copy that follows the registry until the service drains; the service is ready once it has caught up. */
export function followRegistry({ broker, readiness, logger, draining }: BrokerHost<ExecutorConfig>): RegistryCopy {
  const copy = new RegistryCopy();
  const missing = new Set(['resources', 'tools']);
  readiness.add('registry', () =>
    missing.size === 0 ? undefined : `Reading the registry: ${[...missing].join(', ')}.`,
  );
  // One resource that cannot be read, such as a newer version's, must not keep the others from being followed.
  const keepReading = (of: string, apply: () => void) => {
    try {
      apply();
    } catch (error) {
      logger.error({ of, reason: describeError(error) }, 'A resource cannot be read and counts as absent.');
    }
  };
  const { name, subject } = STREAMS.REGISTRY;
  const resources = follow(broker, name, {
    filter: subject,
    fromSeq: 1,
    onFact: ({ subject: of, payload }) => keepReading(of, () => copy.applyResource(of, payload)),
    onCaughtUp: () => void missing.delete('resources'),
    signal: draining,
  });
  const tools = watchBucket(broker, TOOLS_BUCKET, {
    onEntry: (key, value) => keepReading(key, () => copy.applyTools(key, value)),
    onCaughtUp: () => void missing.delete('tools'),
    signal: draining,
  });
  for (const { done } of [resources, tools]) {
    done.catch((error: unknown) => {
      missing.add('reading');
      logger.fatal({ reason: describeError(error) }, 'The registry cannot be followed any more; restart this service.');
    });
  }
  return copy;
}
