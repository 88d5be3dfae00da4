// Sessions: whom they belong to, how they are shared, lost, found again and closed.

import { testUpstream, type CallDetails } from './testing/calls.js';
import { closingAfterEach } from './testing/opened.js';
import {
  HELLO,
  json,
  mcpScript,
  startScriptedServer,
  type Script,
  type ScriptedServer,
} from './testing/scripted-server.js';
import type { UpstreamOptions } from './create-upstream.js';

const opened = closingAfterEach();

const greet: Script = (request) => json(request, HELLO);

async function setUp(script: Script = mcpScript(greet), options?: UpstreamOptions) {
  const server = await startScriptedServer(script);
  const test = testUpstream(options);
  opened(server);
  opened(test.upstream);
  return { server, upstream: test.upstream, call: (details?: CallDetails) => test.call(server.url, details) };
}

const as = (person: string): CallDetails => ({
  person,
  authorize: async () => ({ authorization: `Bearer ${person}` }),
});

/** Every session the server has seen, with everyone who used it. */
function usersOfSessions(server: ScriptedServer): ReadonlyMap<string, ReadonlySet<string>> {
  const users = new Map<string, Set<string>>();
  for (const { headers } of server.received) {
    const session = headers['mcp-session-id'];
    if (typeof session !== 'string') continue;
    users.set(session, (users.get(session) ?? new Set()).add(headers.authorization ?? ''));
  }
  return users;
}

describe('P1', () => {
  it('never shares a session between people', async () => {
    const { server, call } = await setUp();
    await Promise.all(Array.from({ length: 60 }, (_, index) => call(as(index % 2 === 0 ? 'ann' : 'bob'))));
    expect([...usersOfSessions(server).values()].map((users) => [...users]).sort()).toEqual([
      ['Bearer ann'],
      ['Bearer bob'],
    ]);
    expect([server.count('initialize'), server.count('tools/call')]).toEqual([2, 60]);
  });

  it('shares none between servers, generations, urls or protocols either', async () => {
    const { server, call } = await setUp();
    for (const other of [
      {},
      { name: 'b' },
      { generation: 2 },
      { url: `${server.url}/2` },
      { protocol: 'STREAMABLE_HTTP' },
    ] as const)
      await call({ server: other });
    expect(server.count('initialize')).toBe(5);
  });
});

describe('P2', () => {
  it('opens one session for all that ask at once, with JSON-RPC ids of their own', async () => {
    const { server, call } = await setUp();
    const answers = await Promise.all(Array.from({ length: 40 }, () => call()));
    expect(answers.map(({ kind }) => kind)).toEqual(answers.map(() => 'answered'));
    const ids = server.received
      .filter(({ message }) => message.method === 'tools/call')
      .map(({ message }) => message.id);
    expect([server.count('initialize'), new Set(ids).size]).toEqual([1, 40]);
  });

  it('does not let the one who asked first take the others along', async () => {
    let answer: (() => void) | undefined;
    const slow = mcpScript(greet);
    const { server, call } = await setUp((request) => {
      if (request.message.method === 'initialize') answer = () => slow(request);
      else slow(request);
    });
    const first = new AbortController();
    const calls = [call({ signal: first.signal }), call()];
    await server.next('initialize');
    first.abort();
    expect(await calls[0]).toMatchObject({ kind: 'not_sent', code: 'ERR_CANCELLED' });
    answer?.();
    expect(await calls[1]).toMatchObject({ kind: 'answered' });
    expect([server.count('initialize'), server.count('tools/call')]).toEqual([1, 1]);
  });
});

describe('P3, P4', () => {
  it('closes a session that nobody uses, and tells the server', async () => {
    const { server, call, upstream } = await setUp(mcpScript(greet), { limits: { sessionIdleMs: 20 } });
    await call();
    expect((await server.next('DELETE')).headers).toMatchObject({
      'mcp-session-id': 'session-1',
      authorization: 'Bearer ann',
    });
    expect(upstream.stats().sessions).toBe(0);
    expect(await call()).toMatchObject({ kind: 'answered' });
    expect(server.count('initialize')).toBe(2);
  });

  it('makes room by closing the session that was unused for the longest time', async () => {
    const { server, call, upstream } = await setUp(mcpScript(greet), { limits: { sessionsMax: 2 } });
    for (const person of ['ann', 'bob', 'ann', 'cho']) await call(as(person));
    expect((await server.next('DELETE')).headers.authorization).toBe('Bearer bob');
    expect(upstream.stats()).toEqual({ sessions: 2, discoverySessions: 0, callsInFlight: 0 });
  });

  it('never closes a session in use to make room', async () => {
    const held: (() => void)[] = [];
    const { server, call } = await setUp(
      mcpScript((request) => void held.push(() => greet(request))),
      { limits: { sessionsMax: 1 } },
    );
    const calls = [call(as('ann')), call(as('bob'))];
    await server.next('tools/call');
    await server.next('tools/call');
    expect(server.count('DELETE')).toBe(0);
    for (const answer of held) answer();
    expect((await Promise.all(calls)).map(({ kind }) => kind)).toEqual(['answered', 'answered']);
    await server.next('DELETE');
  });

  it('closes all sessions at the end', async () => {
    const { server, call, upstream } = await setUp();
    await call(as('ann'));
    await call(as('bob'));
    await upstream.close();
    expect(server.count('DELETE')).toBe(2);
  });
});

