// What stays up after the tour, and what to try next.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Stack } from '@flow-mcp/testing';
import colors from 'picocolors';

/** Where the running system is, for `flow-mcp` in this folder and below. */
export async function writeCliContext(directory: string, stack: Stack): Promise<void> {
  const { servers, seedFile, expect } = stack.login('cli');
  const context = { natsUrl: servers, natsSeedFile: seedFile, natsName: expect.serverName, issuer: stack.issuer };
  await writeFile(join(directory, '.flow-mcp', 'cli.json'), `${JSON.stringify(context, null, 2)}\n`, { mode: 0o600 });
}

/** The lines to print. */
export function afterword(stack: Stack): string[] {
  const { url, user, passwordFile } = stack.clickhouse.readerLogin;
  const sql =
    'SELECT actor, server, tool, outcome, duration_ms FROM calls ORDER BY requested_at DESC LIMIT 5 FORMAT PrettyCompact';
  return [
    '',
    colors.bold('Everything stays up until you press Ctrl-C.'),
    `  NATS        ${stack.broker.url}`,
    `  ClickHouse  ${url}`,
    `  keys        ${stack.keysUrl}/.well-known/jwks.json`,
    `  people      ${stack.issuer} (alice and carol of support, bob of sre, dave, root)`,
    '',
    colors.bold('Try next, in another terminal in this folder:'),
    '  npx flow-mcp tools --flow payments --as alice',
    '  npx flow-mcp call plural__get_account --flow payments --as alice --arg accountId=acc-1001',
    "  npx flow-mcp call servicenow__add_work_note --flow payments --as alice --arg number=INC0010001 --arg note='please look'",
    '  npx flow-mcp pending --as bob        # and then: npx flow-mcp accept <call id> --as bob',
    '  npx flow-mcp audit --as root',
    `  curl -s '${url}/?database=flowmcp' -H 'X-ClickHouse-User: ${user}' -H "X-ClickHouse-Key: $(cat ${passwordFile})" --data '${sql}'`,
  ];
}
