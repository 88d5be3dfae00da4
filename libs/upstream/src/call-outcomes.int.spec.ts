// How a call over Streamable HTTP can end when that is known, against real sockets that count what they receive.

import { getEventListeners } from 'node:events';
import { testUpstream, type CallDetails } from './testing/calls.js';
import { closingAfterEach } from './testing/opened.js';
import {
  body,
  event,
  eventStream,
  HELLO,
  json,
  mcpScript,
  responseText,
  SECRET,
  startScriptedServer,
  status,
  WARM_UP,
  type Received,
  type Script,
} from './testing/scripted-server.js';
import type { CallAnswer } from './upstream.js';

const opened = closingAfterEach();
let test: ReturnType<typeof testUpstream>;
beforeEach(() => {
  test = testUpstream(); // A new one each time: a port may be given out again, and sessions are pooled by url.
  opened(test.upstream);
});

const call = (url: string, details?: CallDetails) => test.call(url, details);
const serving = async (script: Script) => opened(await startScriptedServer(script));

/** What comes of a call to a server that treats tools/call like this, and how often it received one. */
async function outcome(script: Script, details?: CallDetails): Promise<CallAnswer & { readonly received: number }> {
  const server = await serving(mcpScript(script));
  const answer = await call(server.url, details);
  return { ...answer, received: server.count('tools/call') };
}

describe('answered', () => {
  it('passes the result on exactly as it was sent', async () => {
    const result =
      '{"zebra":1,"content":[{"type":"text"},{"type":"hologram","frames":[[]]},{"type":"image","data":"AA==","mimeType":"image/png","x":null},' +
      '{"type":"resource","resource":{"uri":"a://b","text":"t"}}],"structuredContent":{"n":1.5,"deep":{"__proto__":{"a":1}}},' +
      '"_meta":{"a/b":{"c":[]}},"isError":false,"__proto__":{"isError":true},"constructor":"x"}';
    const answer = await outcome(body(({ message }) => `{"jsonrpc":"2.0","id":${message.id},"result":${result}}`));
    expect(answer).toMatchObject({ kind: 'answered', isError: false, received: 1 });
    expect(answer.kind === 'answered' && JSON.stringify(answer.result)).toBe(result);
  });

  it('tells a tool’s own error from a success', async () => {
    const answer = await outcome((request) => json(request, { content: [], isError: true }));
    expect(answer).toMatchObject({ kind: 'answered', isError: true, received: 1 });
  });

  it('sends name, arguments, _meta and the headers of the call, and asks for them once', async () => {
    const server = await serving(mcpScript((request) => json(request, HELLO)));
    let asked = 0;
    const authorize = async () => ({ Authorization: `Bearer ${++asked}`, 'X-Api-Key': 'k' });
    await call(server.url, { authorize, meta: { traceparent: '00-1' } });
    expect((await server.next('tools/call')).message.params).toEqual({
      name: 'greet',
      arguments: { name: 'Ann' },
      _meta: { traceparent: '00-1' },
    });
    expect(server.received.map(({ headers }) => [headers.authorization, headers['x-api-key']])).toEqual(
      server.received.map(() => ['Bearer 1', 'k']),
    );
    expect(server.received.map(({ headers }) => headers['accept-encoding'])).toEqual(
      server.received.map(() => 'identity'),
    );
  });

  it('passes on progress, even when it arrives together with the result', async () => {
    const seen: unknown[] = [];
    const answer = await outcome(
      (request) => {
        const { progressToken } = request.message.params?.['_meta'] as { progressToken: number };
        const steps = [1, 2, 3].map((progress) =>
          event({
            jsonrpc: '2.0',
            method: 'notifications/progress',
            params: { progressToken, progress, total: 3, message: 'm' },
          }),
        );
        eventStream(request)(steps.join('') + event(JSON.parse(responseText(request, HELLO))));
        request.response.end();
      },
      { onProgress: (progress) => seen.push(progress) },
    );
    expect(answer).toMatchObject({ kind: 'answered', received: 1 });
    expect(seen).toEqual([1, 2, 3].map((progress) => ({ progress, total: 3, message: 'm' })));
  });

  it('accepts `"error": null` beside a result', async () => {
    const answer = await outcome(
      body(({ message }) => `{"jsonrpc":"2.0","id":${message.id},"error":null,"result":{}}`),
    );
    expect(answer).toMatchObject({ kind: 'answered', result: {} });
  });

  it('T4: resumes a stream that broke, without running the tool again', async () => {
    const interrupted: Received[] = [];
    const resume: Script = (request) => {
      const original = interrupted[0];
      if (request.headers['last-event-id'] !== 'e1' || original === undefined)
        return void request.response.writeHead(405).end();
      eventStream(request)(event(JSON.parse(responseText(original, HELLO)), 'e2'));
    };
    const server = await serving(
      mcpScript(
        (request) => {
          interrupted.push(request);
          eventStream(request)('id: e1\nretry: 10\ndata: \n\n');
          setImmediate(() => request.response.destroy());
        },
        { GET: resume },
      ),
    );
    expect(await call(server.url)).toMatchObject({ kind: 'answered', result: HELLO });
    expect(server.count('tools/call')).toBe(1);
    expect((await server.next('GET')).headers).toMatchObject({
      authorization: 'Bearer ann',
      'mcp-session-id': 'session-1',
    });
  });
});

