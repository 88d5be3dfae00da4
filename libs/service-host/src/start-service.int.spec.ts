// A service on a real broker: it is ready when it can work, answers rpc and HTTP, and drains.

import { getRpc, listRpc } from '@flow-mcp/contracts';
import { RefusedError } from '@flow-mcp/kernel';
import { PROVISION_DEFAULTS, connectBroker, provision, request, type BrokerConnection } from '@flow-mcp/messaging';
import { startBroker, type BrokerFixture } from '@flow-mcp/testing';
import { Controller, Get } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { BROKER_FIELDS, HTTP_FIELDS } from './common-config.js';
import { defineConfig } from './config.js';
import { createLogger } from './logger.js';
import { startService, type RunningService } from './start-service.js';

const config = defineConfig({ ...HTTP_FIELDS, ...BROKER_FIELDS });
const ask = { token: 'x', kind: 'Flow' } as const;

@Controller()
class Answers {
  static entered: () => void = () => undefined;
  static mayAnswer: Promise<void> = Promise.resolve();

  @MessagePattern<string>(listRpc.subject)
  async list(): Promise<unknown> {
    Answers.entered();
    await Answers.mayAnswer;
    return { items: [] };
  }

  @MessagePattern<string>(getRpc.subject)
  get(): never {
    throw new RefusedError('ERR_NOT_FOUND', 'There is no Flow x.', { field: 'name' });
  }

  @Get('refused')
  refused(): never {
    throw new RefusedError('ERR_NOT_PERMITTED', 'Ask an administrator.');
  }

  @Get('bug')
  bug(): never {
    throw new TypeError('a detail that nobody should see');
  }
}

class AppModule {}

let broker: BrokerFixture;
let caller: BrokerConnection;
let service: RunningService | undefined;
let lines: Record<string, unknown>[];
let missing: string | undefined;

beforeAll(async () => {
  broker = await startBroker();
  caller = await connectBroker(broker.login('cli'));
  await provision(caller, PROVISION_DEFAULTS);
});
beforeEach(() => {
  lines = [];
  missing = undefined;
});
afterEach(() => service?.stop());
afterAll(async () => {
  await caller.close();
  await broker.stop();
});

function start(env: Record<string, string> = {}): Promise<RunningService> {
  return startService({
    name: 'registry',
    config,
    env: { FLOWMCP_NATS_URL: broker.url, FLOWMCP_NATS_NAME: broker.serverName, ...env },
    logger: createLogger('registry', 'debug', {
      write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
    }),
    module: ({ readiness }) => {
      readiness.add('copy', () => missing);
      return { module: AppModule, controllers: [Answers] };
    },
  });
}

async function get(path: string): Promise<{ status: number; body: string; type: string | null }> {
  const response = await fetch(`${service?.url}${path}`);
  return { status: response.status, body: await response.text(), type: response.headers.get('content-type') };
}

test('a service answers rpc only when it is ready, and HTTP before', async () => {
  missing = 'The registry is being read.';
  service = await start();
  expect((await get('/healthz')).status).toBe(200);
  expect(await get('/readyz')).toMatchObject({ status: 503, body: expect.stringContaining('being read') as string });
  await expect(request(caller, listRpc, ask)).rejects.toMatchObject({ code: 'ERR_SERVICE_UNAVAILABLE' });

  missing = undefined;
  await service.ready;
  expect(await request(caller, listRpc, ask)).toEqual({ items: [] });
  expect((await get('/readyz')).status).toBe(200);
  expect(lines).toContainEqual(expect.objectContaining({ ready: true, service: 'registry', port: service.port }));
});

test('an error reaches the caller as it was thrown, and is counted by its code alone', async () => {
  service = await start();
  await service.ready;
  const refusal = { code: 'ERR_NOT_FOUND', message: 'There is no Flow x.', field: 'name' };
  await expect(request(caller, getRpc, { ...ask, name: 'x' })).rejects.toMatchObject(refusal);
  expect((await get('/metrics')).body).toContain('flowmcp_errors_total{code="ERR_NOT_FOUND",service="registry"} 1');
});

test('over HTTP an error is problem+json, and a bug has no detail there but is logged', async () => {
  service = await start();
  expect(await get('/refused')).toMatchObject({ status: 403, type: expect.stringContaining('problem+json') as string });
  const bug = await get('/bug');
  expect(bug.status).toBe(500);
  expect(bug.body).not.toContain('detail that nobody');
  expect(lines).toContainEqual(expect.objectContaining({ level: 'error', handling: 'Answers.bug' }));
});

test('a service that stops is not ready, answers what runs, and closes only then', async () => {
  service = await start();
  await service.ready;
  let release: () => void = () => undefined;
  Answers.mayAnswer = new Promise((resolve) => (release = resolve));
  const entered = new Promise<void>((resolve) => (Answers.entered = resolve));
  const answer = request(caller, listRpc, ask);
  await entered;
  const stopping = service.stop();
  await until(async () => (await get('/readyz')).status === 503);
  release();
  expect(await answer).toEqual({ items: [] });
  await stopping;
  await expect(fetch(`${service.url}/healthz`)).rejects.toThrow();
});

test('a broker with another name is refused', async () => {
  const problem = { code: 'ERR_BROKER_NOT_OURS' };
  await expect(start({ FLOWMCP_NATS_NAME: 'somebody-else' })).rejects.toMatchObject(problem);
  await expect(start({ FLOWMCP_NATS_NAME: '' })).rejects.toMatchObject({ field: 'FLOWMCP_NATS_NAME' });
});

test('a broker whose streams were not made write-once is refused', async () => {
  const empty = await startBroker();
  const env = { FLOWMCP_NATS_URL: empty.url, FLOWMCP_NATS_NAME: empty.serverName };
  await expect(start(env)).rejects.toMatchObject({ code: 'ERR_STREAM_NOT_WRITE_ONCE' });
  await empty.stop();
});

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) continue;
}
