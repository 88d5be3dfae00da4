// The way out to MCP servers, as this deployment allows it.

import { readFile } from 'node:fs/promises';
import { toolsChangedSubject, toolsChangedV1 } from '@flow-mcp/contracts';
import { RefusedError } from '@flow-mcp/kernel';
import { publishMessage } from '@flow-mcp/messaging';
import type { BrokerHost } from '@flow-mcp/service-host';
import { createUpstream, type Upstream } from '@flow-mcp/upstream';
import type { ExecutorConfig } from './config.js';

/** @throws RefusedError `ERR_CONFIG_INVALID` when a setting cannot be read */
export async function openUpstream({ broker, config }: BrokerHost<ExecutorConfig>): Promise<Upstream> {
  const { upstreamAllow, upstreamAllowLoopback, upstreamResolve, upstreamCaFile } = config;
  const extraCa = upstreamCaFile === undefined ? {} : { extraCa: await readFile(upstreamCaFile, 'utf8') };
  return configured(() =>
    createUpstream({
      addresses: { allow: upstreamAllow, allowLoopback: upstreamAllowLoopback },
      resolveOverrides: Object.fromEntries(upstreamResolve.map(override)),
      ...extraCa,
      onToolsChanged: (server) => publishMessage(broker, toolsChangedSubject(server), toolsChangedV1, { server }),
    }),
  );
}

function configured<T>(open: () => T): T {
  try {
    return open();
  } catch (cause) {
    throw new RefusedError('ERR_CONFIG_INVALID', 'Correct FLOWMCP_UPSTREAM_ALLOW.', { cause, field: 'upstreamAllow' });
  }
}

function override(pair: string): readonly [string, string] {
  const [from, to, ...more] = pair.split('=');
  if (from === undefined || to === undefined || more.length > 0) {
    throw new RefusedError('ERR_CONFIG_INVALID', 'Write FLOWMCP_UPSTREAM_RESOLVE as host:port=address:port.', {
      field: 'upstreamResolve',
    });
  }
  return [from, to];
}
