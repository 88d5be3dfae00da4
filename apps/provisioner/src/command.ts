// What the command line means.

import { parseArgs } from 'node:util';
import { natsPermissionsConf } from '@flow-mcp/contracts';
import { RefusedError } from '@flow-mcp/kernel';
import type { Environment } from '@flow-mcp/service-host';
import { keysCommand } from './keys-command.js';
import { provisionCommand, type Say } from './provision-command.js';

const HELP = `Prepares a deployment of Flow MCP. Safe to run again: it changes only what is not right yet.

  provisioner                    create or correct streams, consumers, buckets and tables
  provisioner --dry-run          say what would change
  provisioner keys <directory>   make the key files that are missing
  provisioner permissions        print the NATS users and their allow lists, for nats-server

The first two read FLOWMCP_NATS_URL, FLOWMCP_NATS_SEED_FILE and more from the environment; see README.md.`;

/** Runs one command. @throws FlowMcpError saying what to correct */
export async function run(args: readonly string[], env: Environment, say: Say): Promise<void> {
  const { values, positionals } = parse(args);
  const [command, directory, ...others] = positionals;
  if (values.help === true) say(HELP);
  else if (command === undefined) await provisionCommand(env, values['dry-run'] === true, say);
  else if (command === 'keys' && directory !== undefined && others.length === 0) await keysCommand(directory, say);
  else if (command === 'permissions' && directory === undefined) say(natsPermissionsConf());
  else throw new RefusedError('ERR_CONFIG_INVALID', `There is no command "${positionals.join(' ')}".\n\n${HELP}`);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { 'dry-run': { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    });
  } catch (cause) {
    throw new RefusedError('ERR_CONFIG_INVALID', `${(cause as Error).message}\n\n${HELP}`);
  }
}
