// One tools/call, and what is known at its end.
//
//   C1. `answered` and `refused` are the server's own words. `not_sent` is proof: the first byte of the tools/call was
//       not handed to a connection. Everything else is `unknown`.
//   C2. The tools/call is sent at most once, and once more only after the server answered that it does not know the
//       session, so did not run it.
//   C4. Nothing is sent once the time is up, even if this process was paused and its timers come late.
//   C3. Nothing is thrown: an error of ours is `not_sent` or `unknown`, too.

import { errorCode, FlowMcpError } from '@flow-mcp/kernel';
import { McpError } from '@modelcontextprotocol/sdk/types.js';
import { untilAborted, withDeadline } from './deadline.js';
import { UpstreamFailure, timedOut } from './failure.js';
import { inSession, type Sessions } from './in-session.js';
import { rpcErrorOf, type SessionRequest } from './session.js';
import type { CallAnswer, CallRequest, Reason } from './upstream.js';

/** How far the tools/call got. */
type Stage = 'unsent' | 'sent' | 'answered';

/** See the header of this file. */
export async function callTool(call: CallRequest, sessions: Sessions): Promise<CallAnswer> {
  let stage: Stage = 'unsent';
  const reach = (next: Stage) => () => void (stage = next);
  const endsAtMs = performance.now() + call.timeoutMs;
  const onSent = () => {
    if (performance.now() >= endsAtMs) throw timedOut(call.timeoutMs); // C4
    stage = 'sent';
  };
  try {
    return await withDeadline(call, async (signal) => {
      const headers = await untilAborted(call.authorize(), signal);
      const limits = { signal, answerBytesMax: call.resultBytesMax };
      const context = { headers, ...limits, onSent, onAnswered: reach('answered') };
      const use = { server: call.server, person: call.person, context, onSessionLost: reach('unsent') }; // C2
      const request = callRequest(call);
      const result = await inSession(sessions, use, (session) => session.request(request, context, call.onProgress));
      return { kind: 'answered', result, isError: result['isError'] === true };
    });
  } catch (error) {
    return unanswered(error, stage);
  }
}

function callRequest({ tool, arguments: args, meta }: CallRequest): SessionRequest {
  return { method: 'tools/call', params: { name: tool, arguments: args, _meta: meta } };
}

/** C1 */
function unanswered(error: unknown, stage: Stage): CallAnswer {
  if (stage === 'unsent') return { kind: 'not_sent', ...reasonOf(error) };
  if (stage === 'answered' && error instanceof McpError)
    return { kind: 'refused', ...RPC_REFUSED, rpcError: rpcErrorOf(error) };
  const refused = error instanceof UpstreamFailure && error.answered;
  return { kind: refused ? 'refused' : 'unknown', ...reasonOf(error) };
}

const RPC_REFUSED = {
  code: 'ERR_UPSTREAM_ERROR',
  message: 'The MCP server answered the call with a JSON-RPC error; what it says is in the error.',
} as const;

/** C3 */
function reasonOf(error: unknown): Reason {
  const code = errorCode(error);
  if (!(error instanceof FlowMcpError))
    return { code, message: 'The call failed here, not at the MCP server; look into the log.', cause: error };
  return { code, message: error.message, ...(error.cause === undefined ? {} : { cause: error.cause }) };
}
