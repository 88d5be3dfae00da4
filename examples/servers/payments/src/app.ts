// Streamable HTTP with sessions.
//
// 1. A session belongs to the person who opened it. To anybody else it does not exist (404), whatever token they hold.
// 2. The number of open sessions is bounded; the oldest is closed for a new one.
import { randomUUID } from 'node:crypto';
import { type AuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { isInitializeRequest } from '@modelcontextprotocol/sdk/types.js';
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import { sampleAccounts } from './accounts.js';
import { requireCaller, type AuthenticatedRequest, type Caller } from './auth.js';
import { type Access } from './config.js';
import { createMcpServer, type ToolContext } from './tools.js';

const SESSIONS_MAX = 1_000;

interface Session {
  readonly sub: string;
  readonly transport: StreamableHTTPServerTransport;
}

export function createApp(access: Access, debugExecutions: boolean): Express {
  const executions = new Map<string, number>();
  const tools: ToolContext = {
    accounts: sampleAccounts(),
    writeGroup: access.writeGroup,
    onExecution: ({ callId }) => debugExecutions && executions.set(callId, (executions.get(callId) ?? 0) + 1),
  };
  const app = express().disable('x-powered-by').use(refuseBrowsers);
  if (debugExecutions) app.get('/debug/executions', (_req, res) => void res.json(Object.fromEntries(executions)));
  app.all(new URL(access.audience).pathname, express.json({ limit: '1mb' }), requireCaller(access), mcpHandler(tools));
  return app.use(refuseUnreadable);
}

function mcpHandler(tools: ToolContext): (req: AuthenticatedRequest, res: Response) => Promise<void> {
  const sessions = new Map<string, Session>();
  return async (req, res) => {
    const caller = req.caller as Caller;
    const id = req.header('mcp-session-id');
    if (id === undefined && !isInitializeRequest(req.body)) return reject(res, 400, 'Send initialize first.');
    const session = id === undefined ? await openSession(sessions, caller, tools) : sessions.get(id);
    if (session?.sub !== caller.sub) return reject(res, 404, 'No such session: send initialize again.');
    await session.transport.handleRequest(withAuthInfo(req, caller), res, req.body);
  };
}

async function openSession(sessions: Map<string, Session>, { sub }: Caller, tools: ToolContext): Promise<Session> {
  const [oldest] = sessions.values();
  if (sessions.size >= SESSIONS_MAX) await oldest?.transport.close();
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => void sessions.set(id, { sub, transport }),
  });
  const server = createMcpServer(tools);
  server.server.onclose = () => void sessions.delete(transport.sessionId ?? '');
  await server.connect(transport);
  return { sub, transport };
}

/** The SDK hands `auth` of a request to the handler of that request. */
function withAuthInfo(req: Request, caller: Caller): Request & { auth: AuthInfo } {
  return Object.assign(req, {
    auth: { token: '', clientId: caller.sub, scopes: [...caller.groups], extra: { caller } },
  });
}

/** MCP 2025-11-25, transports: the Origin of every request is checked; no web page is a client of this server. */
const refuseBrowsers: RequestHandler = (req, res, next) =>
  req.headers.origin === undefined ? next() : reject(res, 403, 'Web pages may not call this server.');

const refuseUnreadable: ErrorRequestHandler = (error: { status?: number }, _req, res, _next) =>
  reject(res, error.status ?? 500, error.status === undefined ? 'Internal error.' : 'Send JSON of at most 1 MB.');

function reject(res: Response, status: number, message: string): void {
  res.status(status).json({ jsonrpc: '2.0', error: { code: -32_000, message }, id: null });
}
