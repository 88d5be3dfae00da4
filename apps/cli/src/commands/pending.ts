// `flow-mcp pending`

import { Command } from 'commander';
import { EXIT } from '../exit-codes.js';
import { pendingCalls, pendingText } from '../pending-calls.js';
import { action, type Program, type Session } from '../session.js';

interface Options {
  readonly flow?: string;
}

const EXAMPLES = `
Examples:
  flow-mcp pending --as bob
  flow-mcp pending --flow payments --as bob -o json
`;

/** Lists held calls. */
export function pendingCommand(program: Program): Command {
  return new Command('pending')
    .description('list the calls that wait for a person: yours, and those that you may decide on')
    .option('--flow <name>', 'only of this Flow')
    .addHelpText('after', EXAMPLES)
    .action(action<Options>(program, pending));
}

async function pending({ io, transport, screen }: Session, { flow }: Options): Promise<number> {
  const calls = await pendingCalls(transport, flow);
  screen.answer({ calls }, (style) => calls.map((call) => pendingText(call, io.nowMs(), style)).join('\n'));
  if (calls.length === 0) screen.note('Nothing waits for a person.');
  return EXIT.ok;
}