describe('C2: a lost session', () => {
  /** A server that forgets its sessions when told to, and says so in its own way. */
  function forgetful(refuse: Script) {
    const inner = mcpScript(greet);
    let known = '';
    const script: Script = (request) => {
      const { message, headers } = request;
      if (message.method === 'tools/call' && known !== '*' && headers['mcp-session-id'] !== known)
        return refuse(request);
      inner(request);
    };
    return { script, knowOnly: (session: string) => (known = session) };
  }

  it.each<[string, Script]>([
    ['404', ({ response }) => response.writeHead(404).end()],
    [
      '400 and a word about sessions',
      ({ response }) => response.writeHead(400).end('Bad Request: No valid session ID provided'),
    ],
  ])('is opened anew once when the server answers %s, and the call runs once', async (_, refuse) => {
    const { script, knowOnly } = forgetful(refuse);
    const { server, call } = await setUp(script);
    knowOnly('session-1');
    await call();
    knowOnly('session-2');
    expect(await call()).toMatchObject({ kind: 'answered' });
    expect([server.count('initialize'), server.count('tools/call')]).toEqual([2, 3]); // The second of three was refused.
  });

  it('is opened anew once for all who are in it', async () => {
    const { script, knowOnly } = forgetful(({ response }) => response.writeHead(404).end());
    const { server, call } = await setUp(script);
    knowOnly('session-1');
    await call();
    knowOnly('session-2');
    const answers = await Promise.all(Array.from({ length: 10 }, () => call()));
    expect(answers.map(({ kind }) => kind)).toEqual(answers.map(() => 'answered'));
    expect(server.count('initialize')).toBe(2);
  });

  it('is not tried a third time', async () => {
    const { script, knowOnly } = forgetful(({ response }) => response.writeHead(404).end());
    const { server, call } = await setUp(script);
    knowOnly('none');
    expect(await call()).toMatchObject({ kind: 'refused', code: 'ERR_UPSTREAM_HTTP' });
    expect([server.count('initialize'), server.count('tools/call')]).toEqual([2, 2]);
  });

  it('leaves a call unsent when no new one can be opened', async () => {
    const { script } = forgetful(({ response }) => response.writeHead(404).end());
    let initialized = 0;
    const { server, call } = await setUp((request) => {
      if (request.message.method === 'initialize' && ++initialized > 1) request.response.writeHead(503).end();
      else script(request);
    });
    expect(await call()).toMatchObject({ kind: 'not_sent', code: 'ERR_UPSTREAM_HTTP' });
    expect(server.count('tools/call')).toBe(1);
  });

  it('without sessions, 404 is just a refusal', async () => {
    const stateless: Script = (request) => {
      const { method } = request.message;
      if (method === 'initialize')
        return json(request, {
          protocolVersion: '2025-06-18',
          capabilities: {},
          serverInfo: { name: 's', version: '1' },
        });
      request.response.writeHead(method === 'tools/call' ? 404 : 202).end();
    };
    const { server, call } = await setUp(stateless);
    expect(await call()).toMatchObject({ kind: 'refused' });
    expect(server.count('tools/call')).toBe(1);
  });
});

describe('O1: AUTO', () => {
  it.each([401, 403, 429, 500, 503])('does not take HTTP %i for another transport', async (code) => {
    const { server, call } = await setUp(({ response }) => response.writeHead(code).end());
    expect(await call()).toMatchObject({ kind: 'not_sent' });
    expect(server.received.map(({ httpMethod }) => httpMethod)).toEqual(['POST']);
  });

  it.each([400, 404, 405])(
    'tries the other transport after HTTP %i, and reports the first failure if that is no better',
    async (code) => {
      const { server, call } = await setUp(({ response, httpMethod }) =>
        response.writeHead(httpMethod === 'GET' ? 404 : code).end(),
      );
      expect(await call()).toMatchObject({
        kind: 'not_sent',
        code: 'ERR_UPSTREAM_HTTP',
        message: expect.stringContaining(`HTTP ${code}`) as string,
      });
      expect(server.received.map(({ httpMethod }) => httpMethod)).toEqual(['POST', 'GET']);
    },
  );

  it('does not fall back where Streamable HTTP was asked for', async () => {
    const { server, call } = await setUp(({ response }) => response.writeHead(404).end());
    expect(await call({ server: { protocol: 'STREAMABLE_HTTP' } })).toMatchObject({ kind: 'not_sent' });
    expect(server.received).toHaveLength(1);
  });
});

describe('what the server asks of us', () => {
  it('answers ping, refuses what was not declared, with the headers of the call', async () => {
    const ask = (id: string, method: string) =>
      `data: ${JSON.stringify({ jsonrpc: '2.0', id, method, params: {} })}\n\n`;
    const { server, call } = await setUp(
      mcpScript((request) => {
        request.response.writeHead(200, { 'content-type': 'text/event-stream' });
        request.response.write(ask('p', 'ping') + ask('e', 'elicitation/create'));
        void Promise.all([server.next('POST'), server.next('POST')]).then(() =>
          request.response.end(
            `data: ${JSON.stringify({ jsonrpc: '2.0', id: request.message.id, result: HELLO })}\n\n`,
          ),
        );
      }),
    );
    expect(await call()).toMatchObject({ kind: 'answered' });
    const replies = server.received.filter(
      ({ httpMethod, message }) => httpMethod === 'POST' && message.method === undefined,
    );
    expect(replies.map(({ message }) => message)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ id: 'p', result: {} }),
        expect.objectContaining({ id: 'e', error: expect.objectContaining({ code: -32601 }) as unknown }),
      ]),
    );
    expect(replies.map(({ headers }) => headers.authorization)).toEqual(['Bearer ann', 'Bearer ann']);
    expect((await server.next('initialize')).message.params?.['capabilities']).toEqual({});
  });
});
