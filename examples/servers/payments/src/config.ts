// Everything that differs between two places where this server runs, read once from the environment.
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const envSchema = z.object({
  PORT: z.coerce.number().int().min(0).max(65535).default(8080),
  HOST: z.string().default('127.0.0.1'),
  JWKS_URL: z.url(),
  ISSUER: z.string().min(1),
  AUDIENCE: z.url().optional(),
  REQUIRED_GROUP: z.string().min(1).default('support'),
  WRITE_GROUP: z.string().min(1).default('billing-admins'),
  TLS_KEY_FILE: z.string().optional(),
  TLS_CERT_FILE: z.string().optional(),
  DEBUG_EXECUTIONS: z.enum(['0', '1']).default('0'),
});

/** Whose tokens are accepted, and what their groups may do. */
export interface Access {
  readonly jwksUrl: URL;
  readonly issuer: string;
  /** This server's own URL as it is registered in Flow MCP. Its path is where MCP is served. */
  readonly audience: string;
  /** May call tools at all. */
  readonly readGroup: string;
  /** May change accounts. */
  readonly writeGroup: string;
}

export interface Config {
  readonly port: number;
  readonly host: string;
  readonly tls: { readonly key: Buffer; readonly cert: Buffer } | undefined;
  /** Serves `GET /debug/executions`: how often tools ran, by the token's `jti`. For tests only. */
  readonly debugExecutions: boolean;
  /** Without `AUDIENCE`, the audience is the address that the server turns out to listen on. */
  readonly access: (ownUrl: string) => Access;
}

export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const parsed = envSchema.safeParse(env);
  if (!parsed.success) throw new Error(`Set these variables and start again:\n${z.prettifyError(parsed.error)}`);
  const { PORT, HOST, JWKS_URL, ISSUER, AUDIENCE, REQUIRED_GROUP, WRITE_GROUP, ...rest } = parsed.data;
  return {
    port: PORT,
    host: HOST,
    tls: loadTls(rest.TLS_KEY_FILE, rest.TLS_CERT_FILE),
    debugExecutions: rest.DEBUG_EXECUTIONS === '1',
    access: (ownUrl) => ({
      jwksUrl: new URL(JWKS_URL),
      issuer: ISSUER,
      audience: AUDIENCE ?? ownUrl,
      readGroup: REQUIRED_GROUP,
      writeGroup: WRITE_GROUP,
    }),
  };
}

function loadTls(keyFile: string | undefined, certFile: string | undefined): Config['tls'] {
  if (keyFile === undefined && certFile === undefined) return undefined;
  if (keyFile === undefined || certFile === undefined) throw new Error('Set both TLS_KEY_FILE and TLS_CERT_FILE.');
  return { key: readFileSync(keyFile), cert: readFileSync(certFile) };
}
