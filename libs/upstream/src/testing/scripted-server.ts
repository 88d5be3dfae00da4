// An HTTP server that counts what it receives and answers as the test says, however wrong that is.

import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

/** A JSON-RPC message that was posted. */
interface Posted {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: { readonly [name: string]: unknown };
}

/** One request that was received whole. */
export interface Received {
  readonly httpMethod: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly message: Posted;
  readonly response: ServerResponse;
  /** Resolves when the connection of this request is gone or its response was sent. */
  readonly closed: Promise<void>;
}

/** What the server does with a request; `undefined` leaves it unanswered. */
export type Script = (request: Received) => void;

/** See the header of this file. */
export interface ScriptedServer {
  readonly port: number;
  readonly url: string;
  readonly received: readonly Received[];
  /** How many connections were accepted. */
  connections(): number;
  /** How many posted messages had this JSON-RPC method. */
  count(method: string): number;
  /** The next request with this JSON-RPC or HTTP method, of all that have come and will come. */
  next(method: string): Promise<Received>;
  close(): Promise<void>;
}

/** Starts on an ephemeral port of the loopback. */
export async function startScriptedServer(
  script: Script,
  tls?: { readonly key: string; readonly cert: string },
): Promise<ScriptedServer> {
  const received: Received[] = [];
  const sockets = new Set<Socket>();
  const waiting: { readonly method: string; readonly resolve: (request: Received) => void }[] = [];
  const seen = new Map<string, number>();
  let connections = 0;
  const listener = (incoming: IncomingMessage, response: ServerResponse) =>
    void receive(incoming, response).then((request) => {
      received.push(request);
      const first = waiting.findIndex(({ method }) => isOf(request, method));
      if (first >= 0) waiting.splice(first, 1)[0]?.resolve(request);
      script(request);
    }, ignore);
  const server = tls === undefined ? createHttpServer(listener) : createHttpsServer(tls, listener);
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/mcp`,
    received,
    connections: () => connections,
    count: (method) => received.filter((request) => isOf(request, method)).length,
    next(method) {
      const skip = seen.get(method) ?? 0;
      seen.set(method, skip + 1);
      const known = received.filter((request) => isOf(request, method))[skip];
      return known === undefined ? new Promise((resolve) => waiting.push({ method, resolve })) : Promise.resolve(known);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** The tool that is called to have a session before a short deadline begins. */
export const WARM_UP = 'warm-up';

/** Answers like an MCP server with sessions, except that `call` decides what becomes of a tools/call. */
export function mcpScript(call: Script, overrides: Readonly<Record<string, Script>> = {}): Script {
  let sessions = 0;
  return (request) => {
    const method = request.message.method ?? request.httpMethod;
    const override = overrides[method];
    if (override !== undefined) return override(request);
    if (method === 'initialize') return json(request, INITIALIZED, { 'mcp-session-id': `session-${++sessions}` });
    if (method === 'tools/call')
      return request.message.params?.['name'] === WARM_UP ? json(request, HELLO) : call(request);
    request.response.writeHead(method === 'GET' ? 405 : 202).end();
  };
}

/** A result of `initialize`. */
export const INITIALIZED = {
  protocolVersion: '2025-06-18',
  capabilities: { tools: {} },
  serverInfo: { name: 'scripted', version: '1.0.0' },
};

/** The text of the response to `request` with `result`. */
export function responseText({ message }: Received, result: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', id: message.id, result });
}

/** Answers with one JSON body. */
export function json(request: Received, result: unknown, headers: Readonly<Record<string, string>> = {}): void {
  request.response
    .writeHead(200, { 'content-type': 'application/json', ...headers })
    .end(responseText(request, result));
}

/** Answers with nothing but a status, and a body that must not get into any message. */
export function status(code: number, headers: Readonly<Record<string, string>> = {}): Script {
  return ({ response }) => response.writeHead(code, headers).end(`credentials: ${SECRET}`);
}

/** What error bodies of the scripted server give away. */
export const SECRET = 'hunter2';

/** Answers with this text. */
export function body(text: string | ((request: Received) => string), contentType = 'application/json'): Script {
  return (request) =>
    request.response
      .writeHead(200, { 'content-type': contentType })
      .end(typeof text === 'string' ? text : text(request));
}

/** Begins an event stream; returns what sends text on it. */
export function eventStream({ response }: Received): (text: string) => void {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  return (text) => void response.write(text);
}

/** One server-sent event with a JSON-RPC message. */
export function event(message: unknown, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: message\ndata: ${JSON.stringify(message)}\n\n`;
}

/** A plain result of a tool. */
export const HELLO = { content: [{ type: 'text', text: 'hello' }] };

async function receive(incoming: IncomingMessage, response: ServerResponse): Promise<Received> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  const body = Buffer.concat(parts).toString('utf8');
  const message = (body === '' ? {} : JSON.parse(body)) as Posted;
  const closed = new Promise<void>((resolve) => response.on('close', resolve));
  const { method = '', url: path = '', headers } = incoming;
  return { httpMethod: method, path, headers, message, response, closed };
}

function isOf({ httpMethod, message }: Received, method: string): boolean {
  return (message.method ?? httpMethod) === method;
}

function ignore(): void {}
