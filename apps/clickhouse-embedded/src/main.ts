// Starts the embedded ClickHouse. Prints `{"ready":true,"port":N}` once it listens; SIGTERM and SIGINT close it.

import { readFileSync } from 'node:fs';
import { describeError } from '@flow-mcp/kernel';
import { loadConfig } from './config.js';
import { startServer } from './http-server.js';

try {
  await main();
} catch (error) {
  process.stderr.write(`${JSON.stringify({ level: 'error', message: describeError(error) })}\n`);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const { dataDir, port, passwordFile, readerPasswordFile } = loadConfig(process.env);
  const passwords = { flowmcp: readSecret(passwordFile), reader: readSecret(readerPasswordFile) };
  const server = await startServer({ dataDir, port, passwords });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void server.close());
  process.stdout.write(`${JSON.stringify({ ready: true, port: server.port })}\n`);
}

function readSecret(file: string): string {
  const secret = readFileSync(file, 'utf8').trim();
  if (secret === '') throw new Error(`The password file ${file} is empty; write a password into it.`);
  return secret;
}
