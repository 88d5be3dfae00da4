// Where the broker and the issuer are: from the environment, else from `.flow-mcp/cli.json`, which `npm start` writes.
//
// 1. The environment counts for the whole connection: an address from it is never mixed with a key file of the other.
// 2. A context file lies in a working folder, where anybody may have put it, so it may only name this machine: no token
//    is ever sent elsewhere because of it.

import { isLoopback } from '@flow-mcp/identity';
import { RefusedError } from '@flow-mcp/kernel';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';

/** Where the context file lies below a folder. */
const CONTEXT_FILE = join('.flow-mcp', 'cli.json');

/** A connection. */
export interface Settings {
  readonly natsUrl: string;
  readonly natsSeedFile?: string;
  readonly natsCaFile?: string;
  /** What the server must call itself, so that no other one is taken for ours. */
  readonly natsName?: string;
  /** The development issuer, for `--as`. */
  readonly issuer?: string;
  /** The Flow that is meant when none is named. */
  readonly flow?: string;
}

const contextSchema = z.strictObject({
  natsUrl: z
    .string()
    .refine(isLoopback, { message: 'must be on this machine; set FLOWMCP_NATS_URL for another broker' }),
  natsSeedFile: z.string().exactOptional(),
  natsName: z.string().exactOptional(),
  issuer: z
    .string()
    .refine(isLoopback, { message: 'must be on this machine; set FLOWMCP_ISSUER for another issuer' })
    .exactOptional(),
  flow: z.string().exactOptional(),
});

/** A context file that was found. */
export interface ContextFile {
  readonly path: string;
  readonly text: string;
}

/** Settings from environment and context file. @throws RefusedError `ERR_CONFIG_INVALID` */
export function settingsOf(env: NodeJS.ProcessEnv, file: ContextFile | undefined): Settings {
  const { FLOWMCP_NATS_URL, FLOWMCP_ISSUER, FLOWMCP_FLOW } = env;
  if (FLOWMCP_NATS_URL !== undefined) {
    return compact({
      natsUrl: FLOWMCP_NATS_URL,
      natsSeedFile: env['FLOWMCP_NATS_SEED_FILE'],
      natsCaFile: env['FLOWMCP_NATS_CA_FILE'],
      natsName: env['FLOWMCP_NATS_NAME'],
      issuer: FLOWMCP_ISSUER,
      flow: FLOWMCP_FLOW,
    });
  }
  if (file === undefined) {
    const message = 'No broker is known here: run `npm start` in this folder, or set FLOWMCP_NATS_URL.';
    throw new RefusedError('ERR_CONFIG_INVALID', message);
  }
  const context = parseContext(file);
  return compact({
    ...context,
    natsSeedFile: context.natsSeedFile && resolve(dirname(file.path), context.natsSeedFile),
    flow: FLOWMCP_FLOW ?? context.flow,
  });
}

/** Where a context file may lie: in this folder, or in one above it. */
export function contextPaths(folder: string): readonly string[] {
  const above = dirname(folder);
  return [join(folder, CONTEXT_FILE), ...(above === folder ? [] : contextPaths(above))];
}

function parseContext({ path, text }: ContextFile): z.output<typeof contextSchema> {
  const parsed = contextSchema.safeParse(valueOf(text));
  if (parsed.success) return parsed.data;
  const [{ path: field = [], message = '' } = {}] = parsed.error.issues;
  const problem = `${path}: ${field.join('.') || 'the file'} ${message}. Correct it, or let \`npm start\` write it anew.`;
  throw new RefusedError('ERR_CONFIG_INVALID', problem);
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Without the members that are undefined. */
function compact(settings: { [K in keyof Settings]: Settings[K] | undefined } & { natsUrl: string }): Settings {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as unknown as Settings;
}
