// One tools/call, and what is known at its end.
//
//   C1. `answered` and `refused` are the server's own words. `not_sent` is proof: the first byte of the tools/call was
//       not handed to a connection. Everything else is `unknown`.
//   C2. The tools/call is sent at most once, and once more only after the server answered that it does not know the
//       session, so did not run it.
//   C3. Nothing is thrown: an error of ours is `not_sent` or `unknown`, too.

import { errorCode, FlowMcpError } from '@flow-mcp/kernel';
import { McpError } from '@modelcontextprotocol/sdk/types.js';
import { untilAborted, withDeadline } from './deadline.js';
import { UpstreamFailure } from './failure.js';
import type { RequestContext } from './request-context.js';
import { rpcErrorOf, type Session, type SessionRequest } from './session.js';
import type { SessionOpener } from './session-opener.js';
import type { SessionPool } from './session-pool.js';
import type { CallAnswer, CallRequest, UpstreamServer } from './upstream.js';

/** Where sessions come from. */
export interface Sessions {
  readonly pool: SessionPool;
  readonly opener: SessionOpener;
}

/** See the header of this file. */
export async function callTool(call: CallRequest, sessions: Sessions): Promise<CallAnswer> {
  let sent = false;
  try {
    return await withDeadline(call, async (signal) => {
      const headers = await untilAborted(call.authorize(), signal);
      const context = { headers, signal, answerBytesMax: call.resultBytesMax, onSent: () => (sent = true) };
      const result = await inSession(
        sessions,
        poolKey(call.server, call.person),
        { server: call.server, context },
        (session) => {
          sent = false; // C2: a second session is asked only after the first one's refusal.
          return session.request(callRequest(call), context, call.onProgress);
        },
      );
      return { kind: 'answered', result, isError: result['isError'] === true };
    });
  } catch (error) {
    return unanswered(error, sent);
  }
}

/** Runs `work` in a pooled session; once more in a new one if the server has forgotten the first. */
export async function inSession<T>(
  sessions: Sessions,
  key: string,
  { server, context }: { readonly server: UpstreamServer; readonly context: RequestContext },
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const attempt = () =>
    sessions.pool.use(
      key,
      () => sessions.opener.open(server, context.headers),
      async (opening) => {
        const session = await untilAborted(opening, context.signal);
        try {
          return await work(session);
        } catch (error) {
          if (isSessionLost(error)) sessions.pool.discard(key, session);
          throw error;
        }
      },
    );
  return attempt().catch((error: unknown) => {
    if (isSessionLost(error)) return attempt();
    throw error;
  });
}

/** Everything that must not be mixed in one session. */
export function poolKey({ name, generation, url, protocol }: UpstreamServer, person: string): string {
  return JSON.stringify([name, generation, url, protocol, person]);
}

function callRequest(call: CallRequest): SessionRequest {
  return { method: 'tools/call', params: { name: call.tool, arguments: call.arguments, _meta: call.meta } };
}

function isSessionLost(error: unknown): boolean {
  return error instanceof UpstreamFailure && error.sessionLost;
}

/** C1 */
function unanswered(error: unknown, sent: boolean): CallAnswer {
  if (sent && error instanceof McpError) {
    const rpcError = rpcErrorOf(error);
    const message = `The MCP server answered with JSON-RPC error ${rpcError.code}; what it says about it is in the error.`;
    return { kind: 'refused', code: 'ERR_UPSTREAM_ERROR', message, rpcError };
  }
  const reason = reasonOf(error);
  if (!sent) return { kind: 'not_sent', ...reason };
  const refused = error instanceof UpstreamFailure && error.answered;
  return { kind: refused ? 'refused' : 'unknown', ...reason };
}

/** C3 */
function reasonOf(error: unknown) {
  const code = errorCode(error);
  if (!(error instanceof FlowMcpError))
    return { code, message: 'Calling the MCP server failed for a reason of ours; look into the log.', cause: error };
  return { code, message: error.message, ...(error.cause === undefined ? {} : { cause: error.cause }) };
}
