// What the process is told by its environment.

import { RefusedError } from '@flow-mcp/kernel';
import { z } from 'zod';

const schema = z.strictObject({
  /** Port on 127.0.0.1; 0 takes the one that the data folder remembers, or a free one. */
  FLOWMCP_DEV_ISSUER_PORT: z.coerce.number().int().min(0).max(65_535).default(0),
  /** Folder of keys and port; created when missing. */
  FLOWMCP_DEV_ISSUER_DATA_DIR: z.string().min(1),
  /** YAML or JSON file with the people who exist; without it alice, bob, carol, dave and root do. */
  FLOWMCP_DEV_ISSUER_PEOPLE_FILE: z.string().min(1).optional(),
});

/** See the variables of the schema. */
export interface Config {
  readonly port: number;
  readonly dataDir: string;
  readonly peopleFile: string | undefined;
}

/** @throws RefusedError `ERR_CONFIG_INVALID` naming the variable */
export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const ours = Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('FLOWMCP_')));
  const parsed = schema.safeParse(ours);
  if (!parsed.success) throw new RefusedError('ERR_CONFIG_INVALID', z.prettifyError(parsed.error));
  return {
    port: parsed.data.FLOWMCP_DEV_ISSUER_PORT,
    dataDir: parsed.data.FLOWMCP_DEV_ISSUER_DATA_DIR,
    peopleFile: parsed.data.FLOWMCP_DEV_ISSUER_PEOPLE_FILE,
  };
}
