import { randomUUID } from 'node:crypto';
import { callSubject } from '@flow-mcp/contracts';
import { RefusedError, RetryableError } from '@flow-mcp/kernel';
import { startBroker, type BrokerFixture } from '@flow-mcp/testing/broker';
import { startBrokerProxy, type BrokerProxy, type ProxyRule } from '@flow-mcp/testing/broker-proxy';
import {
  PROVISION_DEFAULTS,
  connectBroker,
  createLedger,
  provision,
  type BrokerConnection,
  type Ledger,
} from './index.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const textOf = (payload: Uint8Array): string => Buffer.from(payload).toString();
const newSubject = (): string => callSubject('payments', randomUUID(), 'verdict');
const quiet = { report: () => undefined };

describe('a ledger on a real broker', () => {
  let broker: BrokerFixture;
  let proxy: BrokerProxy;
  const connections: BrokerConnection[] = [];
  /** Straight to the broker. */
  let ledger: Ledger;
  /** Through the proxy. */
  let shaky: Ledger;

  const connectTo = async (servers: string): Promise<BrokerConnection> => {
    const connection = await connectBroker({ ...broker.login('executor'), servers, ...quiet });
    connections.push(connection);
    return connection;
  };

  beforeAll(async () => {
    broker = await startBroker();
    proxy = await startBrokerProxy(broker.port);
    const connection = await connectTo(broker.url);
    await provision(connection, PROVISION_DEFAULTS);
    ledger = createLedger(connection, 'LEDGER');
    shaky = createLedger(await connectTo(proxy.url), 'LEDGER', { attemptMs: 200 });
  });
  afterAll(async () => {
    for (const connection of connections) await connection.close();
    await proxy.stop();
    await broker.stop();
  });
  afterEach(() => {
    proxy.rule = () => 'pass';
  });

  test('stores a fact and reads it back with the time of the broker', async () => {
    const subject = newSubject();
    const appended = await ledger.append(subject, bytes('{"run":1}'), [['ce-type', 'flowmcp.calls.verdict.v1']]);
    const fact = await ledger.read(subject);
    expect(appended).toEqual({ result: 'mine', seq: fact?.seq });
    expect(textOf(fact!.payload)).toBe('{"run":1}');
    expect(fact?.subject).toBe(subject);
    expect(fact?.headers.get('Ce-Type')).toBe('flowmcp.calls.verdict.v1');
    expect(fact?.nonce).toMatch(/^[0-9a-f-]{36}$/);
    expect(Math.abs(fact!.storedAtMs - Date.now())).toBeLessThan(5_000);
  });

  test('finds nothing where nothing was written', async () => {
    expect(await ledger.read(newSubject())).toBeUndefined();
  });

  test('of racing writers exactly one wins, and the others are told the winner’s fact', async () => {
    const ledgers = await Promise.all(
      Array.from({ length: 4 }, async () => createLedger(await connectTo(broker.url), 'LEDGER')),
    );
    for (let round = 0; round < 100; round++) {
      const subject = newSubject();
      const appended = await Promise.all(ledgers.map((racer, n) => racer.append(subject, bytes(`"${n}"`))));
      const winners = appended.flatMap(({ result }, n) => (result === 'mine' ? [`"${n}"`] : []));
      const told = appended.flatMap((each) => (each.result === 'other' ? [textOf(each.fact.payload)] : []));
      expect(winners).toHaveLength(1);
      expect(told).toEqual(Array(3).fill(winners[0]));
    }
  });

  const isPublish = (text: string): boolean => text.includes('HPUB flowmcp.v1.calls.');
  const isAck = (text: string): boolean => text.includes('"stream":"LEDGER"');
  const isRead = (text: string): boolean => text.includes('$JS.API.DIRECT.GET.LEDGER.');
  const isReadAnswer = (text: string): boolean => text.includes('Nats-Stream: LEDGER');
  /** Does `verdict` to the first chunk that matches, and lets the rest pass. */
  const once = (matches: (text: string) => boolean, verdict: ReturnType<ProxyRule>): ProxyRule => {
    let done = false;
    return (text) => (!done && matches(text) ? ((done = true), verdict) : 'pass');
  };
  const first = (...rules: ProxyRule[]): ProxyRule => {
    return (text, direction) =>
      rules.map((rule) => rule(text, direction)).find((verdict) => verdict !== 'pass') ?? 'pass';
  };

  test.each<[string, () => ProxyRule]>([
    ['cut before the publish arrives', () => once(isPublish, 'cut')],
    ['cut after the publish, before the ack', () => once(isPublish, 'cut-after')],
    ['cut instead of the ack', () => once(isAck, 'cut')],
    ['the publish dropped', () => once(isPublish, 'drop')],
    ['the ack dropped', () => once(isAck, 'drop')],
    ['the publish twice', () => once(isPublish, 'twice')],
    ['the publish twice and the first ack dropped', () => first(once(isPublish, 'twice'), once(isAck, 'drop'))],
    ['the publish late, after it was given up', () => once(isPublish, { delayMs: 250 })],
    ['the ack late, after it was given up', () => once(isAck, { delayMs: 250 })],
    ['the ack dropped and cut before the reading back', () => first(once(isAck, 'drop'), once(isRead, 'cut'))],
    ['the ack dropped and cut after the reading back', () => first(once(isAck, 'drop'), once(isRead, 'cut-after'))],
    ['the ack dropped and cut instead of the fact read', () => first(once(isAck, 'drop'), once(isReadAnswer, 'cut'))],
  ])('knows its own fact: %s', async (_, rule) => {
    const subject = newSubject();
    proxy.rule = rule();
    const appended = await shaky.append(subject, bytes('"mine"'));
    const fact = await ledger.read(subject);
    expect(appended).toEqual({ result: 'mine', seq: fact?.seq });
    expect(textOf(fact!.payload)).toBe('"mine"');
  });

  test.each<[string, () => ProxyRule]>([
    ['cut before the publish arrives', () => once(isPublish, 'cut')],
    ['cut after the publish', () => once(isPublish, 'cut-after')],
    ['cut before the reading back', () => once(isRead, 'cut')],
    ['cut instead of the fact read', () => once(isReadAnswer, 'cut')],
    ['the fact read dropped', () => once(isReadAnswer, 'drop')],
  ])('knows another’s fact: %s', async (_, rule) => {
    const subject = newSubject();
    await ledger.append(subject, bytes('"theirs"'));
    proxy.rule = rule();
    const appended = await shaky.append(subject, bytes('"mine"'));
    expect(appended.result === 'other' && textOf(appended.fact.payload)).toBe('"theirs"');
  });

  test('says that it is unknown, never more, when the broker stays away past the deadline', async () => {
    proxy.rule = (text) => (isPublish(text) ? 'drop' : 'pass');
    const from = performance.now();
    const error: unknown = await shaky
      .append(newSubject(), bytes('{}'), [], { withinMs: 400 })
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(RetryableError);
    expect(error).toMatchObject({ code: 'ERR_BROKER_UNAVAILABLE' });
    expect(performance.now() - from).toBeLessThan(600);
  });

  test('survives a paused broker, and stores once what was written meanwhile', async () => {
    broker.pause();
    const subject = newSubject();
    const appending = shaky.append(subject, bytes('"paused"'));
    setTimeout(() => broker.resume(), 700);
    const appended = await appending;
    expect(appended).toEqual({ result: 'mine', seq: (await ledger.read(subject))?.seq });
  });

  test('survives a broker killed under writers: nothing acknowledged is lost, nothing stored twice', async () => {
    const subjects = Array.from({ length: 600 }, newSubject);
    const before = (await ledger.state()).lastSeq;
    let acknowledged = 0;
    const killing = (async () => {
      for (const share of [0.3, 0.6]) {
        while (acknowledged < subjects.length * share) await new Promise((resolve) => setImmediate(resolve));
        await broker.kill();
        await broker.restart();
      }
    })();
    const write = async (subject: string): Promise<string> => {
      const { result } = await ledger.append(subject, bytes(`"${subject}"`));
      acknowledged++;
      return result;
    };
    const results: string[] = [];
    const queue = [...subjects];
    const worker = async (): Promise<void> => {
      for (let subject = queue.shift(); subject !== undefined; subject = queue.shift())
        results.push(await write(subject));
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    await killing;
    expect(new Set(results)).toEqual(new Set(['mine']));
    for (const subject of subjects) expect(textOf((await ledger.read(subject))!.payload)).toBe(`"${subject}"`);
    expect((await ledger.state()).lastSeq - before).toBe(subjects.length);
  });

  test('refuses at once, as not stored, a fact larger than the stream takes', async () => {
    const subject = newSubject();
    await expect(ledger.append(subject, new Uint8Array(1_100_000))).rejects.toThrow(RefusedError);
    await expect(ledger.append(subject, new Uint8Array(1_048_500))).rejects.toMatchObject({
      code: 'ERR_MESSAGE_TOO_LARGE',
    });
    expect(await ledger.append(subject, bytes('{}'))).toMatchObject({ result: 'mine' });
  });
});

describe('a ledger that is full', () => {
  let broker: BrokerFixture;
  let connection: BrokerConnection;
  let ledger: Ledger;

  beforeAll(async () => {
    broker = await startBroker();
    connection = await connectBroker(broker.login('executor'));
    await provision(connection, { ...PROVISION_DEFAULTS, ledgerBytesMax: 20_000 });
    ledger = createLedger(connection, 'LEDGER');
  });
  afterAll(async () => {
    await connection.close();
    await broker.stop();
  });

  test('says so at once, and still tells who wrote what is there', async () => {
    const kept = newSubject();
    await ledger.append(kept, new Uint8Array(1_000));
    let error: unknown;
    for (let n = 0; n < 40 && error === undefined; n++) {
      await ledger.append(newSubject(), new Uint8Array(1_000)).catch((thrown: unknown) => (error = thrown));
    }
    expect(error).toMatchObject({ name: 'RetryableError', code: 'ERR_LEDGER_FULL' });
    expect(await ledger.append(kept, bytes('again'))).toMatchObject({ result: 'other' });
    const { bytes: size, bytesMax } = await ledger.state();
    expect(size / bytesMax).toBeGreaterThan(0.9);
  });
});
