// MCP servers that are unreachable, hang, lie or send garbage: the outcome is honest, and comes within the time-out.

import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Outcome } from '@flow-mcp/contracts';
import { freePort, startCountingServer } from '@flow-mcp/testing';
import { eventually } from './eventually.js';
import { variantsOf, type Servers } from './manifests.js';
import { System } from './system.js';

const TIMEOUT_MS = 1_000;
const LIMITS = { timeout: `${TIMEOUT_MS}ms`, resultBytes: '64KiB' };
/** A busy machine is not a slow answer. */
const SLACK_MS = 1_500;

/** What answers at an address, and why no tools are listed then. */
const STRANGERS: Readonly<Record<string, { readonly serve: (socket: Socket) => void; readonly reason: string }>> = {
  silent: { serve: () => undefined, reason: 'timed_out' },
  closing: { serve: (socket) => void socket.destroy(), reason: 'disconnected' },
  garbage: {
    serve: (socket) => void socket.once('data', () => socket.end('\u0000 not HTTP \r\n\r\n')),
    reason: 'not_mcp',
  },
  page: { serve: answering('200 OK', 'text/html', '<h1>Welcome</h1>'), reason: 'not_mcp' },
  json: { serve: answering('200 OK', 'application/json', '{"hello":"world"}'), reason: 'not_mcp' },
  locked: { serve: answering('401 Unauthorized', 'text/plain', 'who are you?'), reason: 'unauthorized' },
  broken: { serve: answering('500 Internal Server Error', 'text/plain', 'oops'), reason: 'http_error' },
  endless: { serve: dripping, reason: 'timed_out' },
};

function answering(status: string, type: string, body: string): (socket: Socket) => void {
  const head = [`HTTP/1.1 ${status}`, `content-type: ${type}`, `content-length: ${body.length}`, 'connection: close'];
  return (socket) => void socket.once('data', () => socket.end(`${head.join('\r\n')}\r\n\r\n${body}`));
}

/** Headers that never end. */
function dripping(socket: Socket): void {
  const timer = setInterval(() => socket.write('x'), 50);
  socket.once('close', () => clearInterval(timer));
  socket.write('HTTP/1.1 200 OK\r\nx-endless: ');
}

let system: System;
const listening: Server[] = [];

beforeAll(async () => {
  const gone = await startCountingServer();
  system = await System.start({
    servers: async (url) => ({
      ...variantsOf(url, { counting: { limits: LIMITS } }),
      gone: { url: gone.url, limits: LIMITS },
      ...(await startStrangers()),
      nobody: { url: `http://127.0.0.1:${await freePort()}/mcp`, limits: LIMITS },
      nowhere: { url: 'http://no-such-host.invalid/mcp', limits: LIMITS },
    }),
  });
  await gone.kill();
}, 60_000);

afterAll(async () => {
  await system?.stop();
  for (const server of listening) server.close();
});

async function startStrangers(): Promise<Servers> {
  const started = Object.entries(STRANGERS).map(async ([name, { serve }]) => {
    const server = createServer((socket) => serve(socket.on('error', () => undefined))).listen(0, '127.0.0.1');
    await once(server.unref(), 'listening');
    listening.push(server);
    return [name, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, limits: LIMITS }] as const;
  });
  return Object.fromEntries(await Promise.all(started));
}

describe('discovery says why no tools are listed', () => {
  const REASONS = Object.entries(STRANGERS).map(([name, { reason }]) => [name, reason] as const);

  test.each<readonly [string, string]>([...REASONS, ['nobody', 'refused'], ['nowhere', 'dns']])(
    '%s: %s',
    async (server, reason) => {
      const { servers } = await system.flow('alice').tools();
      const { health, toolCount } = servers.find(({ name }) => name === server)!;
      expect({ reason: health.reason, toolCount }).toEqual({ reason, toolCount: 0 });
      expect(health.message).toMatch(/check|correct|start|see/i);
    },
  );

  test('and what is not listed cannot be called', async () => {
    const outcome = await system.flow('alice').call({ server: 'page', tool: 'echo', arguments: {} });
    expect(outcome).toMatchObject({ outcome: 'denied', code: 'ERR_TOOL_NOT_VISIBLE' });
  });
});

