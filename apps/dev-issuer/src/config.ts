// What the process is told by its environment; the table in the README of this app is made from it.

import { RefusedError } from '@flow-mcp/kernel';
import { z } from 'zod';

export const devIssuerConfig = z.strictObject({
  FLOWMCP_DEV_ISSUER_PORT: z.coerce.number().int().min(0).max(65_535).default(0).meta({
    description: 'Port on 127.0.0.1; 0 takes the one that the data folder remembers, or a free one.',
  }),
  FLOWMCP_DEV_ISSUER_DATA_DIR: z.string().min(1).meta({
    description: 'Folder of keys and port; created when it is missing.',
  }),
  FLOWMCP_DEV_ISSUER_PEOPLE_FILE: z.string().min(1).optional().meta({
    description: 'YAML or JSON file with the people who exist; without it alice, bob, carol, dave and root do.',
  }),
});

/** See `devIssuerConfig`. */
export interface Config {
  readonly port: number;
  readonly dataDir: string;
  readonly peopleFile: string | undefined;
}

/** @throws RefusedError `ERR_CONFIG_INVALID` naming the variable */
export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const ours = Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('FLOWMCP_')));
  const parsed = devIssuerConfig.safeParse(ours);
  if (!parsed.success) throw new RefusedError('ERR_CONFIG_INVALID', z.prettifyError(parsed.error));
  return {
    port: parsed.data.FLOWMCP_DEV_ISSUER_PORT,
    dataDir: parsed.data.FLOWMCP_DEV_ISSUER_DATA_DIR,
    peopleFile: parsed.data.FLOWMCP_DEV_ISSUER_PEOPLE_FILE,
  };
}
