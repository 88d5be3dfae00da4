// Calls over the HTTP+SSE transport of MCP 2024-11-05, against a server that does it wrong in every way we could think of.

import { testUpstream } from './testing/calls.js';
import { closingAfterEach } from './testing/opened.js';
import {
  event,
  eventStream,
  HELLO,
  INITIALIZED,
  startScriptedServer,
  type Received,
  type ScriptedServer,
} from './testing/scripted-server.js';

const opened = closingAfterEach();

type Send = (text: string) => void;
type OnCall = (request: Received, stream: { readonly send: Send; readonly end: () => void }) => void;

interface Options {
  /** What the first event names. */
  readonly endpoint?: string;
}

/** A server of sessions that are event streams; `onCall` decides what becomes of a tools/call. */
async function setUp(onCall: OnCall, options: Options = {}) {
  const streams: { readonly send: Send; readonly end: () => void }[] = [];
  const server: ScriptedServer = await startScriptedServer((request) => {
    if (request.httpMethod === 'GET') {
      const send = eventStream(request);
      streams.push({ send, end: () => request.response.end() });
      return send(`event: endpoint\ndata: ${options.endpoint ?? `/message?session=${streams.length - 1}`}\n\n`);
    }
    const stream = streams[Number(new URLSearchParams(request.path.split('?')[1]).get('session') ?? -1)];
    if (stream === undefined) return void request.response.writeHead(405).end();
    if (request.message.method === 'tools/call') return onCall(request, stream);
    request.response.writeHead(202).end('Accepted');
    if (request.message.method === 'initialize')
      stream.send(event({ jsonrpc: '2.0', id: request.message.id, result: INITIALIZED }));
  });
  const test = testUpstream();
  opened(server);
  opened(test.upstream);
  return {
    server,
    upstream: test.upstream,
    call: (details?: Parameters<typeof test.call>[1]) => test.call(server.url, details),
  };
}

const accept = ({ response }: Received) => void response.writeHead(202).end('Accepted');
const answer: OnCall = (request, { send }) => {
  accept(request);
  send(event({ jsonrpc: '2.0', id: request.message.id, result: HELLO }));
};

describe('legacy SSE', () => {
  it('is found by AUTO and remembered', async () => {
    const { server, call } = await setUp(answer);
    expect(await call()).toMatchObject({ kind: 'answered', result: HELLO });
    expect(await call({ person: 'bob' })).toMatchObject({ kind: 'answered' });
    expect(server.received.filter(({ path, httpMethod }) => httpMethod === 'POST' && path === '/mcp')).toHaveLength(1); // O2
    expect(server.received.map(({ headers }) => headers.authorization)).not.toContain(undefined);
  });

  it('serves many calls at once on one stream', async () => {
    const { server, call } = await setUp(answer);
    const answers = await Promise.all(Array.from({ length: 20 }, () => call({ server: { protocol: 'SSE' } })));
    expect(answers.map(({ kind }) => kind)).toEqual(answers.map(() => 'answered'));
    expect([server.count('GET'), server.count('notifications/cancelled')]).toEqual([1, 0]);
  });

  it('takes an answer that comes before its request was accepted', async () => {
    const { call } = await setUp((request, { send }) =>
      send(event({ jsonrpc: '2.0', id: request.message.id, result: HELLO })),
    );
    expect(await call()).toMatchObject({ kind: 'answered' });
  });

  it('S2: knows at once that an answer will not come when the stream ends, and opens another session next', async () => {
    let calls = 0;
    const { server, call } = await setUp((request, stream) => {
      if (++calls > 1) return answer(request, stream);
      accept(request);
      stream.end();
    });
    expect(await call({ timeoutMs: 60_000 })).toMatchObject({ kind: 'unknown', code: 'ERR_UPSTREAM_DISCONNECTED' });
    expect(await call()).toMatchObject({ kind: 'answered' });
    expect([server.count('GET'), server.count('tools/call')]).toEqual([2, 2]);
  });

  it('S3: posts nothing to an endpoint of another origin', async () => {
    const elsewhere = await startScriptedServer(() => undefined);
    opened(elsewhere);
    const { server, call } = await setUp(answer, { endpoint: `${elsewhere.url}?session=0` });
    expect(await call({ server: { protocol: 'SSE' } })).toMatchObject({
      kind: 'not_sent',
      code: 'ERR_UPSTREAM_NOT_MCP',
    });
    expect([elsewhere.connections(), server.count('initialize')]).toEqual([0, 0]);
  });

  it('leaves a call unsent when no endpoint is named in time', async () => {
    const server = await startScriptedServer((request) => void eventStream(request)(': wait\n\n'));
    const { upstream, call } = testUpstream();
    opened(server);
    opened(upstream);
    const answer = await call(server.url, { server: { protocol: 'SSE' }, timeoutMs: 100 });
    expect(answer).toMatchObject({ kind: 'not_sent', code: 'ERR_UPSTREAM_TIMEOUT' });
  });

  it.each<[string, 'refused' | 'unknown', string, OnCall]>([
    ['401 to the post', 'refused', 'ERR_UPSTREAM_UNAUTHORIZED', ({ response }) => response.writeHead(401).end()],
    ['500 to the post', 'unknown', 'ERR_UPSTREAM_HTTP', ({ response }) => response.writeHead(500).end()],
    [
      'a reset of the post',
      'unknown',
      'ERR_UPSTREAM_DISCONNECTED',
      ({ response }) => response.socket?.resetAndDestroy(),
    ],
    [
      'garbage on the stream',
      'unknown',
      'ERR_UPSTREAM_NOT_MCP',
      (request, { send }) => (accept(request), send('data: {\n\n')),
    ],
    [
      'an answer beyond the limit',
      'unknown',
      'ERR_UPSTREAM_TOO_LARGE',
      (request, { send }) => {
        accept(request);
        send(event({ jsonrpc: '2.0', id: request.message.id, result: { x: 'x'.repeat(2 * 1024 * 1024) } }));
      },
    ],
  ])('tells what %s means', async (_, kind, code, onCall) => {
    const { call, server } = await setUp(onCall);
    expect(await call()).toMatchObject({ kind, code });
    expect(server.count('tools/call')).toBe(1);
  });

  it('is sent anew once when the server has forgotten the session', async () => {
    let calls = 0;
    const { call, server } = await setUp((request, stream) => {
      if (++calls === 1) return void request.response.writeHead(404).end();
      answer(request, stream);
    });
    expect(await call()).toMatchObject({ kind: 'answered' });
    expect([server.count('GET'), server.count('tools/call')]).toEqual([2, 2]);
  });

  it('S1: is cancelled upstream at the deadline, and a late answer is ignored', async () => {
    let late: (() => void) | undefined;
    let calls = 0;
    const { call, server } = await setUp((request, stream) => {
      if (++calls !== 2) return answer(request, stream);
      accept(request);
      late = () => stream.send(event({ jsonrpc: '2.0', id: request.message.id, result: {} }));
    });
    await call();
    await server.next('tools/call');
    expect(await call({ timeoutMs: 200 })).toMatchObject({ kind: 'unknown', code: 'ERR_UPSTREAM_TIMEOUT' });
    const { message } = await server.next('tools/call');
    expect((await server.next('notifications/cancelled')).message.params).toMatchObject({ requestId: message.id });
    late?.();
    expect(await call()).toMatchObject({ kind: 'answered', result: HELLO });
  });
});
