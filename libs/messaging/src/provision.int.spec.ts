import { CONSUMERS } from '@flow-mcp/contracts';
import { startBroker, type BrokerFixture } from '@flow-mcp/testing/broker';
import { callBroker } from './broker-api.js';
import { PROVISION_DEFAULTS, connectBroker, preflight, provision, type BrokerConnection } from './index.js';
import { WRITE_ONCE, streamConfigs } from './stream-configs.js';
import { streamInfo, type StreamConfig } from './stream-state.js';

const LEDGER = streamConfigs(PROVISION_DEFAULTS).find(({ name }) => name === 'LEDGER')!;

describe('provisioning', () => {
  let broker: BrokerFixture;
  let connection: BrokerConnection;

  beforeEach(async () => {
    broker = await startBroker();
    connection = await connectBroker(broker.login('provisioner'));
  });
  afterEach(async () => {
    await connection.close();
    await broker.stop();
  });

  const create = (config: StreamConfig): Promise<unknown> =>
    callBroker(connection, `STREAM.CREATE.${config.name}`, config);
  const actions = async (options = PROVISION_DEFAULTS, dryRun = false): Promise<Record<string, string>> => {
    const steps = await provision(connection, options, { dryRun });
    return Object.fromEntries(steps.map(({ target, action }) => [target, action]));
  };

  test('creates everything, changes nothing the second time, and only what differs the third', async () => {
    const dry = await actions(PROVISION_DEFAULTS, true);
    expect(new Set(Object.values(dry))).toEqual(new Set(['create']));
    expect(await actions()).toEqual(dry);
    expect(new Set(Object.values(await actions()))).toEqual(new Set(['none']));
    const options = { ...PROVISION_DEFAULTS, ledgerBytesMax: 10_000_000, ackWaitMs: 12_000 };
    const changed = Object.entries(await actions(options)).filter(([, action]) => action === 'update');
    expect(changed.map(([target]) => target)).toEqual([
      'stream LEDGER',
      ...Object.values(CONSUMERS).map(({ durable }) => `consumer ${durable} on LEDGER`),
    ]);
    expect((await streamInfo(connection, 'LEDGER')).config['max_bytes']).toBe(10_000_000);
  });

  test('a dry run changes nothing', async () => {
    await actions(PROVISION_DEFAULTS, true);
    await expect(streamInfo(connection, 'LEDGER')).rejects.toMatchObject({ errCode: 10059 });
  });

  test('makes streams that pass the preflight; without them a service is told what to run', async () => {
    await expect(preflight(connection)).rejects.toMatchObject({
      code: 'ERR_STREAM_NOT_WRITE_ONCE',
      message: expect.stringMatching(/LEDGER does not exist; run the provisioner/) as string,
    });
    await actions();
    await preflight(connection);
  });

  test.each<[string, unknown]>([
    ['max_msgs_per_subject', 5],
    ['discard_new_per_subject', false],
    ['deny_delete', false],
    ['allow_direct', false],
    ['max_age', 60e9],
    ['republish', undefined],
    ['storage', 'memory'],
    ['subjects', ['flowmcp.v1.other.>']],
  ])('the preflight refuses a ledger with another %s', async (field, value) => {
    await actions();
    await callBroker(connection, 'STREAM.DELETE.LEDGER');
    await create({ ...LEDGER, [field]: value });
    await expect(preflight(connection)).rejects.toMatchObject({
      code: 'ERR_STREAM_NOT_WRITE_ONCE',
      message: expect.stringContaining(field) as string,
    });
  });

  test('says what cannot be changed in place, and does not make it anew', async () => {
    await create({ ...LEDGER, storage: 'memory' });
    await expect(actions()).rejects.toMatchObject({
      code: 'ERR_CONFIG_INVALID',
      message: expect.stringMatching(/cannot change storage "memory" -> "file" for stream LEDGER/) as string,
    });
  });

  test('what makes a stream write-once cannot be taken back', async () => {
    await actions();
    const { config } = await streamInfo(connection, 'LEDGER');
    const relaxed = callBroker(connection, 'STREAM.UPDATE.LEDGER', { ...config, deny_delete: !WRITE_ONCE.deny_delete });
    await expect(relaxed).rejects.toThrow(/deny message deletes/);
  });
});
