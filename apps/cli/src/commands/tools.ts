// `flow-mcp tools`

import type { FlowTools } from '@flow-mcp/client';
import { Command } from 'commander';
import { EXIT } from '../exit-codes.js';
import { healthCell, healthNotes } from '../health.js';
import { action, flowOf, type Program, type Session } from '../session.js';
import type { Cell, Style } from '../style.js';

interface Options {
  readonly flow?: string;
}

const EXAMPLES = `
Examples:
  flow-mcp tools --flow payments --as alice
  flow-mcp tools --flow payments --as alice -o json | jq '.tools[].definition.inputSchema'
`;

/** Lists what a person may call. */
export function toolsCommand(program: Program): Command {
  return new Command('tools')
    .description('list the tools that you may call through a Flow, and why a server lists none')
    .option('--flow <name>', 'the Flow')
    .addHelpText('after', EXAMPLES)
    .action(action<Options>(program, tools));
}

async function tools(session: Session, options: Options): Promise<number> {
  const flow = flowOf(options, session);
  const answer = await session.transport.flow(flow).tools();
  session.screen.answer(answer, (style) => toolsText(answer, style));
  if (answer.servers.length === 0) {
    session.screen.note(
      `Flow ${flow} is connected to no server that you may use. \`flow-mcp get flow ${flow}\` shows it.`,
    );
  }
  return EXIT.ok;
}

/** Tools, then the servers that they come from. */
function toolsText({ tools: listed, servers }: FlowTools, style: Style): string {
  const { colors } = style;
  const toolRows = listed.map(({ name, server, confirmation, definition }): Cell[] => [
    name,
    server,
    confirmation ? { text: 'asks a person', color: colors.yellow } : '',
    definition.description ?? definition.title ?? '',
  ]);
  const serverRows = servers.map(({ name, toolCount, health }): Cell[] => [
    name,
    String(toolCount),
    healthCell(health, style),
  ]);
  return [
    ...(toolRows.length === 0 ? [] : [style.table(['TOOL', 'SERVER', 'CONFIRMATION', 'DESCRIPTION'], toolRows)]),
    ...(serverRows.length === 0 ? [] : [style.table(['SERVER', 'TOOLS', 'HEALTH'], serverRows) + healthNotes(servers)]),
  ].join('\n');
}
