// Who people are, for every service that acts for them.

import { createPersonVerifier, isLoopback, type PersonVerifier } from '@flow-mcp/identity';
import type { BrokerConfig, HostConfig, PeopleConfig } from './common-config.js';
import type { Host } from './host.js';

/**
 * Opens the deployment's issuer; the service is ready once its keys have been read.
 * The development issuer is welcome only where broker and HTTP are on loopback.
 * @throws RefusedError `ERR_CONFIG_INVALID` when the issuer's url is neither https nor loopback
 */
export function openPeople({ config, readiness }: Host<HostConfig & BrokerConfig & PeopleConfig>): PersonVerifier {
  const { issuer, audience, adminGroups, natsUrl, httpHost } = config;
  const allowDevelopment = [...natsUrl.split(','), httpHost].every((address) => isLoopback(address.trim()));
  const people = createPersonVerifier({ issuer, audience, adminGroups, allowDevelopment });
  let connected = false;
  readiness.add('issuer', async () => {
    if (!connected) await people.connect();
    connected = true;
    return undefined;
  });
  return people;
}
