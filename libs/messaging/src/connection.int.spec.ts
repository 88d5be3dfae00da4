import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBroker, type BrokerFixture } from '@flow-mcp/testing/broker';
import { startBrokerProxy } from '@flow-mcp/testing/broker-proxy';
import { connectBroker, createUserKey, publicKeyOf } from './index.js';

const quiet = { report: () => undefined };

test('nobody is connected to by default', async () => {
  await expect(connectBroker({ servers: '', name: 'chat' })).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' });
});

describe('connecting', () => {
  let broker: BrokerFixture;
  let directory: string;

  beforeAll(async () => {
    broker = await startBroker({ users: 'services' });
    directory = await mkdtemp(join(tmpdir(), 'flow-mcp-connection-'));
  });
  afterAll(async () => {
    await broker.stop();
    await rm(directory, { recursive: true, force: true });
  });

  test.each([
    ['name', { serverName: 'another' }],
    ['cluster', { cluster: 'another' }],
  ])('refuses a broker of another %s', async (_, expected) => {
    await expect(connectBroker({ ...broker.login('chat'), expect: expected })).rejects.toMatchObject({
      code: 'ERR_BROKER_NOT_OURS',
      message: expect.stringContaining('another') as string,
    });
  });

  test('refuses a key that the broker does not know, a file that holds none, and one that is not there', async () => {
    const seedFile = join(directory, 'unknown.nk');
    await writeFile(seedFile, createUserKey().seed);
    const garbage = join(directory, 'garbage.nk');
    await writeFile(garbage, 'garbage');
    for (const file of [seedFile, garbage, join(directory, 'missing.nk')]) {
      await expect(connectBroker({ ...broker.login('chat'), seedFile: file })).rejects.toMatchObject({
        name: 'RefusedError',
        code: 'ERR_CONFIG_INVALID',
      });
    }
  });

  test('says that there is no broker once its patience is at an end', async () => {
    const options = { ...broker.login('chat'), servers: 'nats://127.0.0.1:1', patienceMs: 300 };
    await expect(connectBroker(options)).rejects.toMatchObject({ code: 'ERR_BROKER_UNAVAILABLE' });
  });

  test('waits for a broker that is not there yet', async () => {
    const reserved: Server = createServer().listen(0, '127.0.0.1');
    await once(reserved, 'listening');
    const { port } = reserved.address() as AddressInfo;
    reserved.close();
    const connecting = connectBroker({ ...broker.login('chat'), servers: `nats://127.0.0.1:${port}`, ...quiet });
    const proxy = await startBrokerProxy(broker.port, port);
    const connection = await connecting;
    expect(connection.isConnected()).toBe(true);
    await connection.close();
    await proxy.stop();
  });

  test('tells of a lost connection and of its return', async () => {
    const proxy = await startBrokerProxy(broker.port);
    const connection = await connectBroker({ ...broker.login('chat'), servers: proxy.url, ...quiet });
    const seen: string[] = [];
    connection.onLost(() => seen.push(`lost ${connection.isConnected()}`));
    const back = new Promise<void>((resolve) => {
      connection.onRestored(() => (seen.push(`restored ${connection.isConnected()}`), resolve()));
    });
    proxy.cutAll();
    await back;
    expect(seen).toEqual(['lost false', 'restored true']);
    await connection.close();
    expect(await connection.closed).toBeUndefined();
    await proxy.stop();
  });

  test('closes for good when another broker answers after a reconnect', async () => {
    const stranger = await startBroker();
    const own = await startBroker();
    const proxy = await startBrokerProxy(own.port);
    const connection = await connectBroker({ ...own.login('chat'), servers: proxy.url, ...quiet });
    proxy.target = stranger.port;
    proxy.cutAll();
    expect(await connection.closed).toMatchObject({ code: 'ERR_BROKER_NOT_OURS' });
    expect(connection.isConnected()).toBe(false);
    for (const each of [proxy, own, stranger]) await each.stop();
  });
});

test('a seed leads to its public key', () => {
  const { publicKey, seed } = createUserKey();
  expect(publicKey).toMatch(/^U[A-Z2-7]{55}$/);
  expect(seed).toMatch(/^SU[A-Z2-7]{56}$/);
  expect(publicKeyOf(`${seed}\n`)).toBe(publicKey);
});
