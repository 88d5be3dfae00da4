// Everything that differs between two places where this server runs, read once from the environment.
import { z } from 'zod';

const envSchema = z
  .object({
    PORT: z.coerce.number().int().min(0).max(65535).default(8080),
    HOST: z.string().default('127.0.0.1'),
    SERVICENOW_URL: z.url(),
    SERVICENOW_USER: z.string().optional(),
    SERVICENOW_PASSWORD: z.string().optional(),
    SERVICENOW_TOKEN: z.string().optional(),
    API_KEY: z.string().min(16).optional(),
  })
  .refine((env) => (env.SERVICENOW_TOKEN ?? (env.SERVICENOW_USER && env.SERVICENOW_PASSWORD)) !== undefined, {
    error: 'Set SERVICENOW_TOKEN, or SERVICENOW_USER and SERVICENOW_PASSWORD.',
  })
  .refine((env) => env.API_KEY !== undefined || env.HOST === '127.0.0.1', {
    error: 'Set API_KEY when HOST is not 127.0.0.1: whoever reaches this server acts as its ServiceNow user.',
  });

export interface Config {
  readonly port: number;
  readonly host: string;
  /** Callers send it as `X-Api-Key`; Flow MCP does when the MCPServer has it under `authentication.headers`. */
  readonly apiKey: string | undefined;
  readonly serviceNow: {
    readonly baseUrl: URL;
    /** The Authorization header: Bearer when there is a token, else Basic. */
    readonly authorization: string;
  };
}

export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const parsed = envSchema.safeParse(env);
  if (!parsed.success) throw new Error(`Set these variables and start again:\n${z.prettifyError(parsed.error)}`);
  const { SERVICENOW_USER: user, SERVICENOW_PASSWORD: password, SERVICENOW_TOKEN: token } = parsed.data;
  const basic = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return {
    port: parsed.data.PORT,
    host: parsed.data.HOST,
    apiKey: parsed.data.API_KEY,
    serviceNow: {
      baseUrl: new URL(parsed.data.SERVICENOW_URL),
      authorization: token === undefined ? basic : `Bearer ${token}`,
    },
  };
}
