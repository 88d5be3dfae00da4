// What the process is told by its environment; the table in the README of this app is made from it. It does not use the
// service host, which is tested with this very process.

import { z } from 'zod';
import { FlowMcpError } from '@flow-mcp/kernel';

export const clickhouseEmbeddedConfig = z.strictObject({
  FLOWMCP_CLICKHOUSE_DATA_DIR: z.string().min(1).meta({
    description: 'Folder of the data; created when it is missing. One process at a time.',
  }),
  FLOWMCP_CLICKHOUSE_PORT: z.coerce.number().int().min(0).max(65_535).default(8123).meta({
    description: 'Port on 127.0.0.1; 0 takes a free one and prints it in the ready line.',
  }),
  FLOWMCP_CLICKHOUSE_PASSWORD_FILE: z.string().min(1).meta({
    description: 'File with the password of the user `flowmcp`, who may do everything.',
  }),
  FLOWMCP_CLICKHOUSE_READER_PASSWORD_FILE: z.string().min(1).meta({
    description: 'File with the password of the user `reader`, who may only SELECT.',
  }),
});

export interface Config {
  readonly dataDir: string;
  readonly port: number;
  readonly passwordFile: string;
  readonly readerPasswordFile: string;
}

/** @throws FlowMcpError `ERR_CONFIG_INVALID` naming the variable. */
export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const ours = Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('FLOWMCP_')));
  const parsed = clickhouseEmbeddedConfig.safeParse(ours);
  if (!parsed.success) throw new FlowMcpError('ERR_CONFIG_INVALID', z.prettifyError(parsed.error));
  return {
    dataDir: parsed.data.FLOWMCP_CLICKHOUSE_DATA_DIR,
    port: parsed.data.FLOWMCP_CLICKHOUSE_PORT,
    passwordFile: parsed.data.FLOWMCP_CLICKHOUSE_PASSWORD_FILE,
    readerPasswordFile: parsed.data.FLOWMCP_CLICKHOUSE_READER_PASSWORD_FILE,
  };
}
