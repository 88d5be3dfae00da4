// Starts the development issuer. Prints `{"ready":true,"issuer":"http://127.0.0.1:N"}` once it listens; SIGTERM and
// SIGINT close it.

import { describeError } from '@flow-mcp/kernel';
import { loadConfig } from './config.js';
import { startIssuer } from './issuer.js';
import { loadPeople } from './people.js';

try {
  await main();
} catch (error) {
  process.stderr.write(`${JSON.stringify({ level: 'error', message: describeError(error) })}\n`);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const { port, dataDir, peopleFile } = loadConfig(process.env);
  const running = await startIssuer(port, dataDir, await loadPeople(peopleFile));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void running.close());
  process.stdout.write(`${JSON.stringify({ ready: true, issuer: running.issuer })}\n`);
}
