// What each NATS user may do, tried out on a real broker. The expectations are written out here on purpose: they are not
// derived from the allow lists that they check.

import { randomUUID } from 'node:crypto';
import {
  CONSUMERS,
  NATS_USERS,
  RESULTS_BUCKET,
  RPCS,
  SUBJECTS,
  TOOLS_BUCKET,
  callSubject,
  everyCall,
  resourceSubject,
  rpcSubject,
  voteSubject,
  type NatsUser,
} from '@flow-mcp/contracts';
import { RetryableError, errorCode } from '@flow-mcp/kernel';
import { startBroker, type BrokerFixture } from '@flow-mcp/testing/broker';
import { callBroker } from './broker-api.js';
import {
  PROVISION_DEFAULTS,
  connectBroker,
  consume,
  createLedger,
  follow,
  openBucket,
  openObjects,
  preflight,
  provision,
  type BrokerConnection,
} from './index.js';

const SERVICES = ['registry', 'executor', 'confirmation', 'audit-ingester'] as const;
const CHATS = ['chat', 'cli'] as const;

describe('NATS users', () => {
  let broker: BrokerFixture;
  const users = new Map<NatsUser, BrokerConnection>();
  const as = (user: NatsUser): BrokerConnection => users.get(user)!;

  beforeAll(async () => {
    broker = await startBroker({ users: 'services' });
    for (const user of NATS_USERS) {
      users.set(user, await connectBroker({ ...broker.login(user), report: () => undefined }));
    }
    await provision(as('provisioner'), PROVISION_DEFAULTS);
  });
  afterAll(async () => {
    for (const connection of users.values()) await connection.close();
    await broker.stop();
  });

  /** Who of all users may do it; nothing but a refusal counts as "may not". */
  const whoMay = async (
    act: (connection: BrokerConnection, user: NatsUser) => Promise<unknown>,
  ): Promise<NatsUser[]> => {
    const allowed: NatsUser[] = [];
    for (const user of NATS_USERS) {
      const refused = await act(as(user), user).then(
        () => false,
        (error: unknown) => {
          if (errorCode(error) === 'ERR_NOT_PERMITTED') return true;
          throw error;
        },
      );
      if (!refused) allowed.push(user);
    }
    return allowed;
  };

  const call = (fact: Parameters<typeof callSubject>[2]): string => callSubject('payments', randomUUID(), fact);
  test.each<[string, () => string, readonly NatsUser[]]>([
    ['requested', () => call('requested'), CHATS],
    ['cancel', () => call('cancel'), CHATS],
    ['verdict', () => call('verdict'), ['executor']],
    ['resumed', () => call('resumed'), ['executor']],
    ['retried', () => call('retried'), ['executor']],
    ['settled', () => call('settled'), ['executor']],
    ['late', () => call('late'), ['executor']],
    ['decided', () => call('decided'), ['confirmation']],
    ['voted', () => voteSubject('payments', randomUUID(), 'a'.repeat(32)), ['confirmation']],
  ])('a fact is written by its owner alone: %s', async (_, subject, writers) => {
    expect(await whoMay((user) => createLedger(user, 'LEDGER').append(subject(), Buffer.from('{}')))).toEqual(writers);
  });

  test('a resource is written by the registry alone', async () => {
    let generation = 1;
    const write = (user: BrokerConnection): Promise<unknown> =>
      createLedger(user, 'REGISTRY').append(resourceSubject('Flow', 'payments', generation++), Buffer.from('{}'));
    expect(await whoMay(write)).toEqual(['registry']);
  });

  test('facts of calls are read by whoever takes part in them', async () => {
    const read = (user: BrokerConnection): Promise<unknown> => createLedger(user, 'LEDGER').read(call('settled'));
    expect(await whoMay(read)).toEqual(['executor', 'confirmation', 'audit-ingester', 'provisioner', ...CHATS]);
  });

  const followUntilCaughtUp = (stream: string, filter: string) => async (user: BrokerConnection) => {
    const end = new AbortController();
    const onCaughtUp = (): void => end.abort();
    await follow(user, stream, { filter, fromSeq: 1, onFact: () => undefined, onCaughtUp, signal: end.signal }).done;
  };
  test.each<[string, string, readonly NatsUser[]]>([
    ['LEDGER', SUBJECTS.everyFactOfCalls, ['audit-ingester', 'provisioner']],
    ['LEDGER', everyCall('requested'), ['audit-ingester', 'provisioner']],
    ['LEDGER', everyCall('verdict'), ['confirmation', 'audit-ingester', 'provisioner']],
    ['REGISTRY', SUBJECTS.everyResource, [...SERVICES, 'provisioner']],
    [`KV_${TOOLS_BUCKET}`, `$KV.${TOOLS_BUCKET}.>`, ['registry', 'executor', 'provisioner']],
  ])('%s is followed with the filter %s by those who need it', async (stream, filter, followers) => {
    expect(await whoMay(followUntilCaughtUp(stream, filter))).toEqual(followers);
  });

  test.each(Object.values(CONSUMERS))('the durable consumer $durable is the executor’s', async (consumer) => {
    const { stream, durable } = consumer;
    const bind = async (user: BrokerConnection): Promise<void> => {
      const handler = async (): Promise<{ nakMs: number }> => ({ nakMs: 0 });
      await (await consume(user, { stream, consumer: durable, inFlightMax: 1, handler })).drain(1_000);
    };
    expect(await whoMay(bind)).toEqual(['executor', 'provisioner']);
  });

  test('every service can check at start that the streams are write-once', async () => {
    expect(await whoMay(preflight)).toEqual([...SERVICES, 'provisioner']);
  });

  test('tools are written by the registry, large results by the executor', async () => {
    const putTools = (user: BrokerConnection): Promise<void> =>
      openBucket(user, TOOLS_BUCKET).put('a', Buffer.from(''));
    const putResult = (user: BrokerConnection): Promise<void> =>
      openObjects(user, RESULTS_BUCKET).put('a', Buffer.from('x'));
    const readResult = (user: BrokerConnection): Promise<unknown> =>
      openObjects(user, RESULTS_BUCKET).readPiece('a', 0, 1);
    expect(await whoMay(putTools)).toEqual(['registry', 'provisioner']);
    expect(await whoMay(putResult)).toEqual(['executor', 'provisioner']);
    expect(await whoMay(readResult)).toEqual(['executor', 'provisioner']);
  });

  test.each([
    ['STREAM.CREATE.OTHER', { name: 'OTHER', subjects: ['other'] }],
    ['STREAM.UPDATE.LEDGER', {}],
    ['STREAM.PURGE.LEDGER', { seq: 1 }],
    ['STREAM.MSG.DELETE.LEDGER', { seq: 1 }],
    ['STREAM.MSG.GET.LEDGER', { seq: 1 }],
    ['STREAM.SNAPSHOT.LEDGER', {}],
    [`CONSUMER.DELETE.LEDGER.${CONSUMERS.executorRequested.durable}`, undefined],
    [`CONSUMER.DURABLE.CREATE.LEDGER.mine`, {}],
    ['DIRECT.GET.LEDGER', { seq: 1 }],
    ['STREAM.NAMES', undefined],
  ])('no running service may call $JS.API.%s', async (verb, body) => {
    const services = NATS_USERS.filter((user) => user !== 'provisioner');
    for (const user of services) {
      const error: unknown = await callBroker(as(user), verb, body).catch((thrown: unknown) => thrown);
      expect([user, errorCode(error)]).toEqual([user, 'ERR_NOT_PERMITTED']);
    }
  });

  test('nobody but the broker may speak on the subjects of stored facts', async () => {
    const forge = (user: BrokerConnection): Promise<unknown> =>
      createLedger(user, 'LEDGER').append(
        `flowmcp.v1.stored.calls.payments.${randomUUID()}.settled`,
        Buffer.from('{}'),
      );
    expect(await whoMay(forge)).toEqual([]);
  });

  test('nobody may listen to another’s answers, nor to what is not stored yet', async () => {
    const subscribes = async (user: NatsUser, subject: string): Promise<boolean> => {
      let refused = false;
      const { nats } = as(user);
      const subscription = nats.subscribe(subject, { callback: (error) => (refused ||= error !== null) });
      await nats.flush();
      subscription.unsubscribe();
      return !refused;
    };
    for (const user of NATS_USERS) {
      expect([user, await subscribes(user, `_INBOX_${user}.>`)]).toEqual([user, true]);
      for (const other of NATS_USERS.filter((each) => each !== user)) {
        expect([user, other, await subscribes(user, `_INBOX_${other}.>`)]).toEqual([user, other, false]);
      }
      for (const subject of ['>', '_INBOX.>', 'flowmcp.v1.calls.>', '$JS.EVENT.>', 'flowmcp.v1.rpc.>']) {
        expect([user, subject, await subscribes(user, subject)]).toEqual([user, subject, false]);
      }
    }
  });

  test('an rpc is asked by those it is for and answered by its service alone', async () => {
    const { nats } = as('executor');
    const subscription = nats.subscribe(rpcSubject('executor', '*'), {
      queue: 'executor',
      callback: (_, message) => void message.respond('{}'),
    });
    await nats.flush();
    const ask = (subject: string) => async (user: BrokerConnection) => {
      await user.request(subject, Buffer.from('{}'), { timeoutMs: 1_000 }).catch((error: { reason?: string }) => {
        if (error.reason !== 'not-permitted') throw error;
        throw Object.assign(new RetryableError('ERR_NOT_PERMITTED', ''), {});
      });
    };
    expect(await whoMay(ask(RPCS.pass.subject))).toEqual(CHATS);
    expect(await whoMay(ask(RPCS.discover.subject))).toEqual(['registry']);
    subscription.unsubscribe();
  });
});
