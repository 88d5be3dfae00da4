import { randomUUID } from 'node:crypto';
import { SUBJECTS, callSubject } from '@flow-mcp/contracts';
import { startBroker, type BrokerFixture } from '@flow-mcp/testing/broker';
import { startBrokerProxy, type BrokerProxy } from '@flow-mcp/testing/broker-proxy';
import {
  PROVISION_DEFAULTS,
  connectBroker,
  createLedger,
  provision,
  subscribeStored,
  waitForStored,
  type BrokerConnection,
  type Ledger,
} from './index.js';

describe('waiting for facts', () => {
  let broker: BrokerFixture;
  let proxy: BrokerProxy;
  let writer: BrokerConnection;
  let waiter: BrokerConnection;
  let ledger: Ledger;
  let read: Ledger;

  beforeAll(async () => {
    broker = await startBroker();
    proxy = await startBrokerProxy(broker.port);
    writer = await connectBroker(broker.login('executor'));
    waiter = await connectBroker({ ...broker.login('chat'), servers: proxy.url, report: () => undefined });
    await provision(writer, PROVISION_DEFAULTS);
    ledger = createLedger(writer, 'LEDGER');
    read = createLedger(waiter, 'LEDGER');
  });
  afterEach(() => {
    proxy.rule = () => 'pass';
  });
  afterAll(async () => {
    await writer.close();
    await waiter.close();
    await proxy.stop();
    await broker.stop();
  });

  const newCall = (): { verdict: string; settled: string } => {
    const callId = randomUUID();
    return { verdict: callSubject('payments', callId, 'verdict'), settled: callSubject('payments', callId, 'settled') };
  };
  const bytes = (text: string): Uint8Array => Buffer.from(text);

  test('sees each stored fact, and never one that the broker refused', async () => {
    const seen: string[] = [];
    const unsubscribe = subscribeStored(waiter, SUBJECTS.everyFactOfCalls, ({ payload }) => {
      seen.push(Buffer.from(payload).toString());
    });
    await waiter.nats.flush();
    for (let n = 0; n < 50; n++) {
      const { verdict } = newCall();
      await ledger.append(verdict, bytes('stored'));
      await ledger.append(verdict, bytes('refused'));
    }
    await writer.nats.flush();
    while (seen.length < 50) await waiter.nats.flush();
    unsubscribe();
    expect(seen).toEqual(Array(50).fill('stored'));
  });

  test('returns the fact, whichever of several comes, before it is there and after', async () => {
    const { verdict, settled } = newCall();
    const waiting = waitForStored(waiter, read, [verdict, settled], AbortSignal.timeout(5_000));
    await ledger.append(settled, bytes('"done"'));
    expect((await waiting).subject).toBe(settled);
    const late = await waitForStored(waiter, read, [verdict, settled], AbortSignal.timeout(5_000));
    expect(late.subject).toBe(settled);
  });

  test.each([
    ['lost on the way', 'drop'],
    ['lost with the connection', 'cut'],
  ] as const)('finds a fact whose message was %s', async (_, verdict) => {
    const { settled } = newCall();
    let lost = 0;
    proxy.rule = (text, direction) =>
      direction === 'to-client' && text.includes('MSG flowmcp.v1.stored.') && lost++ === 0 ? verdict : 'pass';
    const waiting = waitForStored(waiter, read, [settled], AbortSignal.timeout(10_000));
    await waiter.nats.flush();
    await ledger.append(settled, bytes('"done"'));
    expect((await waiting).subject).toBe(settled);
    expect(lost).toBeGreaterThan(0);
  });

  test('ends with the reason of its signal, and leaves no subscription behind', async () => {
    const reason = new Error('the caller went away');
    const end = new AbortController();
    const waiting = waitForStored(waiter, read, [newCall().settled], end.signal);
    end.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    const already = waitForStored(waiter, read, [newCall().settled], AbortSignal.abort(reason));
    await expect(already).rejects.toBe(reason);
  });
});
