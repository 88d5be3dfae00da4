import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { jest } from '@jest/globals';
import { startChild } from './child-process.js';
import { compiledScript } from './node-server.js';

jest.setTimeout(60_000);

const isRunning = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

async function untilGone(pid: number): Promise<void> {
  for (const deadline = Date.now() + 5_000; isRunning(pid) && Date.now() < deadline;) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(isRunning(pid)).toBe(false);
}

// A child with a child of its own, both of which would run for ever; prints both pids.
const STUBBORN = `
  process.on('SIGTERM', () => {});
  const { spawn } = require('node:child_process');
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  console.log(JSON.stringify([process.pid, child.pid]));
  setInterval(() => {}, 1000);`;
const stubborn = { command: process.execPath, args: ['-e', STUBBORN] };
const pids = (line: string) => JSON.parse(line) as [number, number];

describe('a child process', () => {
  it('is stopped with its own children, even when it ignores the signal', async () => {
    const child = await startChild(stubborn, pids);
    expect(child.ready.map(isRunning)).toEqual([true, true]);
    await child.stop();
    await Promise.all(child.ready.map(untilGone));
    await child.kill(); // once more is harmless
  });

  it('dies with a parent that is killed with -9', async () => {
    const code = `
      const { startChild } = await import(${JSON.stringify(compiledScript('child-process'))});
      await startChild(${JSON.stringify(stubborn)}, (line) => (console.log(line), true));`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(parent.stdout), 'line')) as [string];
    parent.kill('SIGKILL');
    await Promise.all(pids(line).map(untilGone));
  });

  it('that exits before it is ready is reported with what it said', async () => {
    const failing = { command: process.execPath, args: ['-e', 'console.error("no licence"); process.exit(3)'] };
    await expect(startChild(failing, () => undefined)).rejects.toThrow(/exited.*no licence/s);
  });

  it('that cannot be run is reported', async () => {
    await expect(startChild({ command: '/nowhere/at/all', args: [] }, () => undefined)).rejects.toThrow(
      /did not start/,
    );
  });
});
