// Every way in which a call over Streamable HTTP can end, against real sockets that count what they receive.

import { getEventListeners } from 'node:events';
import { gzipSync } from 'node:zlib';
import { startResettingGate } from './testing/resetting-gate.js';
import { testUpstream, type CallDetails, type TestUpstream } from './testing/calls.js';
import {
  event,
  eventStream,
  HELLO,
  INITIALIZED,
  json,
  mcpScript,
  responseText,
  startScriptedServer,
  type Received,
  type Script,
  type ScriptedServer,
} from './testing/scripted-server.js';
import type { CallAnswer } from './upstream.js';

const open: { close(): Promise<unknown> }[] = [];
let call: TestUpstream['call'];

beforeEach(() => {
  const test = testUpstream(); // A new one each time: a port may be given out again, and sessions are pooled by url.
  open.push(test.upstream);
  call = test.call;
});

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function serving(script: Script): Promise<ScriptedServer> {
  const server = await startScriptedServer(script);
  open.push(server);
  return server;
}

/** What comes of a call to a server that treats tools/call like this, and how often it received one. */
async function outcome(script: Script, details?: CallDetails): Promise<CallAnswer & { readonly received: number }> {
  const server = await serving(mcpScript(script));
  const answer = await call(server.url, details);
  return { ...answer, received: server.count('tools/call') };
}

const status =
  (code: number, headers: Readonly<Record<string, string>> = {}): Script =>
  ({ response }) =>
    response.writeHead(code, headers).end('credentials: hunter2');

const body =
  (text: string | ((request: Received) => string), contentType = 'application/json'): Script =>
  (request) =>
    request.response
      .writeHead(200, { 'content-type': contentType })
      .end(typeof text === 'string' ? text : text(request));

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
    expect(JSON.stringify(answer)).not.toContain('hunter2');
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

