// What `npm start` promises once everything is installed and built: a tour that passes, a system that stays up, an end
// that leaves nothing behind, and a second start that has kept its data.

import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { signInDevelopment } from '@flow-mcp/identity';

const ROOT = join(import.meta.dirname, '..', '..');
const TOUR = join(ROOT, 'tools', 'tour', 'dist', 'main.js');
const CHAT = join(ROOT, 'examples', 'chat', 'chat.mjs');
const CLI = join(ROOT, 'apps', 'cli', 'bin', 'flow-mcp.js');

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'flow-mcp-start-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** A start, and every line that it has printed so far. */
function start(...args: string[]): { child: ChildProcess; lines: string[]; says: (text: string) => Promise<void> } {
  const child = spawn(process.execPath, [TOUR, '--directory', directory, ...args], {
    env: { ...process.env, NO_COLOR: '1' },
  });
  const lines: string[] = [];
  const reader = createInterface(child.stdout);
  reader.on('line', (line) => lines.push(line));
  const says = (text: string) =>
    new Promise<void>((resolve, reject) => {
      reader.on('line', (line) => line.includes(text) && resolve());
      child.once('exit', () => reject(new Error(lines.join('\n'))));
    });
  return { child, lines, says };
}

async function cli(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [CLI, ...args], { cwd: directory });
  return stdout;
}

/** The chat of the README, with one line typed into it. */
async function chat(line: string): Promise<string> {
  const context = JSON.parse(await readFile(join(directory, '.flow-mcp', 'cli.json'), 'utf8')) as Record<
    string,
    string
  >;
  const { natsUrl: FLOWMCP_NATS_URL, issuer = '' } = context;
  const FLOWMCP_NATS_SEED_FILE = join(directory, '.flow-mcp', 'start', 'broker', 'keys', 'chat.nk');
  const FLOWMCP_TOKEN = await signInDevelopment(issuer, 'alice');
  const env = { ...process.env, FLOWMCP_NATS_URL, FLOWMCP_NATS_SEED_FILE, FLOWMCP_TOKEN };
  const running = promisify(execFile)(process.execPath, [CHAT], { env });
  running.child.stdin?.end(`${line}\n`);
  return (await running).stdout;
}

test('the README shows the chat that is tested', async () => {
  const [, ...lines] = (await readFile(CHAT, 'utf8')).split('\n');
  expect(await readFile(join(ROOT, 'README.md'), 'utf8')).toContain(lines.join('\n'));
});

test('the tour passes, the system stays up for the command line, and Ctrl-C ends all of it', async () => {
  const { child, lines, says } = start();
  await says('Everything stays up');
  expect(lines).toContain('All 10 steps of the tour passed.');
  const { tools } = JSON.parse(await cli('tools', '--flow', 'payments', '--as', 'alice', '-o', 'json')) as {
    tools: object[];
  };
  expect(tools.length).toBeGreaterThan(50);
  expect(await cli('audit', '--as', 'root')).toContain('get_account');
  expect(await chat('everything__echo {"message":"twenty lines"}')).toContain('Echo: twenty lines');
  const ports = lines.join('\n').match(/127\.0\.0\.1:(\d+)/g) ?? [];
  child.kill('SIGINT');
  const [code] = (await once(child, 'exit')) as [number];
  expect([code, ports.length > 3]).toEqual([0, true]);
  for (const address of new Set(ports)) await expect(fetch(`http://${address}`)).rejects.toThrow('fetch failed');
}, 180_000);

test('a second start has kept the registry and the trail', async () => {
  const { child, lines } = start('--tour-only');
  const [code] = (await once(child, 'exit')) as [number];
  expect(lines.join('\n')).toContain('MCPServer plural: unchanged (generation 1)');
  expect([code, lines.at(-1)]).toEqual([0, expect.stringContaining('Stopping')]);
  const facts = Number(/(\d+) facts,/.exec(lines.join('\n'))?.[1]);
  expect(facts).toBeGreaterThan(90);
}, 180_000);
