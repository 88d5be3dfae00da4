import { LIMITS, contract, type RpcContract } from '@flow-mcp/contracts';
import { startBroker, type BrokerFixture } from '@flow-mcp/testing/broker';
import { z } from 'zod';
import { connectBroker, request, serveRpc, type BrokerConnection, type ServedRpc } from './index.js';

interface Echo {
  say: string;
}

const echo: RpcContract<Echo, Echo> = {
  subject: 'flowmcp.v1.rpc.executor.echo',
  doc: 'Says it again.',
  request: contract('flowmcp.rpc.executor.echo.request.v1', '', (object) => object({ say: z.string() })),
  response: contract('flowmcp.rpc.executor.echo.response.v1', '', (object) => object({ say: z.string() })),
};

describe('rpc', () => {
  let broker: BrokerFixture;
  let client: BrokerConnection;
  const connections: BrokerConnection[] = [];
  const services: ServedRpc[] = [];
  const reports: string[] = [];

  beforeAll(async () => {
    broker = await startBroker({ config: 'max_payload: 4MB' });
    client = await connectTo();
  });
  afterEach(async () => {
    await Promise.all(services.splice(0).map((service) => service.drain(100)));
    reports.length = 0;
  });
  afterAll(async () => {
    for (const connection of connections) await connection.close();
    await broker.stop();
  });

  const connectTo = async (): Promise<BrokerConnection> => {
    const report = (message: string, error?: unknown): void => void reports.push(`${message} ${String(error)}`);
    const connection = await connectBroker({ ...broker.login('executor'), report });
    connections.push(connection);
    return connection;
  };
  const serve = async (handler: (request: Echo) => Promise<Echo>, inFlightMax = 10): Promise<ServedRpc> => {
    const connection = await connectTo();
    const service = serveRpc(connection, { contract: echo, queue: 'executor', inFlightMax, handler });
    services.push(service);
    await connection.nats.flush();
    return service;
  };
  /** What a service answers to bytes that our own client would not send. */
  const answerTo = async (payload: string | Uint8Array): Promise<unknown> => {
    const { payload: answer } = await client.request(echo.subject, Buffer.from(payload), { timeoutMs: 1_000 });
    return JSON.parse(Buffer.from(answer).toString());
  };

  test('names the service that is not running', async () => {
    await expect(request(client, echo, { say: 'x' })).rejects.toMatchObject({
      name: 'RetryableError',
      code: 'ERR_SERVICE_UNAVAILABLE',
      message: expect.stringContaining('executor is not running') as string,
    });
  });

  test('gives up after its time-out', async () => {
    await serve(() => new Promise(() => undefined));
    await expect(request(client, echo, { say: 'x' }, { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'ERR_SERVICE_UNAVAILABLE',
    });
  });

  test('every request is answered by one replica', async () => {
    const answered = [0, 0];
    for (const replica of [0, 1]) await serve(async (value) => ((answered[replica]! += 1), value), 100);
    await Promise.all(Array.from({ length: 100 }, () => request(client, echo, { say: 'x' })));
    expect(answered[0]! + answered[1]!).toBe(100);
    expect(Math.min(...answered)).toBeGreaterThan(0);
  });

  test.each<[string, string | Uint8Array, string, string]>([
    ['nothing', '', 'ERR_MESSAGE_INVALID', ''],
    ['text that is no JSON', '{', 'ERR_MESSAGE_INVALID', ''],
    ['bytes that are no UTF-8', Uint8Array.of(0x22, 0xff, 0x22), 'ERR_MESSAGE_INVALID', ''],
    ['a duplicate name', '{"say":"a","say":"b"}', 'ERR_MESSAGE_INVALID', ''],
    ['too deep a nesting', '['.repeat(100) + ']'.repeat(100), 'ERR_MESSAGE_INVALID', ''],
    ['a missing member', '{}', 'ERR_MESSAGE_INVALID', 'say'],
    ['a wrong type', '{"say":1}', 'ERR_MESSAGE_INVALID', 'say'],
    ['too many bytes', `{"say":"${'x'.repeat(LIMITS.rpcBytes)}"}`, 'ERR_MESSAGE_TOO_LARGE', ''],
  ])('answers %s with one typed error, and the next request works', async (_, payload, code, field) => {
    await serve(async (value) => value);
    const answer = await answerTo(payload);
    expect(answer).toMatchObject({ error: { code, ...(field === '' ? {} : { field }) } });
    expect(await request(client, echo, { say: 'next' })).toEqual({ say: 'next' });
  });

  test('answers busy at once beyond its bound', async () => {
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    await serve(async (value) => (await finished, value), 2);
    const running = [request(client, echo, { say: '1' }), request(client, echo, { say: '2' })];
    await expect(request(client, echo, { say: '3' })).rejects.toMatchObject({ code: 'ERR_BUSY', retryAfterMs: 500 });
    finish();
    expect(await Promise.all(running)).toEqual([{ say: '1' }, { say: '2' }]);
  });

  test('an answer that breaks the contract is a bug of the service, told without detail', async () => {
    await serve(async () => ({ say: 7 }) as unknown as Echo);
    await expect(request(client, echo, { say: 'x' })).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
    expect(reports).toEqual([expect.stringContaining('breaks the contract')]);
  });

  test('an answer too large to send is refused as that', async () => {
    await serve(async () => ({ say: 'x'.repeat(LIMITS.rpcBytes) }));
    await expect(request(client, echo, { say: 'x' })).rejects.toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE' });
  });

  test('drained, it answers what it has taken and takes no more', async () => {
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    let taken = 0;
    const service = await serve(async (value) => (taken++, await finished, value));
    const running = request(client, echo, { say: 'taken' });
    while (taken === 0) await client.nats.flush();
    const draining = service.drain(5_000);
    await connections.at(-1)!.nats.flush();
    await expect(request(client, echo, { say: 'late' })).rejects.toMatchObject({ code: 'ERR_SERVICE_UNAVAILABLE' });
    finish();
    await draining;
    expect(await running).toEqual({ say: 'taken' });
  });
});
