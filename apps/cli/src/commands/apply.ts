// `flow-mcp apply`

import { RPCS, type MessageOf, type applyRpc } from '@flow-mcp/contracts';
import { Command } from 'commander';
import { EXIT } from '../exit-codes.js';
import type { Io } from '../io.js';
import { collect, count } from '../option-values.js';
import { safeLine } from '../safe-text.js';
import { action, type Program, type Session } from '../session.js';
import type { Style } from '../style.js';

type Changes = MessageOf<typeof applyRpc.response>['changes'];

interface Options {
  readonly file: readonly string[];
  readonly dryRun?: boolean;
  readonly expectedGeneration?: number;
}

const EXAMPLES = `
Examples:
  flow-mcp apply -f plural.yaml --as root
  flow-mcp apply -f servers.yaml -f flows.yaml --dry-run --as root
  flow-mcp get server plural -o yaml --as root | flow-mcp apply -f - --as root
`;

/** Creates or changes servers and Flows. */
export function applyCommand(program: Program): Command {
  return new Command('apply')
    .description('create or change MCPServers and Flows: all of what is given, or nothing')
    .requiredOption('-f, --file <file>', 'YAML or JSON, - for stdin; may be repeated', collect)
    .option('--dry-run', 'say what would change, and change nothing')
    .option('--expected-generation <n>', 'refuse if the resource is at another generation; 0: if it exists', count)
    .addHelpText('after', EXAMPLES)
    .action(action<Options>(program, apply));
}

async function apply({ io, transport, screen }: Session, options: Options): Promise<number> {
  const { dryRun, expectedGeneration } = options;
  const answer = await transport.ask(RPCS.apply, {
    manifest: await manifestOf(io, options.file),
    ...(dryRun === undefined ? {} : { dryRun }),
    ...(expectedGeneration === undefined ? {} : { expectedGeneration }),
  });
  screen.answer(answer, (style) => changesText(answer.changes, style));
  if (dryRun === true) screen.note('Dry run: nothing was changed.');
  return EXIT.ok;
}

/** What happened to each resource, with its differences. */
export function changesText(changes: Changes, { colors }: Style): string {
  return changes
    .map(({ kind, name, action: done, generation, diff }) => {
      const color = done === 'unchanged' ? colors.dim : done === 'deleted' ? colors.red : colors.green;
      const head = `${kind} ${safeLine(name)} ${color(done)} ${colors.dim(`(generation ${generation})`)}`;
      return `${[head, ...diff.map((line) => `  ${safeLine(line)}`)].join('\n')}\n`;
    })
    .join('');
}

async function manifestOf(io: Io, files: readonly string[]): Promise<string> {
  const texts = await Promise.all(files.map((file) => (file === '-' ? io.readStdin() : io.readFile(file))));
  return texts.join('\n---\n');
}
