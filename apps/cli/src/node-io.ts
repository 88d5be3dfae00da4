// The program's view of this process.

import { RefusedError } from '@flow-mcp/kernel';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';
import picocolors from 'picocolors';
import { CTRL_C, type Io } from './io.js';
import { connectNats } from './nats-transport.js';

/** Input and output of this process. */
export function nodeIo(): Io {
  return {
    env: process.env,
    cwd: process.cwd(),
    terminal: { columns: process.stdout.columns ?? Infinity, colors: picocolors.isColorSupported },
    stdout: (given) => void process.stdout.write(given),
    stderr: (given) => void process.stderr.write(given),
    readFile: readText,
    readStdin: () => text(process.stdin),
    nowMs: () => Date.now(),
    connect: connectNats,
    onInterrupt,
    question,
  };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new RefusedError('ERR_CONFIG_INVALID', `The file ${path} cannot be read.`, { cause });
  }
}

function onInterrupt(listener: () => void): () => void {
  process.on('SIGINT', listener);
  return () => void process.off('SIGINT', listener);
}

async function question(given: string, signal: AbortSignal): Promise<string | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const closed = new Promise<string>((resolve) => terminal.once('close', () => resolve(CTRL_C)));
  try {
    return await Promise.race([terminal.question(given, { signal }), closed]);
  } catch (error) {
    if (!signal.aborted) throw error;
    return '';
  } finally {
    terminal.close();
  }
}
