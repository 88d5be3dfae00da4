// The program: parses the command line, runs one command, returns the exit code.

import { Command, CommanderError, Option } from 'commander';
import { applyCommand } from './commands/apply.js';
import { auditCommand } from './commands/audit.js';
import { callCommand } from './commands/call.js';
import { cancelCommand } from './commands/cancel.js';
import { decideCommand } from './commands/decide.js';
import { deleteCommand } from './commands/delete.js';
import { getCommand } from './commands/get.js';
import { pendingCommand } from './commands/pending.js';
import { toolsCommand } from './commands/tools.js';
import { watchCommand } from './commands/watch.js';
import { EXIT } from './exit-codes.js';
import type { Io } from './io.js';
import { FORMATS } from './screen.js';
import type { Program } from './session.js';

const HELP = `
Who you are: --as PERSON at the development issuer, else the token in FLOWMCP_TOKEN or FLOWMCP_TOKEN_FILE.
Where to connect: FLOWMCP_NATS_URL and FLOWMCP_NATS_SEED_FILE, else what \`npm start\` wrote to .flow-mcp/cli.json.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 something is away, 4 held (call --no-wait).

Examples:
  flow-mcp apply -f examples/resources/plural.yaml --as root
  flow-mcp tools --flow payments --as alice
  flow-mcp call plural__get_account --flow payments --arg accountId=acc-1001 --as alice
  flow-mcp pending --as bob
  flow-mcp audit --as root
`;

/** Runs one command line. Never throws. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  let code: number = EXIT.ok;
  const program = createProgram({ io, exit: (given) => (code = given) });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
}

function createProgram(program: Program): Command {
  const { io } = program;
  const root = new Command('flow-mcp')
    .description('The governed path between AI chats and MCP servers.')
    .option('--as <person>', 'sign in as this person at the development issuer')
    .addOption(new Option('-o, --output <format>', 'how to print the answer').choices(FORMATS).default('table'))
    .addHelpText('after', HELP)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: (text) => io.stdout(text), writeErr: (text) => io.stderr(text) })
    .showSuggestionAfterError()
    .exitOverride();
  const commands = [
    applyCommand(program),
    getCommand(program),
    deleteCommand(program),
    watchCommand(program),
    toolsCommand(program),
    callCommand(program),
    pendingCommand(program),
    decideCommand(program, 'accept'),
    decideCommand(program, 'decline'),
    cancelCommand(program),
    auditCommand(program),
  ];
  for (const command of commands) root.addCommand(command.copyInheritedSettings(root));
  return root;
}
