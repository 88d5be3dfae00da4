import { randomUUID } from 'node:crypto';
import { callSubject, everyCall, SUBJECTS } from '@flow-mcp/contracts';
import { startBroker, type BrokerFixture } from '@flow-mcp/testing/broker';
import { startBrokerProxy, type BrokerProxy } from '@flow-mcp/testing/broker-proxy';
import {
  PROVISION_DEFAULTS,
  connectBroker,
  createLedger,
  follow,
  provision,
  type BrokerConnection,
  type Ledger,
  type StoredFact,
} from './index.js';

interface Read {
  readonly fromSeq: number;
  readonly onSeq: (seq: number) => void;
  readonly onCaughtUp: () => void;
}

const quiet = { report: () => undefined };

describe('following a stream', () => {
  let broker: BrokerFixture;
  let proxy: BrokerProxy;
  let writer: BrokerConnection;
  let reader: BrokerConnection;
  let ledger: Ledger;
  let stored = 0;

  beforeAll(async () => {
    broker = await startBroker();
    proxy = await startBrokerProxy(broker.port);
    writer = await connectBroker({ ...broker.login('provisioner'), ...quiet });
    reader = await connectBroker({ ...broker.login('audit-ingester'), servers: proxy.url, ...quiet });
    await provision(writer, PROVISION_DEFAULTS);
    ledger = createLedger(writer, 'LEDGER');
  });
  afterAll(async () => {
    await reader.close();
    await writer.close();
    await proxy.stop();
    await broker.stop();
  });

  const append = async (count: number, fact: 'verdict' | 'settled' = 'verdict'): Promise<void> => {
    const subjects = Array.from({ length: count }, () => callSubject('payments', randomUUID(), fact));
    for (let at = 0; at < count; at += 100) {
      await Promise.all(subjects.slice(at, at + 100).map((subject) => ledger.append(subject, Buffer.from('{}'))));
    }
    stored += count;
  };

  /** Follows everything and resolves when sequence `until` was seen. */
  const readAll = async (
    until: number,
    { fromSeq = 1, onSeq = () => undefined, onCaughtUp = () => undefined }: Partial<Read> = {},
  ): Promise<number[]> => {
    const seqs: number[] = [];
    const end = new AbortController();
    const onFact = ({ seq }: StoredFact): void => {
      seqs.push(seq);
      onSeq(seq);
      if (seq >= until) end.abort();
    };
    const { signal } = end;
    await follow(reader, 'LEDGER', { filter: SUBJECTS.everyFactOfCalls, fromSeq, onFact, onCaughtUp, signal }).done;
    return seqs;
  };
  const upTo = (last: number, first = 1): number[] => Array.from({ length: last - first + 1 }, (_, at) => first + at);

  test('reads every fact once, in order, and says once when it has caught up', async () => {
    await append(1_500);
    let caughtUpAt: number[] = [];
    const end = new AbortController();
    const seqs: number[] = [];
    const follower = follow(reader, 'LEDGER', {
      filter: SUBJECTS.everyFactOfCalls,
      fromSeq: 1,
      onFact: ({ seq }) => void (seqs.push(seq), seq === 1_510 && end.abort()),
      onCaughtUp: () => {
        caughtUpAt = [...caughtUpAt, follower.lastSeq()];
        void append(10);
      },
      signal: end.signal,
    });
    await follower.done;
    expect(seqs).toEqual(upTo(1_510));
    expect(caughtUpAt).toEqual([1_500]);
  });

  test('reads only what the filter names, from where it is told', async () => {
    await append(2, 'settled');
    const end = new AbortController();
    const subjects: string[] = [];
    await follow(reader, 'LEDGER', {
      filter: everyCall('settled'),
      fromSeq: stored,
      onFact: ({ subject }) => void (subjects.push(subject), end.abort()),
      signal: end.signal,
    }).done;
    expect(subjects).toEqual([expect.stringMatching(/\.settled$/)]);
  });

  test('says at once that it has caught up when there is nothing', async () => {
    const end = new AbortController();
    const onCaughtUp = (): void => end.abort();
    const options = { filter: everyCall('late'), fromSeq: 1, onFact: () => undefined, onCaughtUp, signal: end.signal };
    await follow(reader, 'LEDGER', options).done;
    expect(end.signal.aborted).toBe(true);
  });

  test('ends with what the handler throws', async () => {
    const onFact = (): void => {
      throw new Error('database away');
    };
    const { done } = follow(reader, 'LEDGER', { filter: SUBJECTS.everyFactOfCalls, fromSeq: 1, onFact });
    await expect(done).rejects.toThrow('database away');
  });

  test('misses and repeats nothing when the connection is cut again and again', async () => {
    const seqs = await readAll(stored, { onSeq: (seq) => void (seq % 400 === 0 && proxy.cutAll()) });
    expect(seqs).toEqual(upTo(stored));
  });

  test.each([
    ['in the middle', 5],
    ['at the end', 20],
  ])('misses and repeats nothing when a message is lost %s, and the connection is not', async (_, lost) => {
    const from = stored;
    const lostSeqs = new Set<number>();
    proxy.rule = (text, direction) => {
      const seq = Number(/\$JS\.ACK\.LEDGER\.\S+?\.1\.(\d+)\.\d+\.\d+\.\d+ /.exec(text)?.[1]);
      if (direction !== 'to-client' || seq !== from + lost || lostSeqs.has(seq)) return 'pass';
      lostSeqs.add(seq);
      return 'drop';
    };
    let seen = from;
    const reading = readAll(from + 20, { fromSeq: from + 1, onSeq: (seq) => void (seen = seq) });
    for (let seq = from + 1; seq <= from + 20; seq++) {
      await append(1);
      while (seen < seq && !lostSeqs.has(seq)) await new Promise((resolve) => setImmediate(resolve));
    }
    const seqs = await reading;
    proxy.rule = () => 'pass';
    expect(seqs).toEqual(upTo(from + 20, from + 1));
    expect([...lostSeqs]).toEqual([from + lost]);
  });

  test('goes on where it was after the broker was killed, and after it was paused', async () => {
    const reading = readAll(stored + 200);
    await append(100);
    await broker.kill();
    await broker.restart();
    broker.pause();
    setTimeout(() => broker.resume(), 1_600);
    await append(100);
    expect(await reading).toEqual(upTo(stored));
  });
});