describe('T4', () => {
  it('does not hurry after a stream that ends again and again, and gives up at the deadline', async () => {
    const ending: Script = (request) => (eventStream(request)('id: e1\nretry: 1\ndata: \n\n'), request.response.end());
    const server = await serving(mcpScript(ending, { GET: ending }));
    await call(server.url, { tool: WARM_UP });
    expect(await call(server.url, { timeoutMs: 350 })).toMatchObject({ kind: 'unknown', code: 'ERR_UPSTREAM_TIMEOUT' });
    expect(server.count('tools/call')).toBe(2);
    expect(server.count('GET')).toBeLessThanOrEqual(3);
  });

  it('gives up at once when the server will not resume', async () => {
    const ending: Script = (request) => (eventStream(request)('id: e1\ndata: \n\n'), request.response.end());
    const server = await serving(mcpScript(ending, { GET: status(404) }));
    expect(await call(server.url)).toMatchObject({ kind: 'unknown', code: 'ERR_UPSTREAM_DISCONNECTED' });
    expect([server.count('tools/call'), server.count('GET')]).toEqual([1, 1]);
  });
});

describe('refused', () => {
  it.each([
    [400, 'ERR_UPSTREAM_HTTP'],
    [401, 'ERR_UPSTREAM_UNAUTHORIZED'],
    [403, 'ERR_UPSTREAM_UNAUTHORIZED'],
    [413, 'ERR_UPSTREAM_HTTP'],
    [429, 'ERR_RATE_LIMITED'],
  ])('takes HTTP %i as the server’s word that it did not run the call', async (code, error) => {
    const answer = await outcome(status(code));
    expect(answer).toMatchObject({ kind: 'refused', code: error, received: 1 });
    expect(JSON.stringify(answer)).not.toContain(SECRET);
  });

  it('passes a JSON-RPC error on', async () => {
    const answer = await outcome(
      body(
        ({ message }) =>
          `{"jsonrpc":"2.0","id":${message.id},"error":{"code":-32602,"message":"no such tool","data":{"a":1}}}`,
      ),
    );
    expect(answer).toMatchObject({
      kind: 'refused',
      code: 'ERR_UPSTREAM_ERROR',
      rpcError: { code: -32602, message: 'no such tool', data: { a: 1 } },
    });
    expect(answer.kind === 'refused' && answer.message).not.toContain('no such tool');
  });

  it('does not follow a redirect of the call, and sends nothing elsewhere', async () => {
    const elsewhere = await serving(status(200));
    const answer = await outcome(status(307, { location: elsewhere.url }));
    expect(answer).toMatchObject({ kind: 'refused', code: 'ERR_UPSTREAM_HTTP', received: 1 });
    expect(elsewhere.connections()).toBe(0);
  });
});

