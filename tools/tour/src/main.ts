// npm start: the whole system on this machine, a tour that checks itself, and then it stays up.

import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeError } from '@flow-mcp/kernel';
import { startStack, type Stack } from '@flow-mcp/testing';
import { startDemoServers, type DemoServers } from './demo-servers.js';
import { afterword, writeCliContext } from './afterword.js';
import { STEPS } from './steps.js';
import { System } from './system.js';
import { broken, heading, step } from './terminal.js';

const ROOT = join(import.meta.dirname, '..', '..', '..');

const print = (line: string) => console.log(line);

const { values } = parseArgs({
  options: {
    'tour-only': { type: 'boolean' },
    fresh: { type: 'boolean' },
    directory: { type: 'string', default: ROOT },
  },
});
process.exit(await main(values.directory, values['tour-only'] === true, values.fresh === true));

async function main(directory: string, tourOnly: boolean, fresh: boolean): Promise<number> {
  if (fresh) await rm(stateOf(directory), { recursive: true, force: true });
  const ctrlC = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ctrlC.abort());
  const interrupted = once(ctrlC.signal, 'abort').then(() => 'interrupted' as const);
  const running: { stop(): Promise<void> }[] = [];
  try {
    const stack = await Promise.race([startAndTour(directory, running, ctrlC.signal), interrupted]);
    if (stack === 'interrupted') return 130;
    if (stack === undefined) return 1;
    if (tourOnly) return 0;
    for (const line of afterword(stack)) print(line);
    await interrupted;
    return 0;
  } catch (error) {
    print(broken(describeError(error)));
    return 1;
  } finally {
    print(step('Stopping what was started here …'));
    for (const part of running.reverse()) await part.stop();
  }
}

async function startAndTour(
  directory: string,
  running: { stop(): Promise<void> }[],
  ctrlC: AbortSignal,
): Promise<Stack | undefined> {
  print(step('Starting eight MCP servers, among them PostgreSQL and Jira’s …'));
  const servers = await startDemoServers();
  running.push(servers);
  const stack = await startStack({
    directory: stateOf(directory),
    ...servers.options,
    report: (part) => print(step(`Starting ${part} …`)),
  });
  running.push(stack);
  const system = await System.connect(stack);
  running.push({ stop: () => system.close() });
  await writeCliContext(directory, stack);
  const passed = await tour(directory, system, servers, ctrlC);
  return passed ? stack : undefined;
}

/** Says how it went; nothing once it is told to stop, because then what it uses goes away. */
async function tour(directory: string, system: System, servers: DemoServers, ctrlC: AbortSignal): Promise<boolean> {
  for (const [at, stop] of STEPS.entries()) {
    if (ctrlC.aborted) return false;
    print(heading(at + 1, STEPS.length, stop.title));
    try {
      await stop.run({ system, servers, root: ROOT, print });
    } catch (error) {
      if (ctrlC.aborted) return false;
      print(broken(describeError(error)));
      print(`\nThe tour stopped at step ${at + 1}. Logs are in ${join(stateOf(directory), 'logs')}.`);
      return false;
    }
  }
  print(`\nAll ${STEPS.length} steps of the tour passed.`);
  return true;
}

function stateOf(directory: string): string {
  return join(directory, '.flow-mcp', 'start');
}
