// An MCP server that counts: a child process of its own, so that killing anything else leaves its memory alone.
//
// 1. A `tools/call` is counted when it arrives, before anything is answered, so the count is never too low.
// 2. Tokens are read, not verified: what a server does with them is the payments example's part.
import { randomUUID } from 'node:crypto';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { CallToolRequestSchema, ListToolsRequestSchema, type Tool } from '@modelcontextprotocol/sdk/types.js';
import express, { type Request, type Response } from 'express';
import { type Execution } from './counting.js';
import { echo, textArgument, WELL_BEHAVED_TOOLS } from './counting-tools.js';
import { HOSTILE_TOOLS } from './hostile-tools.js';
import { listenOnLoopback } from './loopback-server.js';

interface Session {
  readonly server: Server;
  readonly transport: StreamableHTTPServerTransport;
}

type MutableExecution = { -readonly [Field in keyof Execution]: Execution[Field] };

const pageSize = Number(process.env['PAGE_SIZE'] ?? 1_000);
const executions: MutableExecution[] = [];
const sessions = new Map<string, Session>();
const hostile = new Map(HOSTILE_TOOLS.map((tool) => [tool.definition.name, tool]));
const wellBehaved = new Map(WELL_BEHAVED_TOOLS.map((tool) => [tool.definition.name, tool]));
const definitions = new Map<string, Tool>(
  [...WELL_BEHAVED_TOOLS, ...HOSTILE_TOOLS].map(({ definition }) => [definition.name, definition]),
);

const app = express().use(express.json({ limit: '32mb' }));
app.all('/mcp', handleMcp);
app.get('/executions', (_req, res) => void res.json(executions));
app.put('/tools', async (req, res) => {
  for (const tool of req.body as Tool[]) definitions.set(tool.name, tool);
  await Promise.all([...sessions.values()].map(({ server }) => server.sendToolListChanged()));
  res.status(204).end();
});

async function handleMcp(req: Request, res: Response): Promise<void> {
  const session = sessionOf(req) ?? (req.header('mcp-session-id') === undefined ? await openSession() : undefined);
  if (session === undefined) return void res.status(404).json({ error: 'No such session: send initialize again.' });
  const { method, id, params } = (req.body ?? {}) as { method?: string; id?: unknown; params?: ToolCall };
  if (method !== 'tools/call' || params === undefined) return session.transport.handleRequest(req, res, req.body);
  const execution = count(req, params);
  const tool = hostile.get(params.name);
  if (tool === undefined) return session.transport.handleRequest(withExecution(req, execution), res, req.body);
  const times = executions.filter(({ jti }) => jti === execution.jti).length;
  tool.respond({ id, args: params.arguments ?? {}, times }, res);
}

interface ToolCall {
  readonly name: string;
  readonly arguments?: Record<string, unknown>;
  readonly _meta?: { readonly callId?: string };
}

/** 1. */
function count(req: Request, { name, arguments: args = {}, _meta }: ToolCall): MutableExecution {
  const claims = claimsOf(req.headers.authorization);
  const jti = textArgument(claims, 'jti', _meta?.callId ?? '');
  const session = req.header('mcp-session-id');
  const execution = { jti, tool: name, arguments: args, claims, session, cancelled: false, at: Date.now() };
  executions.push(execution);
  return execution;
}

/** 2. */
function claimsOf(authorization: string | undefined): Record<string, unknown> {
  const payload = /^Bearer [^.]+\.([^.]+)\./i.exec(authorization ?? '')?.[1];
  if (payload === undefined) return {};
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
}

function sessionOf(req: Request): Session | undefined {
  return sessions.get(req.header('mcp-session-id') ?? '');
}

async function openSession(): Promise<Session> {
  const server = new Server({ name: 'counting', version: '1.0.0' }, { capabilities: { tools: { listChanged: true } } });
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => void sessions.set(id, { server, transport }),
  });
  server.onclose = () => void sessions.delete(transport.sessionId ?? '');
  serveTools(server);
  await server.connect(transport);
  return { server, transport };
}

function serveTools(server: Server): void {
  server.setRequestHandler(ListToolsRequestSchema, ({ params }) => {
    const start = Number(params?.cursor ?? 0);
    const end = start + pageSize;
    const tools = [...definitions.values()];
    return { tools: tools.slice(start, end), ...(end < tools.length ? { nextCursor: String(end) } : {}) };
  });
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal, authInfo, _meta, sendNotification }) => {
    const execution = authInfo?.extra?.['execution'] as MutableExecution;
    signal.addEventListener('abort', () => (execution.cancelled = true));
    const progress = async (done: number, total: number) => {
      const progressToken = _meta?.progressToken;
      if (progressToken === undefined) return;
      await sendNotification({ method: 'notifications/progress', params: { progressToken, progress: done, total } });
    };
    const run = wellBehaved.get(params.name)?.run ?? echo;
    return run({ args: params.arguments ?? {}, claims: execution.claims, signal, progress });
  });
}

/** The SDK hands `auth` of a request to the handler of that request. */
function withExecution(req: Request, execution: MutableExecution) {
  return Object.assign(req, { auth: { token: '', clientId: '', scopes: [], extra: { execution } } });
}

const { url } = await listenOnLoopback(app);
process.stdout.write(`${JSON.stringify({ ready: true, url: `${url}/mcp` })}\n`);
