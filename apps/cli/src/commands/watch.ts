// `flow-mcp watch`

import { RPCS, type MessageOf, type watchRpc } from '@flow-mcp/contracts';
import { RetryableError } from '@flow-mcp/kernel';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { EXIT } from '../exit-codes.js';
import { count, kind } from '../option-values.js';
import { safeLine } from '../safe-text.js';
import { action, type Program, type Session } from '../session.js';

interface Options {
  readonly sinceSeq?: number;
}

const WAIT_MS = 5_000;
const AGAIN_MS = 2_000;

const EXAMPLES = `
Examples:
  flow-mcp watch --as root
  flow-mcp watch servers --since-seq 0 -o json --as root     everything from the beginning, one JSON object a line
`;

/** Prints changes as they happen, until Ctrl-C. */
export function watchCommand(program: Program): Command {
  return new Command('watch')
    .description('print changes of servers and Flows as they happen, until Ctrl-C')
    .argument('[kind]', 'only servers, or only flows', kind)
    .option('--since-seq <n>', 'from behind this sequence of the registry; 0 for everything', count)
    .addHelpText('after', EXAMPLES)
    .action(action<Options>(program, watch));
}

async function watch(session: Session, { sinceSeq }: Options, [word]: readonly string[]): Promise<number> {
  const stop = new AbortController();
  const stopped = once(stop.signal, 'abort');
  const forget = session.io.onInterrupt(() => stop.abort());
  try {
    const wanted = word === undefined ? {} : { kind: kind(word) };
    await Promise.race([stopped, follow(session, wanted, sinceSeq, stop.signal)]);
    return EXIT.ok;
  } finally {
    forget();
  }
}

async function follow(
  session: Session,
  wanted: { readonly kind?: 'MCPServer' | 'Flow' },
  sinceSeq: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  for (let seq = sinceSeq; !signal.aborted;) {
    const question = { ...wanted, waitMs: WAIT_MS, ...(seq === undefined ? {} : { sinceSeq: seq }) };
    seq = (await ask(session, question, signal)) ?? seq;
  }
}

/** Prints what comes next and returns where to go on; `undefined` when nobody answers. */
async function ask(
  { transport, screen }: Session,
  question: Omit<MessageOf<typeof watchRpc.request>, 'token'>,
  signal: AbortSignal,
): Promise<number | undefined> {
  try {
    const { changes, seq } = await transport.ask(RPCS.watch, question);
    for (const change of changes) screen.print(screen.format === 'json' ? jsonLine(change) : line(change));
    return seq;
  } catch (error) {
    if (!(error instanceof RetryableError) || signal.aborted) throw error;
    screen.note(`${error.message} Watching again in ${AGAIN_MS / 1_000} s.`);
    await sleep(AGAIN_MS, undefined, { signal }).catch(() => undefined);
    return undefined;
  }
}

function jsonLine(change: object): string {
  return `${safeLine(JSON.stringify(change))}\n`;
}

function line(change: {
  seq: number;
  kind: string;
  name: string;
  generation: number;
  change: string;
  diff: string[];
}): string {
  const head = `${change.seq}  ${change.kind} ${change.name} ${change.change} (generation ${change.generation})`;
  return [head, ...change.diff.map((words) => `    ${words}`)].map((words) => `${safeLine(words)}\n`).join('');
}
