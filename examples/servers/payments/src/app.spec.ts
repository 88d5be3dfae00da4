import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { type CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { createApp } from './app.js';

const ISSUER = 'https://flow-mcp.example.com';
const AUDIENCE = 'https://payments.example.com/mcp';
const { publicKey, privateKey } = await generateKeyPair('ES256');
const stranger = await generateKeyPair('ES256');
const servers: Server[] = [];
let url: string;

async function listen(handler: RequestListener): Promise<string> {
  const server = createServer(handler);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

beforeAll(async () => {
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }] };
  const issuer = await listen((_req, res) =>
    res.setHeader('content-type', 'application/json').end(JSON.stringify(jwks)),
  );
  const access = { issuer: ISSUER, audience: AUDIENCE, readGroup: 'support', writeGroup: 'billing-admins' };
  url = `${await listen(createApp({ ...access, jwksUrl: new URL(issuer) }, true))}/mcp`;
});

afterAll(() => {
  for (const server of servers) server.close().closeAllConnections();
});

async function token(claims: Record<string, unknown> = {}, key = privateKey): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const flow_mcp = { tool: 'list_accounts' };
  const defaults = {
    flow_mcp,
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'ada',
    jti: 'call-1',
    exp: now + 60,
    groups: ['support'],
  };
  return new SignJWT({ ...defaults, ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'k1' }).sign(key);
}

function post(bearer: string | undefined, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const authorization = bearer === undefined ? undefined : { authorization: `Bearer ${bearer}` };
  const accept = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' };
  return fetch(url, {
    method: 'POST',
    headers: { ...accept, ...authorization, ...headers },
    body: JSON.stringify(body),
  });
}

const LIST = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
const CALL = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'list_accounts', arguments: {} } };

async function withClient<T>(bearer: string, use: (client: Client, session: string) => Promise<T>): Promise<T> {
  const requestInit = { headers: { authorization: `Bearer ${bearer}` } };
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit });
  const client = new Client({ name: 'spec', version: '1' });
  await client.connect(transport);
  return use(client, transport.sessionId ?? '').finally(() => client.close());
}

const call = async (claims: Record<string, unknown>, name: string, args: Record<string, unknown>) =>
  withClient(
    await token({ flow_mcp: { tool: name }, ...claims }),
    (client) => client.callTool({ name, arguments: args }) as Promise<CallToolResult>,
  );

describe('a request without a good token', () => {
  const refused: [string, () => Promise<string | undefined>][] = [
    ['without a token', async () => undefined],
    ['with something that is no token', async () => 'x.y.z'],
    ['for another server', () => token({ aud: 'https://elsewhere.example.com' })],
    ['from another issuer', () => token({ iss: 'https://evil.example.com' })],
    ['that has expired', () => token({ exp: Math.floor(Date.now() / 1000) - 1 })],
    ['without an expiry', () => token({ exp: undefined })],
    ["signed by somebody else's key", () => token({}, stranger.privateKey)],
  ];

  it.each(refused)('%s is answered 401 and says how to sign in', async (_name, bearer) => {
    const response = await post(await bearer(), LIST);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer realm="payments"/);
  });

  it('is answered 401 on an open session as well', async () => {
    await withClient(await token(), async (_client, session) => {
      expect((await post(undefined, LIST, { 'mcp-session-id': session })).status).toBe(401);
    });
  });
});

describe('groups', () => {
  it('lets Flow MCP itself list the tools, with their hints', async () => {
    const { tools } = await withClient(await token({ sub: 'flow-mcp', groups: [] }), (client) => client.listTools());
    const hints = Object.fromEntries(tools.map((tool) => [tool.name, tool.annotations]));
    expect(hints['get_account']).toMatchObject({ readOnlyHint: true });
    expect(hints['set_payment_plan']).toMatchObject({
      readOnlyHint: false,
      destructiveHint: true,
      idempotentHint: true,
    });
  });

  it('answers 403 to a call by somebody outside the group, also inside a batch', async () => {
    const outsider = await token({ groups: ['sales'] });
    for (const body of [CALL, [LIST, CALL]]) {
      const response = await post(outsider, body);
      expect(response.status).toBe(403);
      expect(response.headers.get('www-authenticate')).toContain('error="insufficient_scope"');
    }
  });

  it('answers 403 to a token that was made for another tool', async () => {
    const response = await post(await token({ flow_mcp: { tool: 'get_account' } }), CALL);
    expect([response.status, await response.text()]).toEqual([403, expect.stringContaining('another tool')]);
  });

  it('lets support read and answers that a change needs another group', async () => {
    expect(await call({}, 'get_account', { accountId: 'acc-1001' })).toMatchObject({
      structuredContent: { name: 'Ada Lovelace', plan: 'team' },
    });
    const refused = await call({}, 'set_payment_plan', { accountId: 'acc-1001', plan: 'starter' });
    expect(refused.isError).toBe(true);
    expect(JSON.stringify(refused.content)).toContain('billing-admins');
  });
});

describe('set_payment_plan', () => {
  it('changes the plan and counts one execution for the call id', async () => {
    const admin = { jti: 'call-7', groups: ['support', 'billing-admins'] };
    const changed = await call(admin, 'set_payment_plan', {
      accountId: 'acc-1003',
      plan: 'custom',
      monthlyCents: 1_234,
    });
    expect(changed.structuredContent).toMatchObject({ plan: 'custom', monthlyCents: 1_234 });
    const executions = (await (await fetch(new URL('/debug/executions', url))).json()) as Record<string, number>;
    expect(executions['call-7']).toBe(1);
  });
});

describe('a session', () => {
  it('does not exist for anybody but the person who opened it', async () => {
    const other = await token({ sub: 'eve' });
    await withClient(await token(), async (_client, session) => {
      expect((await post(other, LIST, { 'mcp-session-id': session })).status).toBe(404);
    });
  });

  it('is not opened for a web page or with an unreadable body', async () => {
    expect((await post(await token(), LIST, { origin: 'https://evil.example.com' })).status).toBe(403);
    expect((await post(await token(), 'x'.repeat(2_000_000))).status).toBe(413);
    expect((await post(await token(), LIST)).status).toBe(400);
  });
});
