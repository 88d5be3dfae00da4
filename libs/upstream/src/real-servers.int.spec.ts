// Calls to MCP servers that others wrote: the reference server over both transports, and a small one on the SDK.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import { createServer as createPort, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { testUpstream } from './testing/calls.js';

const EVERYTHING = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'));

async function freePort(): Promise<number> {
  const server = createPort().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Resolves when the server says that it listens. */
async function everything(transport: 'streamableHttp' | 'sse'): Promise<{ url: string; child: ChildProcess }> {
  const port = await freePort();
  const env = { ...process.env, PORT: String(port) };
  const child = spawn(process.execPath, [EVERYTHING, transport], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  await new Promise<void>((resolve) =>
    child.stderr.on('data', (text: Buffer) => / port /.test(String(text)) && resolve()),
  );
  return { url: `http://127.0.0.1:${port}/${transport === 'sse' ? 'sse' : 'mcp'}`, child };
}

describe.each([
  ['streamableHttp', 'STREAMABLE_HTTP'],
  ['sse', 'SSE'],
] as const)('the reference server over %s', (transport, protocol) => {
  const { upstream, call, discover } = testUpstream();
  let server: Awaited<ReturnType<typeof everything>>;
  beforeAll(async () => void (server = await everything(transport)));
  afterAll(async () => {
    await upstream.close();
    server.child.kill();
    await once(server.child, 'exit');
  });

  it('lists its tools', async () => {
    const found = await discover(server.url);
    expect(found).toMatchObject({ health: { state: 'healthy' }, protocol, listChanged: true, ignored: [] });
    expect('tools' in found && found.tools.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['echo', 'get-sum']),
    );
  });

  it.each([
    ['echo', { message: 'hi' }, { content: [{ type: 'text', text: 'Echo: hi' }] }],
    ['get-sum', { a: 2, b: 3 }, { content: [{ text: expect.stringContaining('5') as string }] }],
    [
      'get-tiny-image',
      {},
      {
        content: expect.arrayContaining([
          expect.objectContaining({ type: 'image', mimeType: 'image/png' }),
        ]) as unknown[],
      },
    ],
    [
      'get-structured-content',
      { location: 'Chicago' },
      { structuredContent: { conditions: expect.any(String) as string } },
    ],
    [
      'get-resource-reference',
      { resourceType: 'Text', resourceId: 1 },
      { content: expect.arrayContaining([expect.objectContaining({ type: 'resource' })]) as unknown[] },
    ],
  ])('calls %s', async (tool, args, result) => {
    expect(await call(server.url, { tool, arguments: args })).toMatchObject({
      kind: 'answered',
      isError: false,
      result,
    });
  });

  it('hears progress', async () => {
    const seen: number[] = [];
    const answer = await call(server.url, {
      tool: 'trigger-long-running-operation',
      arguments: { duration: 0.2, steps: 4 },
      onProgress: ({ progress }) => seen.push(progress),
    });
    expect([answer.kind, seen]).toEqual(['answered', [1, 2, 3, 4]]);
  });

  it('is told what a tool it does not have means', async () => {
    const answer = await call(server.url, { tool: 'no-such-tool' });
    expect(answer.kind === 'refused' || (answer.kind === 'answered' && answer.isError)).toBe(true);
  });

  it('does not wait beyond the deadline', async () => {
    const long = { tool: 'trigger-long-running-operation', arguments: { duration: 30, steps: 3 } };
    expect(await call(server.url, { ...long, timeoutMs: 500 })).toMatchObject({
      kind: 'unknown',
      code: 'ERR_UPSTREAM_TIMEOUT',
    });
  });

  it('is found again after a restart', async () => {
    await call(server.url, { tool: 'echo', arguments: { message: 'before' } });
    const { url, child } = server;
    child.kill('SIGKILL');
    await once(child, 'exit');
    server.child = spawn(process.execPath, [EVERYTHING, transport], {
      env: { ...process.env, PORT: new URL(url).port },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const { stderr } = server.child;
    await new Promise<void>((resolve) =>
      stderr?.on('data', (text: Buffer) => / port /.test(String(text)) && resolve()),
    );
    expect(await call(url, { tool: 'echo', arguments: { message: 'after' } })).toMatchObject({ kind: 'answered' });
  });
});

describe('a server on the SDK', () => {
  const { upstream, call, discover } = testUpstream();
  let http: HttpServer;
  let url = '';

  beforeAll(async () => {
    http = createServer((request, response) => {
      if (request.method !== 'POST') return void response.writeHead(405).end();
      const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
      const server = new Server({ name: 'small', version: '1.0.0' }, { capabilities: { tools: {} } });
      server.setRequestHandler(ListToolsRequestSchema, () => ({
        tools: [{ name: 'whoami', inputSchema: { type: 'object' } }],
      }));
      server.setRequestHandler(CallToolRequestSchema, ({ params }, { requestInfo }) => ({
        content: [{ type: 'text', text: JSON.stringify([requestInfo?.headers['authorization'], params.arguments]) }],
      }));
      void server.connect(transport as never).then(() => transport.handleRequest(request, response));
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/`;
  });
  afterAll(async () => {
    await upstream.close();
    http.close();
  });

  it('without sessions answers each call for itself, with the token of that call', async () => {
    expect(await discover(url)).toMatchObject({ tools: [{ name: 'whoami' }], serverInfo: { name: 'small' } });
    const texts = await Promise.all(
      ['ann-1', 'ann-2', 'ann-3'].map(async (token) => {
        const answer = await call(url, {
          tool: 'whoami',
          authorize: async () => ({ authorization: token }),
          arguments: { token },
        });
        return answer.kind === 'answered' ? (answer.result['content'] as { text: string }[])[0]?.text : answer;
      }),
    );
    expect(texts).toEqual(['ann-1', 'ann-2', 'ann-3'].map((token) => JSON.stringify([token, { token }])));
  });
});