describe('unknown', () => {
  const half: Script = (request) => {
    const text = responseText(request, HELLO);
    request.response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length });
    request.response.write(text.slice(0, 20), () => request.response.destroy());
  };
  const endlessStream: Script = (request) => {
    const send = eventStream(request);
    const note = event({
      jsonrpc: '2.0',
      method: 'notifications/message',
      params: { level: 'info', data: 'x' },
    }).repeat(100);
    const more = () => {
      if (!request.response.destroyed) setImmediate(more);
      send(note);
    };
    more();
  };
  const huge = (request: Received) =>
    responseText(request, { content: [{ type: 'text', text: 'x'.repeat(10 * 1024 * 1024) }] });
  const bomb: Script = (request) =>
    request.response
      .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
      .end(gzipSync(huge(request)));
  const tooDeep = ({ message }: Received) =>
    `{"jsonrpc":"2.0","id":${message.id},"result":{"a":${'['.repeat(5000)}${']'.repeat(5000)}}}`;

  it.each<[string, string, Script]>([
    ['HTTP 500', 'ERR_UPSTREAM_HTTP', status(500)],
    ['HTTP 503', 'ERR_UPSTREAM_HTTP', status(503)],
    ['a redirect that may follow a run', 'ERR_UPSTREAM_HTTP', status(303, { location: 'http://127.0.0.1:1/' })],
    ['HTTP 202 without an answer', 'ERR_UPSTREAM_NOT_MCP', status(202)],
    ['a reset after reading', 'ERR_UPSTREAM_DISCONNECTED', ({ response }) => response.socket?.resetAndDestroy()],
    ['an end after reading', 'ERR_UPSTREAM_DISCONNECTED', ({ response }) => response.destroy()],
    ['half a body', 'ERR_UPSTREAM_DISCONNECTED', half],
    ['garbage instead of JSON', 'ERR_UPSTREAM_NOT_MCP', body('{"jsonrpc": nonsense')],
    ['JSON that is no JSON-RPC', 'ERR_UPSTREAM_NOT_MCP', body('{"ok":true}')],
    [
      'a result that is no object',
      'ERR_UPSTREAM_NOT_MCP',
      body(({ message }) => `{"jsonrpc":"2.0","id":${message.id},"result":7}`),
    ],
    ['another id', 'ERR_UPSTREAM_NOT_MCP', body('{"jsonrpc":"2.0","id":999,"result":{}}')],
    [
      'an id of another type',
      'ERR_UPSTREAM_NOT_MCP',
      body(({ message }) => `{"jsonrpc":"2.0","id":"${message.id}","result":{}}`),
    ],
    ['an HTML page', 'ERR_UPSTREAM_NOT_MCP', body('<html>', 'text/html')],
    [
      'a stream that ends unanswered',
      'ERR_UPSTREAM_DISCONNECTED',
      (request) => (eventStream(request)(': hi\n\n'), request.response.end()),
    ],
    [
      'a stream with another id',
      'ERR_UPSTREAM_DISCONNECTED',
      body(event({ jsonrpc: '2.0', id: 999, result: {} }), 'text/event-stream'),
    ],
    ['a stream of garbage', 'ERR_UPSTREAM_NOT_MCP', body('data: {nonsense\n\n', 'text/event-stream')],
    ['an endless stream', 'ERR_UPSTREAM_TOO_LARGE', endlessStream],
    ['a result of 10 MB', 'ERR_UPSTREAM_TOO_LARGE', body(huge)],
    [
      'an event of 10 MB',
      'ERR_UPSTREAM_TOO_LARGE',
      body((request) => `data: ${huge(request)}\n\n`, 'text/event-stream'),
    ],
    ['a line that never ends', 'ERR_UPSTREAM_TOO_LARGE', body('x'.repeat(3 * 1024 * 1024), 'text/event-stream')],
    ['JSON nested 5,000 deep', 'ERR_UPSTREAM_TOO_LARGE', body(tooDeep)],
    ['a compressed bomb', 'ERR_UPSTREAM_NOT_MCP', bomb],
    ['20 KB of headers', 'ERR_UPSTREAM_TOO_LARGE', status(200, { 'x-long': 'x'.repeat(20_000) })],
    [
      'a hundred requests to us',
      'ERR_UPSTREAM_TOO_LARGE',
      (request) => eventStream(request)(event({ jsonrpc: '2.0', id: 'p', method: 'ping' }).repeat(101)),
    ],
  ])('is the outcome after %s', async (_, code, script) => {
    const started = performance.now();
    expect(await outcome(script)).toMatchObject({ kind: 'unknown', code, received: 1 });
    expect(performance.now() - started).toBeLessThan(2_500); // At once, not at the deadline.
  });

  it.each<[string, Script]>([
    ['no answer', () => undefined],
    [
      'a body that stalls',
      ({ response }) => response.writeHead(200, { 'content-type': 'application/json' }).write('{'),
    ],
    [
      'a stream that drips',
      (request) => {
        const send = eventStream(request);
        const timer = setInterval(() => send(': still here\n\n'), 20);
        request.response.on('close', () => clearInterval(timer));
      },
    ],
  ])('is the outcome at the deadline after %s, and the server is told', async (_, script) => {
    const server = await serving(mcpScript(script));
    const answer = await call(server.url, { timeoutMs: 200 });
    expect(answer).toMatchObject({ kind: 'unknown', code: 'ERR_UPSTREAM_TIMEOUT' });
    const { message, closed } = await server.next('tools/call');
    expect((await server.next('notifications/cancelled')).message.params).toMatchObject({ requestId: message.id });
    await closed;
  });

  it('is the outcome when a body stalls for longer than it may', async () => {
    const impatient = testUpstream({ limits: { idleMs: 100 } });
    open.push(impatient.upstream);
    const server = await serving(
      mcpScript(({ response }) => response.writeHead(200, { 'content-type': 'application/json' }).write('{')),
    );
    expect(await impatient.call(server.url)).toMatchObject({ kind: 'unknown', code: 'ERR_UPSTREAM_TIMEOUT' });
  });

  it('is the outcome when it is cancelled on the way: the server is told, by the same authority, and the request closed', async () => {
    const server = await serving(mcpScript(() => undefined));
    const stop = new AbortController();
    const answer = call(server.url, { signal: stop.signal });
    const { message, closed } = await server.next('tools/call');
    stop.abort();
    expect(await answer).toMatchObject({ kind: 'unknown', code: 'ERR_CANCELLED' });
    const notice = await server.next('notifications/cancelled');
    expect(notice.message.params).toMatchObject({ requestId: message.id });
    expect(notice.headers).toMatchObject({ authorization: 'Bearer ann', 'mcp-session-id': 'session-1' });
    await closed;
  });

  it('is the outcome when the connection is reset before the server has read anything', async () => {
    const closing: Script = (request) => json(request, INITIALIZED, { connection: 'close' });
    const server = await serving(mcpScript(status(200), { initialize: closing, 'notifications/initialized': closing }));
    const gate = await startResettingGate(server.port, 2);
    open.push(gate);
    expect(await call(gate.url)).toMatchObject({ kind: 'unknown', code: 'ERR_UPSTREAM_DISCONNECTED' });
    expect(server.count('tools/call')).toBe(0);
  });

  it('is the outcome of whatever is on its way when we close', async () => {
    const closing = testUpstream();
    const server = await serving(mcpScript(() => undefined));
    const answer = closing.call(server.url);
    await server.next('tools/call');
    await closing.upstream.close();
    expect(await answer).toMatchObject({ kind: 'unknown', code: 'ERR_UPSTREAM_DISCONNECTED' });
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
