import { createServer, type Server } from 'node:http';
import { request } from 'node:https';
import { type AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { startPayments, type Payments } from './payments.js';
import { callDirectly, textOf } from './sdk-client.js';

const ISSUER = 'https://flow-mcp.example.com';
const CALL_ID = '0192f0c1-0000-7000-8000-000000000001';
const { publicKey, privateKey } = await generateKeyPair('ES256');
let issuer: Server;
let payments: Payments;

beforeAll(async () => {
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k1' }] });
  issuer = createServer((_req, res) => res.setHeader('content-type', 'application/json').end(jwks));
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
  const jwksUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
  payments = await startPayments({ jwksUrl, issuer: ISSUER });
}, 60_000);

afterAll(async () => {
  await payments?.stop();
  issuer.close();
});

function bearer(groups: string[], tool: string, audience: string): Promise<string> {
  return new SignJWT({ groups, flow_mcp: { tool } })
    .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
    .setIssuer(ISSUER)
    .setAudience(audience)
    .setSubject('ada')
    .setJti(`${CALL_ID}.1`)
    .setExpirationTime('1m')
    .sign(privateKey);
}

/** fetch to the audience's host that resolves it to the loopback address, trusting the throwaway authority only. */
const fetchOverridden: typeof fetch = (input, init) =>
  new Promise((resolve, reject) => {
    const { port } = new URL(payments.url);
    const headers = Object.fromEntries(new Headers(init?.headers));
    const options = { method: init?.method ?? 'GET', headers, ca: payments.caCert, port, agent: false };
    const lookup = (_host: string, _options: unknown, done: (error: null, addresses: object[]) => void) =>
      done(null, [{ address: '127.0.0.1', family: 4 }]);
    const url = input instanceof Request ? input.url : input;
    request(url, { ...options, lookup: lookup as never }, (res) => {
      const body = [204, 304].includes(res.statusCode ?? 0) ? null : (Readable.toWeb(res) as ReadableStream);
      resolve(new Response(body, { status: res.statusCode ?? 0, headers: res.headers as Record<string, string> }));
    })
      .on('error', reject)
      .end(init?.body);
  });

const call = async (groups: string[], name: string, args: object, audience = payments.audience) =>
  callDirectly(
    {
      url: payments.audience,
      fetch: fetchOverridden,
      headers: { authorization: `Bearer ${await bearer(groups, name, audience)}` },
    },
    name,
    args as Record<string, unknown>,
  );

describe('the payments example under its own name', () => {
  it('serves https://plural-mcp.plural.sh and counts what ran for a call', async () => {
    expect(payments.audience).toBe('https://plural-mcp.plural.sh');
    expect(textOf(await call(['support'], 'get_account', { accountId: 'acc-1001' }))).toContain('Ada Lovelace');
    expect(await payments.executions(CALL_ID)).toBe(1);
    expect(await payments.executions('0192f0c1-ffff-7000-8000-000000000001')).toBe(0);
  });

  it('does not answer to a token for its address instead of its name', async () => {
    await expect(call(['support'], 'list_accounts', {}, payments.url)).rejects.toThrow(/401|not made by our issuer/);
  });

  it('is not trusted by a client that does not know the throwaway authority', async () => {
    await expect(fetch(payments.url)).rejects.toThrow('fetch failed');
  });
});
