// The transport over NATS.

import { connectFlowMcp, type GetToken } from '@flow-mcp/client';
import type { Settings } from './settings.js';
import type { Transport } from './transport.js';

/** A person at a terminal does not wait long for a broker that is not there. */
const PATIENCE_MS = 3_000;

/** Connects as the NATS user `cli`. @throws RetryableError `ERR_BROKER_UNAVAILABLE`; RefusedError `ERR_CONFIG_INVALID` */
export async function connectNats(
  { natsUrl, natsSeedFile, natsCaFile, natsName }: Settings,
  getToken: GetToken,
  report: (message: string) => void,
): Promise<Transport> {
  const connection = await connectFlowMcp({
    servers: natsUrl,
    user: 'cli',
    patienceMs: PATIENCE_MS,
    report,
    ...(natsSeedFile === undefined ? {} : { seedFile: natsSeedFile }),
    ...(natsName === undefined ? {} : { expect: { serverName: natsName } }),
    ...(natsCaFile === undefined ? {} : { caFile: natsCaFile }),
  });
  return {
    ask: (rpc, question) => connection.ask(getToken, rpc, question),
    flow: (name) => connection.flow(name, getToken),
    close: () => connection.close(),
  };
}