describe('not sent', () => {
  const notSent = async (url: string, code: string, details?: CallDetails) =>
    expect(await call(url, details)).toMatchObject({ kind: 'not_sent', code });

  it('says so when the name does not resolve', () => notSent('http://no-such-host.invalid/mcp', 'ERR_UPSTREAM_DNS'));

  it('says so when nothing listens', async () => {
    const server = await startScriptedServer(status(200));
    await server.close();
    await notSent(server.url, 'ERR_UPSTREAM_REFUSED');
  });

  it.each([
    [401, 'ERR_UPSTREAM_UNAUTHORIZED'],
    [429, 'ERR_RATE_LIMITED'],
    [500, 'ERR_UPSTREAM_HTTP'],
    [302, 'ERR_UPSTREAM_HTTP'],
  ])('says so when initialize is answered with HTTP %i', async (code, error) => {
    const elsewhere = await serving(status(200));
    const server = await serving(mcpScript(status(200), { initialize: status(code, { location: elsewhere.url }) }));
    await notSent(server.url, error);
    expect([server.count('initialize'), server.count('tools/call'), elsewhere.connections()]).toEqual([1, 0, 0]);
  });

  it('H2: says so when the connection for the call itself fails, in a session that is open', async () => {
    const inner = mcpScript((request) => json(request, HELLO));
    const server = await serving((request) => inner((request.response.setHeader('connection', 'close'), request)));
    expect(await call(server.url)).toMatchObject({ kind: 'answered' });
    await server.close();
    await notSent(server.url, 'ERR_UPSTREAM_REFUSED');
    expect(server.count('tools/call')).toBe(1);
  });

  it('says so when the server is a web site', async () => {
    await notSent((await serving(body('<html>', 'text/html'))).url, 'ERR_UPSTREAM_NOT_MCP');
  });

  it('says so when initialize hangs', async () => {
    const server = await serving(mcpScript(status(200), { initialize: () => undefined }));
    await notSent(server.url, 'ERR_UPSTREAM_TIMEOUT', { timeoutMs: 100 });
    expect(server.count('tools/call')).toBe(0);
  });

  it('H3: says so when it was cancelled before, and sends nothing', async () => {
    const server = await serving(mcpScript(status(200)));
    await notSent(server.url, 'ERR_CANCELLED', { signal: AbortSignal.abort() });
    expect(server.count('tools/call')).toBe(0);
  });

  it('says so when there is no token, and sends nothing', async () => {
    const server = await serving(mcpScript(status(200)));
    await notSent(server.url, 'ERR_INTERNAL', { authorize: () => Promise.reject(new Error('no key')) });
    expect(server.connections()).toBe(0);
  });

  it('says so when a header cannot be sent', async () => {
    const server = await serving(mcpScript(status(200)));
    await notSent(server.url, 'ERR_CONFIG_INVALID', { authorize: async () => ({ 'x-key': 'a\r\nb: c' }) });
    expect(server.connections()).toBe(0);
  });
});

describe('C2, H1: at most once', () => {
  it('sends no call twice and knows what was not sent, whatever connections do', async () => {
    let turn = 0;
    const server = await serving(
      mcpScript((request) => {
        turn += 1;
        if (turn % 5 === 0) return void request.response.socket?.resetAndDestroy();
        if (turn % 7 === 0) request.response.on('finish', () => request.response.socket?.resetAndDestroy());
        if (turn % 11 === 0) return void request.response.writeHead(429).end();
        json(request, HELLO);
      }),
    );
    const ids = Array.from({ length: 300 }, (_, index) => `call-${index}`);
    const answers = new Map<string, CallAnswer['kind']>();
    const worker = async (own: string[]) => {
      for (const id of own) answers.set(id, (await call(server.url, { meta: { id } })).kind);
    };
    await Promise.all([0, 1, 2, 3].map((part) => worker(ids.filter((_, index) => index % 4 === part))));
    for (const id of ids) {
      const times = server.received.filter(({ message }) => idOf(message.params) === id).length;
      const kind = answers.get(id);
      expect([id, times]).toEqual([id, kind === 'not_sent' ? 0 : kind === 'unknown' ? Math.min(times, 1) : 1]);
    }
    const kinds = [...answers.values()];
    expect(kinds.filter((kind) => kind === 'unknown').length).toBeLessThan(120); // Not everything is called unknown.
    expect(kinds.filter((kind) => kind === 'refused').length).toBeGreaterThan(10);
    expect(server.count('notifications/cancelled')).toBeLessThanOrEqual(
      kinds.filter((kind) => kind === 'unknown').length,
    ); // T3
  });

  const idOf = (params: Received['message']['params']) => (params?.['_meta'] as { id?: string } | undefined)?.id;
});

describe('H4', () => {
  it('leaves no listener on a signal that many calls share', async () => {
    const server = await serving(mcpScript((request) => json(request, HELLO)));
    const { signal } = new AbortController();
    const warnings: Error[] = [];
    const warn = (warning: Error) => warnings.push(warning);
    process.on('warning', warn);
    await Promise.all(Array.from({ length: 50 }, () => call(server.url, { signal })));
    process.off('warning', warn);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(warnings).toEqual([]);
  });
});
