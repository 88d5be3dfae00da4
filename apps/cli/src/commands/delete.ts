// `flow-mcp delete`

import { RPCS } from '@flow-mcp/contracts';
import { Command } from 'commander';
import { EXIT } from '../exit-codes.js';
import { count, kind } from '../option-values.js';
import { action, type Program, type Session } from '../session.js';
import { changesText } from './apply.js';

interface Options {
  readonly dryRun?: boolean;
  readonly expectedGeneration?: number;
}

const EXAMPLES = `
Examples:
  flow-mcp delete flow payments --dry-run --as root
  flow-mcp delete server plural --as root
`;

/** Deletes one server or Flow. */
export function deleteCommand(program: Program): Command {
  return new Command('delete')
    .description('delete a server or a Flow; its audit stays')
    .argument('<kind>', 'server or flow', kind)
    .argument('<name>', 'its name')
    .option('--dry-run', 'say what would change, and change nothing')
    .option('--expected-generation <n>', 'refuse if the resource is at another generation', count)
    .addHelpText('after', EXAMPLES)
    .action(action<Options>(program, remove));
}

async function remove(
  { transport, screen }: Session,
  { dryRun, expectedGeneration }: Options,
  [word = '', name = '']: readonly string[],
): Promise<number> {
  const answer = await transport.ask(RPCS.delete, {
    kind: kind(word),
    name,
    ...(dryRun === undefined ? {} : { dryRun }),
    ...(expectedGeneration === undefined ? {} : { expectedGeneration }),
  });
  screen.answer(answer, (style) => changesText(answer.changes, style));
  if (dryRun === true) screen.note('Dry run: nothing was changed.');
  return EXIT.ok;
}
