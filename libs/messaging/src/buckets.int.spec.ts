import { randomBytes } from 'node:crypto';
import { LIMITS, RESULTS_BUCKET, TOOLS_BUCKET } from '@flow-mcp/contracts';
import { startBroker, type BrokerFixture } from '@flow-mcp/testing/broker';
import { startBrokerProxy, type BrokerProxy } from '@flow-mcp/testing/broker-proxy';
import {
  PROVISION_DEFAULTS,
  connectBroker,
  openBucket,
  openObjects,
  provision,
  watchBucket,
  type BrokerConnection,
} from './index.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);

describe('buckets', () => {
  let broker: BrokerFixture;
  let proxy: BrokerProxy;
  let provisioner: BrokerConnection;
  let registry: BrokerConnection;
  let executor: BrokerConnection;

  beforeAll(async () => {
    broker = await startBroker({ users: 'services' });
    proxy = await startBrokerProxy(broker.port);
    provisioner = await connectBroker(broker.login('provisioner'));
    await provision(provisioner, PROVISION_DEFAULTS);
    registry = await connectBroker(broker.login('registry'));
    executor = await connectBroker({ ...broker.login('executor'), servers: proxy.url, report: () => undefined });
  });
  afterEach(() => {
    proxy.rule = () => 'pass';
  });
  afterAll(async () => {
    for (const connection of [provisioner, registry, executor]) await connection.close();
    await proxy.stop();
    await broker.stop();
  });

  test('one service writes values, another watches them, over a lost connection', async () => {
    const bucket = openBucket(registry, TOOLS_BUCKET);
    await bucket.put('plural', bytes('1'));
    await bucket.put('plural', bytes('2'));
    await bucket.put('gone', bytes('x'));
    await bucket.delete('gone');
    const copy = new Map<string, string | undefined>();
    const end = new AbortController();
    const watch = watchBucket(executor, TOOLS_BUCKET, {
      onEntry: (key, value) => {
        copy.set(key, value && Buffer.from(value).toString());
        if (key === 'last') end.abort();
      },
      onCaughtUp: () => {
        proxy.cutAll();
        void bucket.put('plural', bytes('3')).then(() => bucket.put('last', bytes('!')));
      },
      signal: end.signal,
    });
    await watch.done;
    expect(copy).toEqual(
      new Map([
        ['plural', '3'],
        ['gone', undefined],
        ['last', '!'],
      ]),
    );
    expect(await bucket.get('gone')).toBeUndefined();
    expect(Buffer.from((await bucket.get('plural'))!).toString()).toBe('3');
  });

  test('a watch catches up while the values that it has not read yet are replaced', async () => {
    const bucket = openBucket(registry, TOOLS_BUCKET);
    const putAll = (value: string) =>
      Promise.all(Array.from({ length: 600 }, (_, at) => bucket.put(`replaced.${at}`, bytes(value))));
    await putAll('old');
    const end = new AbortController();
    const caughtUp = new Promise<void>((resolve) => {
      let isFirst = true;
      const watch = watchBucket(executor, TOOLS_BUCKET, {
        onEntry: async () => {
          if (isFirst) await putAll('new'); // more than a follower takes at once
          isFirst = false;
        },
        onCaughtUp: resolve,
        signal: end.signal,
      });
      void watch.done;
    });
    await caughtUp;
    end.abort();
  });

  test('are what other NATS clients see', async () => {
    await openBucket(registry, TOOLS_BUCKET).put('seen', bytes('yes'));
    const kv = await provisioner.nats.jetstream().views.kv(TOOLS_BUCKET);
    expect((await kv.get('seen'))?.string()).toBe('yes');
    const result = randomBytes(LIMITS.resultPieceBytes + 10);
    await openObjects(executor, RESULTS_BUCKET).put('seen', result);
    const objects = await provisioner.nats.jetstream().views.os(RESULTS_BUCKET);
    expect(Buffer.from((await objects.getBlob('seen'))!).equals(result)).toBe(true);
  });

  test('a large result is read back in pieces', async () => {
    const result = randomBytes(3 * LIMITS.resultPieceBytes + 1_234);
    const objects = openObjects(executor, RESULTS_BUCKET);
    await objects.put('payments.1.1', result);
    const pieces: Uint8Array[] = [];
    let offset = 0;
    for (;;) {
      const piece = await objects.readPiece('payments.1.1', offset, LIMITS.resultPieceBytes);
      if (piece?.byteLength === 0) break;
      pieces.push(piece!);
      offset += piece!.byteLength;
    }
    expect(pieces).toHaveLength(4);
    expect(Buffer.concat(pieces).equals(result)).toBe(true);
    expect(await objects.readPiece('payments.1.1', 10, 5)).toEqual(result.subarray(10, 15));
    expect(await objects.readPiece('payments.2.1', 0, 5)).toBeUndefined();
  });

  test.each(['drop', 'cut'] as const)(
    'a large result is whole when the broker’s answer is lost: %s',
    async (verdict) => {
      const result = randomBytes(2 * LIMITS.resultPieceBytes);
      let lost = 0;
      proxy.rule = (text, direction) =>
        direction === 'to-client' && text.includes(`"stream":"OBJ_${RESULTS_BUCKET}"`) && lost++ === 0
          ? verdict
          : 'pass';
      await openObjects(executor, RESULTS_BUCKET).put(`lost-${verdict}`, result);
      expect(lost).toBeGreaterThan(0);
      const objects = await provisioner.nats.jetstream().views.os(RESULTS_BUCKET);
      expect(Buffer.from((await objects.getBlob(`lost-${verdict}`))!).equals(result)).toBe(true);
    },
  );

  test('refuse a key that is no subject', async () => {
    await expect(openBucket(registry, TOOLS_BUCKET).put('a b', bytes(''))).rejects.toMatchObject({ field: 'key' });
    await expect(openBucket(registry, TOOLS_BUCKET).put('a.*', bytes(''))).rejects.toMatchObject({ field: 'key' });
  });
});
