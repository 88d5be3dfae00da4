// The process as `npm start` runs it. Needs `dist`, which the test target builds first.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { signInDevelopment } from '@flow-mcp/identity';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

function run(env: Record<string, string>) {
  return spawn(process.execPath, [MAIN], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

test('says when it is ready in one line, signs in, and ends with SIGTERM', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'flow-mcp-dev-issuer-'));
  const child = run({ FLOWMCP_DEV_ISSUER_DATA_DIR: dataDir });
  const ended = once(child, 'close');
  const lines: string[] = [];
  for await (const line of createInterface(child.stdout)) {
    lines.push(line);
    const { issuer } = JSON.parse(line) as { issuer: string };
    await expect(signInDevelopment(issuer, 'alice')).resolves.toMatch(/^ey/);
    child.kill('SIGTERM');
  }
  expect(await ended).toEqual([0, null]);
  expect(lines).toHaveLength(1);
  await rm(dataDir, { recursive: true });
});

test('says what is missing and ends with 1', async () => {
  const child = run({});
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  expect(await once(child, 'close')).toEqual([1, null]);
  expect(text).toContain('FLOWMCP_DEV_ISSUER_DATA_DIR');
});
