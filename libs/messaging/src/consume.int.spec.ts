import { randomUUID } from 'node:crypto';
import { CONSUMERS, callSubject } from '@flow-mcp/contracts';
import { PoisonError } from '@flow-mcp/kernel';
import { startBroker, type BrokerFixture } from '@flow-mcp/testing/broker';
import { startBrokerProxy, type BrokerProxy } from '@flow-mcp/testing/broker-proxy';
import { callBroker } from './broker-api.js';
import {
  PROVISION_DEFAULTS,
  connectBroker,
  consume,
  createLedger,
  provision,
  type BrokerConnection,
  type Consumption,
  type Delivery,
  type DeliveryHandler,
} from './index.js';

/** Short, for tests that wait for it; a busy machine may be late by more, which is then a redelivery. */
const ACK_WAIT_MS = 600;
const ACK_WAIT_LONG_MS = 20_000;
const { stream, durable: consumer } = CONSUMERS.executorRequested;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await sleep(5);
};

describe('a durable consumer', () => {
  let broker: BrokerFixture;
  let proxy: BrokerProxy;
  let client: BrokerConnection;
  const connections: BrokerConnection[] = [];
  const consumptions: Consumption[] = [];
  const reports: string[] = [];

  beforeAll(async () => {
    broker = await startBroker();
    proxy = await startBrokerProxy(broker.port);
    client = await connectTo(broker.url);
  });
  beforeEach(() => setAckWait(ACK_WAIT_LONG_MS));
  afterEach(async () => {
    await Promise.all(consumptions.splice(0).map((consumption) => consumption.drain(0)));
    reports.length = 0;
  });
  afterAll(async () => {
    for (const connection of connections) await connection.close();
    await proxy.stop();
    await broker.stop();
  });

  const setAckWait = async (ackWaitMs: number): Promise<void> => {
    await provision(client, { ...PROVISION_DEFAULTS, ackWaitMs });
  };
  const connectTo = async (servers: string): Promise<BrokerConnection> => {
    const report = (message: string, error?: unknown): void => void reports.push(`${message} ${String(error)}`);
    const connection = await connectBroker({ ...broker.login('executor'), servers, report });
    connections.push(connection);
    return connection;
  };
  const start = async (
    connection: BrokerConnection,
    handler: DeliveryHandler,
    inFlightMax = 16,
  ): Promise<Consumption> => {
    const consumption = await consume(connection, { stream, consumer, inFlightMax, handler });
    consumptions.push(consumption);
    return consumption;
  };
  const publish = async (count: number): Promise<string[]> => {
    const subjects = Array.from({ length: count }, () => callSubject('payments', randomUUID(), 'requested'));
    const ledger = createLedger(client, 'LEDGER');
    await Promise.all(subjects.map((subject) => ledger.append(subject, Buffer.from('{}'))));
    return subjects;
  };
  /** Whether the broker has nothing left to deliver and no ack to wait for; asked again while it is away. */
  const isDone = async (): Promise<boolean> => {
    const info = callBroker<{ num_pending: number; num_ack_pending: number }>(
      client,
      `CONSUMER.INFO.${stream}.${consumer}`,
    );
    return info.then(
      ({ num_pending: pending, num_ack_pending: unacked }) => pending === 0 && unacked === 0,
      () => false,
    );
  };

  test('handles each message once, and never more at once than it may', async () => {
    let running = 0;
    let most = 0;
    const handled: string[] = [];
    await start(
      client,
      async ({ fact }) => {
        most = Math.max(most, ++running);
        await sleep(2);
        running--;
        handled.push(fact.subject);
        return { ack: true };
      },
      4,
    );
    const subjects = await publish(100);
    await until(isDone);
    expect(handled.sort()).toEqual(subjects.sort());
    expect(most).toBe(4);
  });

  test('gives a message back with the delay that the handler asks for', async () => {
    const deliveries: [number, number][] = [];
    await start(client, async ({ deliveryCount }) => {
      deliveries.push([deliveryCount, performance.now()]);
      return deliveryCount < 3 ? { nakMs: 60 } : { ack: true };
    });
    await publish(1);
    await until(isDone);
    expect(deliveries.map(([count]) => count)).toEqual([1, 2, 3]);
    expect(deliveries[2]![1] - deliveries[0]![1]).toBeGreaterThan(110);
  });

  test('never drops what a handler cannot handle: it comes again, and the log says so', async () => {
    const behaviours: (() => unknown)[] = [
      () => {
        throw new PoisonError('ERR_VERSION_UNKNOWN', 'Version 9 is unknown; upgrade this service.');
      },
      () => undefined,
      () => ({ ack: true }),
    ];
    const counts: number[] = [];
    await start(client, async ({ deliveryCount }) => {
      counts.push(deliveryCount);
      return behaviours.shift()?.() as { ack: true };
    });
    await publish(1);
    await until(isDone);
    expect(counts).toEqual([1, 2, 3]);
    expect(reports).toEqual([
      expect.stringMatching(/delivery 1\); again in 200 ms\. PoisonError: Version 9/),
      expect.stringMatching(/delivery 2\); again in 400 ms\. TypeError/),
    ]);
  });

  test('keeps a message as long as its handler runs, far beyond ack_wait', async () => {
    await setAckWait(ACK_WAIT_MS);
    const counts: number[] = [];
    await start(client, async ({ deliveryCount }) => {
      counts.push(deliveryCount);
      await sleep(2.2 * ACK_WAIT_MS);
      return { ack: true };
    });
    await publish(1);
    await until(isDone);
    expect(counts).toEqual([1]);
  });

  test('does not handle twice at once what is delivered again while its handler runs', async () => {
    await setAckWait(ACK_WAIT_MS);
    const connection = await connectTo(proxy.url);
    const counts: number[] = [];
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    await start(connection, async ({ deliveryCount }) => {
      counts.push(deliveryCount);
      await finished;
      return { ack: true };
    });
    await publish(1);
    await until(() => counts.length === 1);
    let redelivered = false;
    proxy.rule = (text, direction) => {
      if (direction === 'to-broker' && text.includes('+WPI')) return 'drop';
      redelivered ||= direction === 'to-client' && text.includes(`$JS.ACK.${stream}.${consumer}.2.`);
      return 'pass';
    };
    await until(() => redelivered);
    await connection.nats.flush();
    proxy.rule = () => 'pass';
    finish();
    await until(isDone);
    expect(counts).toEqual([1]);
  });

  test('handles every message over cuts, kills and pauses of the broker', async () => {
    await setAckWait(ACK_WAIT_MS);
    const connection = await connectTo(proxy.url);
    const handled = new Set<string>();
    await start(connection, async ({ fact }) => {
      await sleep(5);
      handled.add(fact.subject);
      return { ack: true };
    });
    const subjects = await publish(400);
    for (const share of [0.2, 0.4]) {
      await until(() => handled.size > subjects.length * share);
      proxy.cutAll();
    }
    await until(() => handled.size > subjects.length * 0.6);
    await broker.kill();
    await broker.restart();
    await until(() => handled.size > subjects.length * 0.8);
    broker.pause();
    setTimeout(() => broker.resume(), 1_500);
    await until(isDone);
    expect([...handled].sort()).toEqual(subjects.sort());
  });

  test('drained under load, it loses and doubles nothing while another replica goes on', async () => {
    const finished: string[] = [];
    const handler = async ({ fact }: Delivery): Promise<{ ack: true }> => {
      await sleep(20);
      finished.push(fact.subject);
      return { ack: true };
    };
    const leaving = await start(await connectTo(broker.url), handler, 32);
    await start(await connectTo(broker.url), handler, 32);
    const publishing = publish(1_500);
    await until(() => finished.length > 300);
    expect(await leaving.drain(5_000)).toBe(0);
    expect(leaving.held()).toBe(0);
    const subjects = await publishing;
    await until(isDone);
    expect(finished.sort()).toEqual(subjects.sort());
  });

  test('told to drain, a handler that only waits can give its message back at once', async () => {
    const takenBy: string[] = [];
    const waiting = await start(client, async ({ draining }) => {
      takenBy.push('first');
      await new Promise((resolve) => draining.addEventListener('abort', resolve));
      return { nakMs: 0 };
    });
    await publish(1);
    await until(() => takenBy.length === 1);
    expect(await waiting.drain(5_000)).toBe(0);
    await start(client, async () => {
      takenBy.push('second');
      return { ack: true };
    });
    await until(isDone);
    expect(takenBy).toEqual(['first', 'second']);
  });

  test('a handler that does not finish in time leaves its message to another replica', async () => {
    await setAckWait(ACK_WAIT_MS);
    const takenBy: string[] = [];
    const hanging = await start(client, async () => {
      takenBy.push('first');
      return new Promise(() => undefined);
    });
    await publish(1);
    await until(() => takenBy.length === 1);
    expect(await hanging.drain(100)).toBe(1);
    await start(client, async () => {
      takenBy.push('second');
      return { ack: true };
    });
    await until(isDone);
    expect(takenBy).toEqual(['first', 'second']);
  });

  test('is refused with what to do when the provisioner has not made it, or not so', async () => {
    const options = { stream, consumer: 'nobody', inFlightMax: 1, handler: async () => ({ ack: true }) as const };
    await expect(consume(client, options)).rejects.toMatchObject({
      code: 'ERR_CONFIG_INVALID',
      message: expect.stringContaining('run the provisioner') as string,
    });
    const bent = consume(client, { ...options, consumer, filter: 'flowmcp.v1.calls.*.*.else' });
    await expect(bent).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' });
  });
});
