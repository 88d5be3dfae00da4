// Lists a server's tools, or says why that is not possible in words that help its owner.
//
//   D1. All pages are read; a server that never stops paging is cut off.
//   D2. A tool is passed on as the server defines it. One that cannot be offered is left out and named, and does not
//       take the others with it.

import {
  isJsonObject,
  JSON_DEPTH_MAX,
  parseStrictJson,
  RefusedError,
  type ErrorCode,
  type JsonObject,
} from '@flow-mcp/kernel';
import type { ToolDefinition } from '@flow-mcp/contracts';
import { McpError } from '@modelcontextprotocol/sdk/types.js';
import { untilAborted, withDeadline } from './deadline.js';
import { tooLarge, notMcp, UpstreamFailure } from './failure.js';
import { inSession, type Sessions } from './in-session.js';
import type { UpstreamLimits } from './limits.js';
import type { RequestContext } from './request-context.js';
import type { Session } from './session.js';
import type { DiscoverRequest, Discovery, UnreachableReason } from './upstream.js';

/** Leaves room for what the answer and the tools bucket wrap around it. */
const DEFINITION_DEPTH_MAX = JSON_DEPTH_MAX - 8;

const NO_TOOLS =
  'The MCP server answers and lists no tools; check that it registers them, and that whoever spec.discovery.groups names may see them.';

const REASONS: Partial<Record<ErrorCode, UnreachableReason>> = {
  ERR_UPSTREAM_DNS: 'dns',
  ERR_UPSTREAM_REFUSED: 'refused',
  ERR_UPSTREAM_TLS: 'tls',
  ERR_UPSTREAM_UNAUTHORIZED: 'unauthorized',
  ERR_UPSTREAM_NOT_MCP: 'not_mcp',
  ERR_UPSTREAM_TIMEOUT: 'timed_out',
  ERR_UPSTREAM_TOO_LARGE: 'too_large',
  ERR_UPSTREAM_FORBIDDEN_ADDRESS: 'forbidden_address',
  ERR_UPSTREAM_HTTP: 'http_error',
  ERR_UPSTREAM_DISCONNECTED: 'disconnected',
  ERR_RATE_LIMITED: 'http_error',
};

/** See the header of this file. @throws what `authorize` threw, or `ERR_CANCELLED` */
export async function discoverTools(
  request: DiscoverRequest,
  sessions: Sessions,
  limits: UpstreamLimits,
): Promise<Discovery> {
  try {
    return await withDeadline(request, async (signal) => {
      const headers = await untilAborted(request.authorize(), signal);
      const context = { headers, signal, answerBytesMax: limits.messageBytesMax };
      const use = { server: request.server, person: '', context };
      return inSession(sessions, use, (session) => list(session, context, limits));
    });
  } catch (error) {
    return unreachable(error);
  }
}

async function list(session: Session, context: RequestContext, limits: UpstreamLimits): Promise<Discovery> {
  if (!session.offersTools) return { health: { state: 'unreachable', reason: 'empty', message: NO_TOOLS } };
  if (session.announcesToolChanges) session.listen(context);
  const { tools, ignored } = offerable(await allPages(session, context, limits));
  if (tools.length === 0) return { health: { state: 'unreachable', reason: 'empty', message: NO_TOOLS } };
  const { protocol, serverInfo, announcesToolChanges: listChanged } = session;
  return { health: { state: 'healthy' }, tools, ignored, protocol, serverInfo, listChanged };
}

/** D1 */
async function allPages(
  session: Session,
  context: RequestContext,
  limits: UpstreamLimits,
): Promise<readonly unknown[]> {
  const tools: unknown[] = [];
  let params: JsonObject = {};
  for (let page = 0; page < limits.pagesMax; page++) {
    const result = await session.request({ method: 'tools/list', params }, context);
    if (!Array.isArray(result['tools'])) throw notMcp('answered tools/list with no list of tools');
    tools.push(...(result['tools'] as unknown[]));
    if (tools.length > limits.toolsMax) throw tooLarge(`more than ${limits.toolsMax} tools`);
    const cursor = result['nextCursor'];
    if (typeof cursor !== 'string' || cursor === '') return tools;
    params = { cursor };
  }
  throw tooLarge(`more than ${limits.pagesMax} pages of tools`);
}

/** D2 */
function offerable(candidates: readonly unknown[]) {
  const tools = new Map<string, ToolDefinition>();
  const ignored: string[] = [];
  candidates.forEach((candidate, index) => {
    const problem = problemOf(candidate, tools);
    if (problem !== undefined) ignored.push(`Tool ${index + 1} ${problem}, so it is left out.`);
    else tools.set((candidate as ToolDefinition).name, candidate as ToolDefinition);
  });
  return { tools: [...tools.values()], ignored };
}

function problemOf(tool: unknown, known: ReadonlyMap<string, unknown>): string | undefined {
  if (!isJsonObject(tool)) return 'is not an object';
  const { name, inputSchema } = tool;
  // eslint-disable-next-line no-control-regex -- control characters are exactly what is refused
  if (typeof name !== 'string' || !/^[^\u0000-\u001f\u007f]{1,128}$/.test(name)) return 'has no usable name';
  if (known.has(name)) return 'has the name of an earlier tool';
  if (!isJsonObject(inputSchema)) return 'has no inputSchema';
  if (!hasOneMeaning(tool)) return 'is defined with an integer beyond 2^53, half of a surrogate pair or too deep';
  return undefined;
}

/** Whether its definition can be hashed, and read by everybody it is passed on to. */
function hasOneMeaning(tool: JsonObject): boolean {
  try {
    parseStrictJson(JSON.stringify(tool), DEFINITION_DEPTH_MAX);
    return true;
  } catch (error) {
    if (error instanceof RefusedError) return false;
    throw error;
  }
}

function unreachable(error: unknown): Discovery {
  if (error instanceof McpError) {
    const message = `The MCP server answered tools/list with JSON-RPC error ${error.code}; look into its log.`;
    return { health: { state: 'unreachable', reason: 'not_mcp', message } };
  }
  const reason = error instanceof UpstreamFailure ? REASONS[error.code] : undefined;
  if (reason === undefined) throw error;
  return { health: { state: 'unreachable', reason, message: (error as UpstreamFailure).message } };
}
