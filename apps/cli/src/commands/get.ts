// `flow-mcp get`

import { RPCS, type Registered } from '@flow-mcp/contracts';
import { Command } from 'commander';
import { EXIT } from '../exit-codes.js';
import { kind } from '../option-values.js';
import { healthCell, healthNotes } from '../health.js';
import { action, type Program, type Session } from '../session.js';
import type { Cell, Style } from '../style.js';
import type { Transport } from '../transport.js';
import { timeInWords } from '../words.js';

const EXAMPLES = `
Examples:
  flow-mcp get servers --as alice
  flow-mcp get flow payments --as carol
  flow-mcp get server plural -o yaml --as root > plural.yaml     resources only, ready for apply
`;

/** Shows servers or Flows. */
export function getCommand(program: Program): Command {
  return new Command('get')
    .description('show servers or Flows, why a server lists no tools, and who changed what last')
    .argument('<kind>', 'servers or flows', kind)
    .argument('[name]', 'one of them')
    .addHelpText('after', EXAMPLES)
    .action(action(program, get));
}

async function get(
  { transport, screen }: Session,
  _options: object,
  [word = '', name]: readonly string[],
): Promise<number> {
  const wanted = kind(word);
  const items =
    name === undefined ? await all(transport, wanted) : [await transport.ask(RPCS.get, { kind: wanted, name })];
  if (screen.format === 'yaml') screen.documents(items.map(({ resource }) => resource));
  else screen.answer(name === undefined ? items : items[0], (style) => tableOf(wanted, items, style));
  if (items.length === 0) screen.note(`You may see no ${wanted} yet. \`flow-mcp apply\` creates one.`);
  return EXIT.ok;
}

async function all(transport: Transport, wanted: 'MCPServer' | 'Flow'): Promise<Registered[]> {
  const items: Registered[] = [];
  for (let after: string | undefined, first = true; first || after !== undefined; first = false) {
    const page = await transport.ask(RPCS.list, { kind: wanted, ...(after === undefined ? {} : { after }) });
    items.push(...page.items);
    after = page.next;
  }
  return items;
}

function tableOf(wanted: 'MCPServer' | 'Flow', items: readonly Registered[], style: Style): string {
  if (items.length === 0) return '';
  if (wanted === 'Flow') {
    return style.table(
      ['FLOW', 'CHANGED', 'BY', 'SERVERS'],
      items.map((item) => [item.name, ...changed(item), serversOf(item)]),
    );
  }
  const rows = items.map((item): Cell[] => [
    item.name,
    healthCell(item.health, style),
    String(item.toolCount ?? ''),
    ...changed(item),
    textAt(item.resource, 'spec', 'url'),
  ]);
  return style.table(['SERVER', 'HEALTH', 'TOOLS', 'CHANGED', 'BY', 'URL'], rows) + healthNotes(items);
}

function changed({ changedAtMs, changedBy, generation }: Registered): [string, string] {
  return [`${timeInWords(changedAtMs)} (${generation})`, changedBy];
}

function serversOf({ resource }: Registered): string {
  const associations = (resource as { spec?: { serverAssociations?: unknown } }).spec?.serverAssociations;
  if (!Array.isArray(associations)) return '';
  return associations.map((association) => textAt(association, 'mcpServerRef', 'name')).join(', ');
}

function textAt(value: unknown, ...path: readonly string[]): string {
  const found = path.reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], value);
  return typeof found === 'string' ? found : '';
}
