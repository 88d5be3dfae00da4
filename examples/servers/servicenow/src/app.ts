// Streamable HTTP without sessions: each POST is answered by an MCP server of its own, as JSON.
import { createHash, timingSafeEqual } from 'node:crypto';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import express, { type Express, type RequestHandler, type Response } from 'express';
import { type TableApi } from './table-api.js';
import { createMcpServer } from './tools.js';

export function createApp(api: TableApi, apiKey: string | undefined): Express {
  const app = express().disable('x-powered-by').use(refuseBrowsers);
  if (apiKey !== undefined) app.use(requireApiKey(apiKey));
  app.post('/mcp', async (req, res) => {
    const server = createMcpServer(api);
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
    res.on('close', () => void server.close());
    await server.connect(transport);
    await transport.handleRequest(req, res);
  });
  app.all('/mcp', (_req, res) => refuse(res.set('Allow', 'POST'), 405, 'This server has no sessions: POST only.'));
  return app;
}

const refuseBrowsers: RequestHandler = (req, res, next) =>
  req.headers.origin === undefined ? next() : refuse(res, 403, 'Web pages may not call this server.');

function requireApiKey(apiKey: string): RequestHandler {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const expected = digest(apiKey);
  return (req, res, next) =>
    timingSafeEqual(digest(req.header('x-api-key') ?? ''), expected) ? next() : refuse(res, 401, 'Send X-Api-Key.');
}

function refuse(res: Response, status: number, message: string): void {
  res.status(status).json({ jsonrpc: '2.0', error: { code: -32_000, message }, id: null });
}