describe('a call ends honestly, in time', () => {
  interface Case {
    readonly tool: string;
    readonly arguments?: Record<string, string | number>;
    readonly server?: string;
    readonly outcome: Outcome;
    readonly code?: string;
    readonly ran: number;
  }
  const CASES: readonly Case[] = [
    { tool: 'hang', outcome: 'unknown', code: 'ERR_UPSTREAM_TIMEOUT', ran: 1 },
    { tool: 'drip', outcome: 'unknown', code: 'ERR_UPSTREAM_TIMEOUT', ran: 1 },
    { tool: 'sleep', arguments: { ms: 60_000, steps: 600 }, outcome: 'unknown', code: 'ERR_UPSTREAM_TIMEOUT', ran: 1 },
    { tool: 'reset', outcome: 'unknown', code: 'ERR_UPSTREAM_DISCONNECTED', ran: 1 },
    { tool: 'cut_stream', outcome: 'unknown', code: 'ERR_UPSTREAM_DISCONNECTED', ran: 1 },
    { tool: 'garbage', outcome: 'unknown', code: 'ERR_UPSTREAM_NOT_MCP', ran: 1 },
    { tool: 'wrong_id', outcome: 'unknown', code: 'ERR_UPSTREAM_NOT_MCP', ran: 1 },
    { tool: 'huge', arguments: { bytes: 10_000_000 }, outcome: 'unknown', code: 'ERR_UPSTREAM_TOO_LARGE', ran: 1 },
    { tool: 'http_status', arguments: { status: 500 }, outcome: 'unknown', code: 'ERR_UPSTREAM_HTTP', ran: 1 },
    { tool: 'http_status', arguments: { status: 302 }, outcome: 'unknown', code: 'ERR_UPSTREAM_HTTP', ran: 1 },
    { tool: 'http_status', arguments: { status: 400 }, outcome: 'failed', code: 'ERR_UPSTREAM_HTTP', ran: 1 },
    { tool: 'http_status', arguments: { status: 401 }, outcome: 'failed', code: 'ERR_UPSTREAM_UNAUTHORIZED', ran: 1 },
    { tool: 'http_status', arguments: { status: 429 }, outcome: 'failed', code: 'ERR_RATE_LIMITED', ran: 1 },
    { tool: 'redirect', outcome: 'failed', code: 'ERR_UPSTREAM_HTTP', ran: 1 },
    { tool: 'no_result', outcome: 'succeeded', ran: 1 },
    { tool: 'echo', server: 'gone', outcome: 'failed', code: 'ERR_UPSTREAM_REFUSED', ran: 0 },
  ];

  const named = CASES.map(({ server = 'counting', arguments: args = {}, ...given }) => ({ server, args, ...given }));

  test.each(named)(
    '$tool($args) of $server is $outcome',
    async ({ tool, server, args, outcome: expected, code, ran }) => {
      const outcome = await system.flow('alice').call({ server, tool, arguments: args });
      expect({ outcome: outcome.outcome, code: outcome.code }).toEqual({ outcome: expected, code });
      expect(outcome.upstreamMs).toBeLessThan(TIMEOUT_MS + SLACK_MS);
      expect(await system.counting.executions(outcome.callId)).toHaveLength(ran);
    },
  );

  test('and the server is called again right after', async () => {
    const outcome = await system.flow('alice').call({ server: 'counting', tool: 'echo', arguments: {} });
    expect(outcome.outcome).toBe('succeeded');
  });

  test('a server that hangs does not hold up the calls of another', async () => {
    const hanging = system.flow('alice').call({ server: 'counting', tool: 'hang', arguments: {} });
    const { outcome } = await system.flow('alice').call({ server: 'counting', tool: 'echo', arguments: {} });
    expect(outcome).toBe('succeeded');
    expect((await hanging).outcome).toBe('unknown');
  });

  test('a call of a server that hung is cancelled there', async () => {
    const { callId } = await system
      .flow('alice')
      .call({ server: 'counting', tool: 'sleep', arguments: { ms: 60_000 } });
    await eventually(
      () => system.counting.executions(callId),
      ([execution]) => execution?.cancelled === true,
    );
  });
});

test('every invariant holds of all that happened here', async () => {
  expect(await system.violations({ unknownMax: 12 })).toEqual([]);
});
