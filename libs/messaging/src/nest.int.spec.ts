import { randomUUID } from 'node:crypto';
import { Controller, Module, type INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { CONSUMERS, callSubject, contract, type RpcContract } from '@flow-mcp/contracts';
import { RefusedError, RetryableError } from '@flow-mcp/kernel';
import { startBroker, type BrokerFixture } from '@flow-mcp/testing/broker';
import { z } from 'zod';
import { callBroker } from './broker-api.js';
import {
  PROVISION_DEFAULTS,
  connectBroker,
  createLedger,
  provision,
  request,
  type BrokerConnection,
  type Delivery,
  type Disposition,
} from './index.js';
import { ErrorPassThrough, JetStreamStrategy, type RpcContext } from './nest.js';

const echoRpc: RpcContract<{ say: string }, { said: string; trace: string }> = {
  subject: 'flowmcp.v1.rpc.executor.echo',
  doc: 'Says it again.',
  request: contract('flowmcp.rpc.executor.echo.request.v1', '', (object) => object({ say: z.string().max(100) })),
  response: contract('flowmcp.rpc.executor.echo.response.v1', '', (object) =>
    object({ said: z.string(), trace: z.string() }),
  ),
};

const seen: Delivery[] = [];
let onRequested: (delivery: Delivery) => Promise<Disposition>;

@Controller()
class TestController {
  @EventPattern<string>(CONSUMERS.executorRequested.durable)
  requested(@Payload() delivery: Delivery): Promise<Disposition> {
    seen.push(delivery);
    return onRequested(delivery);
  }

  @MessagePattern<string>(echoRpc.subject)
  echo(@Payload() { say }: { say: string }, @Ctx() context: RpcContext): { said: string; trace: string } {
    if (say === 'refuse') throw new RefusedError('ERR_NOT_FOUND', 'There is none; ask for another.', { field: 'say' });
    if (say === 'later') throw new RetryableError('ERR_BUSY', 'Too much; try later.', { retryAfterMs: 7 });
    if (say === 'bug') throw new TypeError('secret detail');
    return { said: say, trace: context.headers.get('traceparent') ?? '' };
  }
}

@Module({ controllers: [TestController] })
class TestModule {}

describe('a Nest service on the strategy', () => {
  let broker: BrokerFixture;
  let service: INestMicroservice;
  let client: BrokerConnection;

  beforeAll(async () => {
    broker = await startBroker();
    client = await connectBroker(broker.login('chat'));
    await provision(client, PROVISION_DEFAULTS);
    service = await startService();
  });
  afterAll(async () => {
    await service.close();
    await client.close();
    await broker.stop();
  });
  beforeEach(() => {
    seen.length = 0;
    onRequested = async () => ({ ack: true });
  });

  const startService = async (): Promise<INestMicroservice> => {
    const connection = await connectBroker({ ...broker.login('executor'), report: () => undefined });
    const strategy = new JetStreamStrategy({
      connection,
      service: 'executor',
      rpcs: [echoRpc],
    });
    const started = await NestFactory.createMicroservice(TestModule, { strategy, logger: false });
    started.useGlobalFilters(new ErrorPassThrough());
    await started.listen();
    return started;
  };
  const publishCall = async (): Promise<string> => {
    const subject = callSubject('payments', randomUUID(), 'requested');
    await createLedger(client, 'LEDGER').append(subject, Buffer.from('{}'));
    return subject;
  };
  const ackPending = async (): Promise<number> => {
    const { stream, durable } = CONSUMERS.executorRequested;
    const verb = `CONSUMER.INFO.${stream}.${durable}`;
    return (await callBroker<{ num_ack_pending: number }>(client, verb)).num_ack_pending;
  };
  const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
  };

  test('hands a fact to the handler of its consumer', async () => {
    const subject = await publishCall();
    await until(() => seen.length > 0);
    expect(seen.map(({ fact, deliveryCount }) => [fact.subject, deliveryCount])).toEqual([[subject, 1]]);
  });

  test('delivers again what a handler threw on, with its own delay', async () => {
    onRequested = async ({ deliveryCount }) => {
      if (deliveryCount === 1) throw new RetryableError('ERR_DATABASE_UNAVAILABLE', 'Away.', { retryAfterMs: 30 });
      return { ack: true };
    };
    const from = performance.now();
    await publishCall();
    await until(() => seen.length === 2);
    expect(seen[1]?.deliveryCount).toBe(2);
    expect(performance.now() - from).toBeGreaterThan(25);
    expect(performance.now() - from).toBeLessThan(900);
  });

  test('answers an rpc with what the handler returned, and passes headers in', async () => {
    const headers: [string, string][] = [['traceparent', '00-1-2-01']];
    expect(await request(client, echoRpc, { say: 'hello' }, { headers })).toEqual({
      said: 'hello',
      trace: '00-1-2-01',
    });
  });

  test.each([
    ['refuse', RefusedError, { code: 'ERR_NOT_FOUND', field: 'say' }],
    ['later', RetryableError, { code: 'ERR_BUSY', retryAfterMs: 7 }],
    ['bug', Error, { code: 'ERR_INTERNAL', message: expect.not.stringContaining('secret') as string }],
  ])('an rpc that throws (%s) throws the same at the requester', async (say, type, properties) => {
    const error: unknown = await request(client, echoRpc, { say }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject(properties);
  });

  test('closed under load, it finishes, acks and answers what it has begun; another replica does the rest', async () => {
    onRequested = async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return { ack: true };
    };
    const leaving = await startService();
    const calls = Array.from({ length: 600 }, publishCall);
    const answers = Array.from({ length: 200 }, (_, n) => request(client, echoRpc, { say: String(n) }));
    await until(() => seen.length > 100);
    await leaving.close();
    const subjects = await Promise.all(calls);
    await until(() => seen.length >= subjects.length);
    await until(async () => (await ackPending()) === 0);
    expect(seen.map(({ fact }) => fact.subject).sort()).toEqual(subjects.sort());
    expect((await Promise.all(answers)).map(({ said }) => said)).toEqual(answers.map((_, n) => String(n)));
  });
});
