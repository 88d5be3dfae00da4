// Starts the counting server and asks it what it has counted.
import { type Tool } from '@modelcontextprotocol/sdk/types.js';
import { compiledScript, startOwnServer, type Upstream } from './node-server.js';

/** One `tools/call` that reached the server. */
export interface Execution {
  /** The token's `jti`; without a token `_meta.callId`; else empty. */
  readonly jti: string;
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** The token's claims, unverified. */
  readonly claims: Readonly<Record<string, unknown>>;
  readonly session: string | undefined;
  /** The caller cancelled it, or went away, while it ran. */
  readonly cancelled: boolean;
  /** When it arrived, in milliseconds since 1970. */
  readonly at: number;
}

export interface CountingServer extends Upstream {
  /** The executions of one call, whatever the attempt (a `jti` begins with the call id); of all calls if not told. */
  readonly executions: (callId?: string) => Promise<Execution[]>;
  /** Adds or changes tools while it runs and sends `notifications/tools/list_changed`; an added tool echoes. */
  readonly setTools: (tools: readonly Tool[]) => Promise<void>;
}

/**
 * Starts an MCP server whose tools do what their names and arguments say: echo, whoami, sleep, fail, crash, huge,
 * content, structured, delete_record, and those that misbehave: hang, reset, cut_stream, drip, garbage, wrong_id,
 * no_result, wrong_structure, unknown_content, http_status, redirect.
 */
export async function startCountingServer(options: { pageSize?: number } = {}): Promise<CountingServer> {
  const env = options.pageSize === undefined ? {} : { PAGE_SIZE: String(options.pageSize) };
  const server = await startOwnServer(compiledScript('counting-server'), env);
  const executions = async (callId = '') => {
    const all = (await (await fetch(new URL('/executions', server.url))).json()) as Execution[];
    return all.filter(({ jti }) => jti.startsWith(callId));
  };
  const setTools = async (tools: readonly Tool[]) => {
    const headers = { 'content-type': 'application/json' };
    await fetch(new URL('/tools', server.url), { method: 'PUT', headers, body: JSON.stringify(tools) });
  };
  return { ...server, executions, setTools };
}
