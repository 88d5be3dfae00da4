// The service's connection to the broker.

import { RefusedError } from '@flow-mcp/kernel';
import { inboxPrefix, type NatsUser } from '@flow-mcp/contracts';
import { connectBroker, preflight, type BrokerConnection } from '@flow-mcp/messaging';
import type { BrokerConfig } from './common-config.js';
import type { Logger } from './logger.js';

/** Whether a configuration is that of a service on the broker. */
export function isBrokerConfig(config: object): config is BrokerConfig {
  return 'natsUrl' in config;
}

/** Connects as the NATS user of the service's name, and checks the streams. @throws as `connectBroker` and `preflight` */
export async function openBroker(name: string, config: BrokerConfig, logger: Logger): Promise<BrokerConnection> {
  const { natsUrl, natsSeedFile, natsName, natsCluster } = config;
  if (natsName === undefined && natsCluster === undefined) {
    throw new RefusedError(
      'ERR_CONFIG_INVALID',
      'Set FLOWMCP_NATS_NAME or FLOWMCP_NATS_CLUSTER, so that a wrong broker is never written to.',
      { field: 'FLOWMCP_NATS_NAME' },
    );
  }
  const broker = await connectBroker({
    servers: natsUrl,
    name,
    inboxPrefix: inboxPrefix(name as NatsUser),
    expect: { serverName: natsName, cluster: natsCluster },
    report: (message, error) => logger.warn(error === undefined ? {} : { err: error }, message),
    ...(natsSeedFile === undefined ? {} : { seedFile: natsSeedFile }),
  });
  await preflight(broker).catch(async (error: unknown) => {
    await broker.close();
    throw error;
  });
  return broker;
}
