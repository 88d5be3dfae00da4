// Every way in which a call over Streamable HTTP can end so that nobody knows whether it ran.

import { gzipSync } from 'node:zlib';
import { startResettingGate } from './testing/resetting-gate.js';
import { testUpstream, type CallDetails } from './testing/calls.js';
import { closingAfterEach } from './testing/opened.js';
import {
  body,
  event,
  eventStream,
  HELLO,
  INITIALIZED,
  json,
  mcpScript,
  responseText,
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
  test = testUpstream({ limits: { eventsMax: 1_000 } }); // A new one each time: a port may be given out again, and sessions are pooled by url.
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
    ['bytes that are not HTTP', 'ERR_UPSTREAM_NOT_MCP', ({ response }) => response.socket?.end('<garbage>\r\n\r\n')],
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
    [
      'an encoding that we did not ask for',
      'ERR_UPSTREAM_NOT_MCP',
      (request) => json(request, HELLO, { 'content-encoding': 'br' }),
    ],
    ['20 KB of headers', 'ERR_UPSTREAM_TOO_LARGE', status(200, { 'x-long': 'x'.repeat(20_000) })],
    [
      'a hundred requests to us',
      'ERR_UPSTREAM_TOO_LARGE',
      (request) => eventStream(request)(event({ jsonrpc: '2.0', id: 'p', method: 'ping' }).repeat(101)),
    ],
  ])('is the outcome after %s, and not only at the deadline', async (_, code, script) => {
    expect(await outcome(script)).toMatchObject({ kind: 'unknown', code, received: 1 });
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
    await call(server.url, { tool: WARM_UP });
    await server.next('tools/call');
    expect(await call(server.url, { timeoutMs: 200 })).toMatchObject({ kind: 'unknown', code: 'ERR_UPSTREAM_TIMEOUT' });
    const { message, closed } = await server.next('tools/call');
    expect((await server.next('notifications/cancelled')).message.params).toMatchObject({ requestId: message.id });
    await closed;
  });

  it('is the outcome when a body stalls for longer than it may', async () => {
    const impatient = testUpstream({ limits: { idleMs: 100 } });
    opened(impatient.upstream);
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
    opened(gate);
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
