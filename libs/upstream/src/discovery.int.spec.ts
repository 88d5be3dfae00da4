// Listing tools, and telling a server's owner why there are none.

import { testUpstream } from './testing/calls.js';
import { closingAfterEach } from './testing/opened.js';
import {
  event,
  eventStream,
  INITIALIZED,
  json,
  mcpScript,
  startScriptedServer,
  type Script,
} from './testing/scripted-server.js';
import type { UpstreamOptions } from './create-upstream.js';

const opened = closingAfterEach();

async function setUp(script: Script, options?: UpstreamOptions) {
  const server = await startScriptedServer(script);
  const test = testUpstream(options);
  opened(server);
  opened(test.upstream);
  return { server, discover: (timeoutMs = 20_000) => test.discover(server.url, { timeoutMs }) };
}

const listing = (list: Script, overrides: Readonly<Record<string, Script>> = {}) =>
  mcpScript(() => undefined, { 'tools/list': list, ...overrides });
const tool = (name: string) => ({ name, inputSchema: { type: 'object' } });

describe('discover', () => {
  it('D1: reads all pages and keeps what it does not know', async () => {
    const odd = {
      ...tool('odd'),
      title: 'Odd',
      annotations: { readOnlyHint: true, 'x-own': [1] },
      outputSchema: { type: 'array', $defs: { a: {} } },
      _meta: { a: 1 },
      execution: { taskSupport: 'weird' },
      'x-future': null,
    };
    const pages: Record<string, unknown> = {
      first: { tools: [tool('a'), odd], nextCursor: 'second' },
      second: { tools: [tool('b')] },
    };
    const { server, discover } = await setUp(
      listing((request) => json(request, pages[request.message.params?.['cursor'] === 'second' ? 'second' : 'first'])),
    );
    expect(await discover()).toEqual({
      health: { state: 'healthy' },
      tools: [tool('a'), odd, tool('b')],
      ignored: [],
      protocol: 'STREAMABLE_HTTP',
      serverInfo: INITIALIZED.serverInfo,
      listChanged: false,
    });
    expect(server.received.map(({ headers }) => headers.authorization)).toEqual(
      server.received.map(() => 'Bearer flow-mcp'),
    );
  });

  it('D2: leaves out what cannot be offered, and says so', async () => {
    const int64 = { ...tool('c'), inputSchema: { type: 'object', properties: { id: { maximum: 2 ** 63 } } } };
    const tools = [tool('a'), { name: 'no schema' }, tool('a'), tool('bad\nname'), 'text', tool('b'), int64];
    const { discover } = await setUp(listing((request) => json(request, { tools })));
    expect(await discover()).toMatchObject({
      tools: [tool('a'), tool('b')],
      ignored: [
        'Tool 2 has no inputSchema, so it is left out.',
        'Tool 3 has the name of an earlier tool, so it is left out.',
        'Tool 4 has no usable name, so it is left out.',
        'Tool 5 is not an object, so it is left out.',
        'Tool 7 is defined with an integer beyond 2^53, half of a surrogate pair or too deep, so it is left out.',
      ],
    });
  });

  it('uses its session again, and another one when the server has forgotten it', async () => {
    let lists = 0;
    const { server, discover } = await setUp(
      listing((request) =>
        ++lists === 3 ? void request.response.writeHead(404).end() : json(request, { tools: [tool('a')] }),
      ),
    );
    await discover();
    await discover();
    expect(server.count('initialize')).toBe(1);
    expect(await discover()).toMatchObject({ health: { state: 'healthy' } });
    expect(server.count('initialize')).toBe(2);
  });

  it('hears that tools have changed, once for many notices', async () => {
    const announcing = { ...INITIALIZED, capabilities: { tools: { listChanged: true } } };
    const changed: string[] = [];
    let tell: (() => void) | undefined;
    const told = new Promise<void>((resolve) => (tell = resolve));
    const { server, discover } = await setUp(
      listing((request) => json(request, { tools: [tool('a')] }), {
        initialize: (request) => json(request, announcing, { 'mcp-session-id': 's' }),
        GET: (request) =>
          eventStream(request)(event({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' }).repeat(50)),
      }),
      { onToolsChanged: (name) => (changed.push(name), tell?.()) },
    );
    expect(await discover()).toMatchObject({ listChanged: true });
    await told;
    await discover(); // Long enough for a second notice to be noticed.
    expect(changed).toEqual(['scripted']);
    expect(server.count('GET')).toBe(1);
  });

  it('does not wait for the stream of a server that never begins one', async () => {
    const announcing = { ...INITIALIZED, capabilities: { tools: { listChanged: true } } };
    const { discover } = await setUp(
      listing((request) => json(request, { tools: [tool('a')] }), {
        initialize: (request) => json(request, announcing),
        GET: () => undefined,
      }),
    );
    expect(await discover()).toMatchObject({ health: { state: 'healthy' } });
  });

  const status =
    (code: number): Script =>
    ({ response }) =>
      response.writeHead(code).end('<html>');

  it.each<[string, string, Script]>([
    ['unauthorized', 'spec.authentication', status(401)],
    ['unauthorized', 'spec.authentication', status(403)],
    ['http_error', 'check the path in spec.url', status(404)],
    ['http_error', 'redirects are not followed', status(301)],
    ['http_error', "the server's own log", status(502)],
    ['http_error', 'rate limit', status(429)],
    ['not_mcp', 'MCP endpoint', status(200)],
    ['not_mcp', 'MCP endpoint', listing((request) => json(request, { tools: 'none' }))],
    [
      'not_mcp',
      '-32601',
      listing(({ message, response }) =>
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(`{"jsonrpc":"2.0","id":${message.id},"error":{"code":-32601,"message":"x"}}`),
      ),
    ],
    [
      'not_mcp',
      'initialize',
      listing(status(200), {
        initialize: (request) => json(request, { ...INITIALIZED, protocolVersion: '1999-01-01' }),
      }),
    ],
    ['empty', 'lists no tools', listing((request) => json(request, { tools: [] }))],
    [
      'empty',
      'lists no tools',
      listing(status(200), { initialize: (request) => json(request, { ...INITIALIZED, capabilities: {} }) }),
    ],
    ['too_large', 'pages', listing((request) => json(request, { tools: [], nextCursor: 'again' }))],
    ['too_large', 'bytes', listing((request) => json(request, { tools: [tool('x'.repeat(5_000_000))] }))],
    ['disconnected', 'crash', listing(({ response }) => response.destroy())],
  ])('says %s, with advice about "%s"', async (reason, advice, script) => {
    const { discover } = await setUp(script);
    expect(await discover()).toMatchObject({
      health: { state: 'unreachable', reason, message: expect.stringContaining(advice) as string },
    });
  });

  it('says timed_out when the list does not come', async () => {
    const { discover } = await setUp(listing(() => undefined));
    expect(await discover(300)).toMatchObject({
      health: { reason: 'timed_out', message: expect.stringContaining('did not answer within 300 ms') as string },
    });
  });

  it('says refused where nothing listens', async () => {
    const { server, discover } = await setUp(listing((request) => json(request, { tools: [tool('a')] })));
    await server.close();
    expect(await discover()).toMatchObject({ health: { state: 'unreachable', reason: 'refused' } });
  });

  it('throws when it is cancelled or cannot authenticate: that says nothing about the server', async () => {
    const { upstream, discover } = testUpstream();
    opened(upstream);
    await expect(discover('http://127.0.0.1:1/', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_CANCELLED',
    });
    await expect(
      discover('http://127.0.0.1:1/', { authorize: () => Promise.reject(new Error('no key')) }),
    ).rejects.toThrow('no key');
  });
});
