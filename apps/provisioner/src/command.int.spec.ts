import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NATS_USERS } from '@flow-mcp/contracts';
import { connectBroker, preflight } from '@flow-mcp/messaging';
import { startBroker, type BrokerFixture } from '@flow-mcp/testing/broker';
import { run } from './command.js';

const NATS_CONF = fileURLToPath(new URL('../../../deploy/nats/nats.conf', import.meta.url));

describe('the provisioner', () => {
  let directory: string;
  let broker: BrokerFixture | undefined;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'flow-mcp-provisioner-'));
  });
  afterAll(async () => {
    await broker?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const said = async (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string[]> => {
    const lines: string[] = [];
    await run(args, env, (line) => void lines.push(line));
    return lines;
  };

  test('makes a seed for every NATS user and the signing keys, and leaves what is there', async () => {
    await said(['keys', directory]);
    const contents = async (): Promise<string[]> => {
      const files = await readdir(directory, { recursive: true, withFileTypes: true });
      const paths = files.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
      return Promise.all(paths.sort().map(async (path) => `${path} ${await readFile(path, 'utf8')}`));
    };
    const before = await contents();
    await said(['keys', directory]);
    expect(await contents()).toEqual(before);
    expect(await readdir(join(directory, 'nats'))).toEqual(NATS_USERS.map((user) => `${user}.nk`).sort());
    expect((await stat(join(directory, 'nats', 'executor.nk'))).mode & 0o077).toBe(0);
    expect(before.join('\n')).toContain('call-signing.jwks.json');
  });

  test('makes the broker of deploy/nats ready for every service, says what it did, and does it once', async () => {
    const lines = (await readFile(join(directory, 'nats.env'), 'utf8')).trim().split('\n');
    const environment = Object.fromEntries(lines.map((line) => line.split('=') as [string, string]));
    broker = await startBroker({ deployed: { file: NATS_CONF, environment } });
    const env = {
      FLOWMCP_NATS_URL: broker.url,
      FLOWMCP_NATS_NAME: broker.serverName,
      FLOWMCP_NATS_SEED_FILE: join(directory, 'nats', 'provisioner.nk'),
    };
    expect(await said(['--dry-run'], env)).toContain('Would create stream LEDGER.');
    const executor = { ...broker.login('executor'), seedFile: join(directory, 'nats', 'executor.nk') };
    const service = await connectBroker(executor);
    await expect(preflight(service)).rejects.toMatchObject({ code: 'ERR_STREAM_NOT_WRITE_ONCE' });
    expect(await said([], env)).toContain('Created stream LEDGER.');
    await preflight(service);
    await service.close();
    expect(await said([], env)).toContain('The broker is as it must be; nothing changed.');
    const changed = await said([], { ...env, FLOWMCP_LEDGER_BYTES_MAX: '4294967296' });
    expect(changed).toContain('Changed stream LEDGER (max_bytes 2147483648 -> 4294967296).');
  });

  test('says what is wrong with its settings and its commands', async () => {
    await expect(said([])).rejects.toThrow('FLOWMCP_NATS_URL must be set');
    await expect(said(['nonsense'])).rejects.toThrow('There is no command "nonsense"');
    await expect(said(['--nonsense'])).rejects.toThrow('--nonsense');
  });

  test('refuses a broker of another name, and a key that the broker does not know', async () => {
    const env = { FLOWMCP_NATS_URL: broker!.url, FLOWMCP_NATS_NAME: 'another' };
    const seed = { FLOWMCP_NATS_SEED_FILE: join(directory, 'nats', 'provisioner.nk') };
    await expect(said([], { ...env, ...seed })).rejects.toMatchObject({ code: 'ERR_BROKER_NOT_OURS' });
    await said(['keys', join(directory, 'others')]);
    const other = { FLOWMCP_NATS_SEED_FILE: join(directory, 'others', 'nats', 'provisioner.nk') };
    await expect(said([], { ...env, ...other })).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' });
    await writeFile(join(directory, 'garbage.nk'), 'garbage');
    const garbage = { FLOWMCP_NATS_SEED_FILE: join(directory, 'garbage.nk') };
    await expect(said([], { ...env, ...garbage })).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' });
  });
});
