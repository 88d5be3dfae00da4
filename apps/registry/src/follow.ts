// Keeps this process's copies up to date: the REGISTRY stream and the tools bucket.

import { STREAMS, SUBJECTS, TOOLS_BUCKET, toolsChangedV1 } from '@flow-mcp/contracts';
import { follow, subscribeMessages, watchBucket } from '@flow-mcp/messaging';
import type { BrokerHost } from '@flow-mcp/service-host';
import type { RegistryConfig } from './config.js';
import type { Discovery } from './discovery.js';
import type { Offers } from './offers.js';
import type { Registry } from './registry.js';

/** What is kept up to date, and who is told. */
export interface Copies {
  readonly registry: Registry;
  readonly offers: Offers;
  readonly discovery: Discovery;
}

/** Follows until `signal` aborts; the service is ready once both copies have caught up. */
export function followRegistry(host: BrokerHost<RegistryConfig>, copies: Copies, signal: AbortSignal): void {
  const { broker, readiness, logger } = host;
  const missing = new Set(['resources', 'tools']);
  readiness.add('registry', () =>
    missing.size === 0 ? undefined : `Reading the registry: ${[...missing].join(', ')}.`,
  );
  const caughtUp = (what: string): void => {
    missing.delete(what);
    if (missing.size === 0) for (const { name } of copies.registry.list('MCPServer')) copies.discovery.consider(name);
  };
  const resources = followResources(host, copies, { signal, onCaughtUp: () => caughtUp('resources') });
  const tools = followTools(host, copies, { signal, onCaughtUp: () => caughtUp('tools') });
  for (const { done } of [resources, tools]) {
    done.catch((error: unknown) => {
      missing.add('reading');
      logger.fatal({ err: error }, 'The registry cannot be followed any more; restart this service.');
    });
  }
  const onHint = ({ server }: { server: string }): void => copies.discovery.askSoon(server);
  const unsubscribe = subscribeMessages(broker, SUBJECTS.everyToolsChanged, toolsChangedV1, onHint);
  signal.addEventListener('abort', unsubscribe, { once: true });
}

interface Following {
  readonly signal: AbortSignal;
  readonly onCaughtUp: () => void;
}

function followResources(
  { broker, logger, metrics }: BrokerHost<RegistryConfig>,
  { registry, discovery }: Copies,
  following: Following,
): { done: Promise<void> } {
  const { name, subject } = STREAMS.REGISTRY;
  return follow(broker, name, {
    ...following,
    filter: subject,
    fromSeq: 1,
    onFact: (fact) => {
      try {
        const entry = registry.take(fact);
        if (entry?.kind === 'MCPServer') discovery.consider(entry.name);
      } catch (error) {
        metrics.countError(error);
        logger.error(
          { err: error, subject: fact.subject, seq: fact.seq },
          'A resource cannot be read; it is left out.',
        );
      }
    },
  });
}

function followTools(
  { broker, logger, metrics }: BrokerHost<RegistryConfig>,
  { offers, discovery }: Copies,
  following: Following,
): { done: Promise<void> } {
  return watchBucket(broker, TOOLS_BUCKET, {
    ...following,
    onEntry: (server, value) => {
      try {
        offers.take(server, value);
        discovery.consider(server);
      } catch (error) {
        metrics.countError(error);
        logger.error({ err: error, server }, 'An entry of the tools bucket cannot be read; it is left out.');
      }
    },
  });
}
