import { randomUUID } from 'node:crypto';
import { callSubject } from '@flow-mcp/contracts';
import { startBroker, type BrokerFixture } from '@flow-mcp/testing/broker';
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

describe('a ledger on a real broker', () => {
  let broker: BrokerFixture;
  let connection: BrokerConnection;
  let ledger: Ledger;

  beforeAll(async () => {
    broker = await startBroker();
    connection = await connectBroker(broker.login('executor'));
    await provision(connection, PROVISION_DEFAULTS);
    ledger = createLedger(connection, 'LEDGER');
  });
  afterAll(async () => {
    await connection.close();
    await broker.stop();
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
});
