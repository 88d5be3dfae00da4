// What a hostile publisher with valid credentials can put into a fact: any header line, any status line.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { CONSUMERS, callSubject, everyCall } from '@flow-mcp/contracts';
import { startBroker, type BrokerFixture } from '@flow-mcp/testing/broker';
import {
  PROVISION_DEFAULTS,
  connectBroker,
  consume,
  createLedger,
  follow,
  provision,
  subscribeStored,
  type BrokerConnection,
  type RepublishedFact,
  type StoredFact,
} from './index.js';

const STATUS_LINES = [
  'NATS/1.0',
  'NATS/1.0 404 Not Found',
  'NATS/1.0 409 Consumer Deleted',
  'NATS/1.0 503',
  'NATS/1.0 100',
];
const HEADER_LINES = [
  'Bad Key: a space is not allowed in a name',
  'Nats-Sequence: 99999\r\nNats-Time-Stamp: 1999-01-01T00:00:00Z\r\nNats-Subject: flowmcp.v1.calls.x.y.settled',
  'Nats-Pending-Messages: 7',
  ': no name',
  'no colon',
  'binary: \xff\xfe\x00',
];

describe('facts with hostile headers', () => {
  let broker: BrokerFixture;
  let connection: BrokerConnection;

  beforeAll(async () => {
    broker = await startBroker();
    connection = await connectBroker(broker.login('executor'));
    await provision(connection, PROVISION_DEFAULTS);
  });
  afterAll(async () => {
    await connection.close();
    await broker.stop();
  });

  /** Publishes without a library: `nats` would not send these. */
  const publishRaw = async (subject: string, head: string): Promise<void> => {
    const socket = connect(broker.port, '127.0.0.1');
    const header = Buffer.from(`${head}\r\n\r\n`, 'latin1');
    socket.write('CONNECT {"headers":true,"verbose":false,"pedantic":false}\r\n');
    socket.write(Buffer.concat([Buffer.from(`HPUB ${subject} ${header.length} ${header.length}\r\n`), header]));
    socket.write('\r\nPING\r\n');
    let text = '';
    while (!text.includes('PONG')) text += String(((await once(socket, 'data')) as [Buffer])[0]);
    socket.destroy();
  };

  const heads = STATUS_LINES.flatMap((status) => [status, ...HEADER_LINES.map((line) => `${status}\r\n${line}`)]);

  test('are delivered, followed, republished and read as what the broker stored, and the next one too', async () => {
    const subjects = [...heads, 'good'].map(() => callSubject('payments', randomUUID(), 'requested'));
    const delivered: StoredFact[] = [];
    const followed: StoredFact[] = [];
    const republished: RepublishedFact[] = [];
    const end = new AbortController();
    const { stream, durable } = CONSUMERS.executorRequested;
    const consumption = await consume(connection, {
      stream,
      consumer: durable,
      inFlightMax: 4,
      handler: async ({ fact }) => {
        delivered.push(fact);
        return { ack: true };
      },
    });
    const follower = follow(connection, stream, {
      filter: everyCall('requested'),
      fromSeq: 1,
      onFact: (fact) => void followed.push(fact),
      signal: end.signal,
    });
    const unsubscribe = subscribeStored(connection, everyCall('requested'), (fact) => void republished.push(fact));
    await connection.nats.flush();
    for (const [at, head] of heads.entries()) await publishRaw(subjects[at]!, head);
    const ledger = createLedger(connection, 'LEDGER');
    await ledger.append(subjects.at(-1)!, Buffer.from('{}'));
    while (delivered.length < subjects.length || followed.length < subjects.length) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const read = await Promise.all(subjects.map((subject) => ledger.read(subject)));
    unsubscribe();
    end.abort();
    await follower.done;
    await consumption.drain(1_000);

    const now = Date.now();
    for (const facts of [delivered, followed, republished, read]) {
      expect(facts.map((fact) => fact?.subject)).toEqual(subjects);
      expect(facts.map((fact) => fact?.seq)).toEqual(subjects.map((_, at) => at + 1));
    }
    for (const fact of [...delivered, ...followed, ...read]) expect(now - fact!.storedAtMs).toBeLessThan(60_000);
  });
});
