// Puts the registry together from its surroundings.

import { STREAMS, TOOLS_BUCKET, discoverRpc } from '@flow-mcp/contracts';
import { createLedger, openBucket, request } from '@flow-mcp/messaging';
import { openPeople, type BrokerHost } from '@flow-mcp/service-host';
import type { DynamicModule } from '@nestjs/common';
import { ApplyController } from './apply.controller.js';
import type { RegistryConfig } from './config.js';
import { DeleteController } from './delete.controller.js';
import { Discovery } from './discovery.js';
import { followRegistry } from './follow.js';
import { Offers } from './offers.js';
import { Planner } from './plan.js';
import { ReadController } from './read.controller.js';
import { Registry } from './registry.js';
import { Shutdown } from './shutdown.js';
import { DRAINING, PEOPLE } from './tokens.js';
import { WatchController } from './watch.controller.js';
import { RegistryWriter } from './write.js';

/** Longer than the executor gives a server. */
const DISCOVERY_TIMEOUT_MS = 30_000;

class RegistryModule {}

/** @throws RefusedError `ERR_CONFIG_INVALID` */
export function registryModule(host: BrokerHost<RegistryConfig>): DynamicModule {
  const { broker, config, draining } = host;
  const registry = new Registry();
  const offers = new Offers();
  const discovery = openDiscovery(host, registry, offers);
  const stopped = new AbortController();
  followRegistry(host, { registry, offers, discovery }, stopped.signal);
  draining.addEventListener('abort', () => discovery.stop(), { once: true });
  const rules = { creatorGroups: config.creatorGroups, ownAudiences: [config.audience, config.issuer] };
  return {
    module: RegistryModule,
    controllers: [ApplyController, DeleteController, ReadController, WatchController],
    providers: [
      { provide: PEOPLE, useValue: openPeople(host) },
      { provide: Planner, useValue: new Planner(registry, rules) },
      { provide: DRAINING, useValue: draining },
      { provide: Registry, useValue: registry },
      { provide: Offers, useValue: offers },
      { provide: Discovery, useValue: discovery },
      { provide: RegistryWriter, useValue: new RegistryWriter(createLedger(broker, STREAMS.REGISTRY.name), registry) },
      { provide: Shutdown, useValue: new Shutdown(() => stopped.abort()) },
    ],
  };
}

function openDiscovery(host: BrokerHost<RegistryConfig>, registry: Registry, offers: Offers): Discovery {
  const { broker, config, logger, metrics } = host;
  return new Discovery({
    offers,
    generationOf: (server) => registry.live('MCPServer', server)?.generation,
    ask: (version) => request(broker, discoverRpc, version, { timeoutMs: DISCOVERY_TIMEOUT_MS }),
    bucket: openBucket(broker, TOOLS_BUCKET),
    timing: {
      intervalMs: config.discoveryIntervalMs,
      backoffMinMs: config.discoveryBackoffMinMs,
      backoffMaxMs: config.discoveryBackoffMaxMs,
    },
    concurrency: config.discoveryConcurrency,
    logger,
    metrics,
  });
}
