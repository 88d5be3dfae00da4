// examples/servers/payments over https, as the host of the reference page.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { packageFile, startOwnServer, withCleanup, type Upstream } from './node-server.js';
import { createThrowawayCa } from './throwaway-ca.js';

/** Whose tokens it accepts. */
export interface PaymentsOptions {
  readonly jwksUrl: string;
  readonly issuer: string;
  /** The URL it is registered with, and the only audience it accepts. */
  readonly audience?: string;
  /** May read; `support` unless given. */
  readonly requiredGroup?: string;
  /** May change plans; `billing-admins` unless given. */
  readonly writeGroup?: string;
}

export interface Payments extends Upstream {
  readonly audience: string;
  /** PEM of the authority that made its certificate, which names the audience's host and nothing else. */
  readonly caCert: string;
  /** How often its tools ran for one call, whatever the attempt. */
  readonly executions: (callId: string) => Promise<number>;
}

/** Starts it on loopback; `url` is that address, for whoever overrides the resolution of the audience's host. */
export async function startPayments(options: PaymentsOptions): Promise<Payments> {
  const audience = options.audience ?? 'https://plural-mcp.plural.sh';
  const host = new URL(audience).hostname;
  const { caCert, cert, key } = await createThrowawayCa(host);
  const folder = await mkdtemp(join(tmpdir(), 'mcp-payments-'));
  const tls = { TLS_KEY_FILE: join(folder, 'key.pem'), TLS_CERT_FILE: join(folder, 'cert.pem') };
  await writeFile(tls.TLS_KEY_FILE, key, { mode: 0o600 });
  await writeFile(tls.TLS_CERT_FILE, cert);
  const env = { ...environment(options), ...tls, AUDIENCE: audience };
  const server = await startOwnServer(packageFile('@flow-mcp/example-payments/main'), env);
  const upstream = withCleanup(server, () => rm(folder, { recursive: true, force: true }));
  const executions = async (callId: string) => countFor(callId, await readExecutions(server.url, caCert, host));
  return { ...upstream, audience, caCert, executions };
}

function environment({ jwksUrl, issuer, requiredGroup, writeGroup }: PaymentsOptions): Record<string, string> {
  return {
    JWKS_URL: jwksUrl,
    ISSUER: issuer,
    REQUIRED_GROUP: requiredGroup ?? 'support',
    WRITE_GROUP: writeGroup ?? 'billing-admins',
    DEBUG_EXECUTIONS: '1',
  };
}

/** Adds up the attempts of one call: a token's `jti` begins with the call id. */
function countFor(callId: string, executions: Readonly<Record<string, number>>): number {
  const attempts = Object.entries(executions).filter(([jti]) => jti.startsWith(callId));
  return attempts.reduce((sum, [, times]) => sum + times, 0);
}

function readExecutions(url: string, ca: string, servername: string): Promise<Record<string, number>> {
  return new Promise((resolve, reject) => {
    request(new URL('/debug/executions', url), { ca, servername, agent: false }, (response) => {
      text(response).then((body) => resolve(JSON.parse(body) as Record<string, number>), reject);
    })
      .on('error', reject)
      .end();
  });
}
