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
  const { name, subject } = STREAMS.REGISTRY;
  const resources = follow(broker, name, {
    filter: subject,
    fromSeq: 1,
    onFact: (fact) => copy.applyResource(fact.subject, fact.payload),
    onCaughtUp: () => void missing.delete('resources'),
    signal: draining,
  });
  const tools = watchBucket(broker, TOOLS_BUCKET, {
    onEntry: (key, value) => copy.applyTools(key, value),
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
