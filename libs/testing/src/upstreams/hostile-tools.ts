// The tools of the counting server that misbehave on the wire, after they have been counted as executed.
import { type ServerResponse } from 'node:http';
import { type Tool } from '@modelcontextprotocol/sdk/types.js';
import { readOnlyTool, SUM_SCHEMA, textArgument } from './counting-tools.js';

/** A call of such a tool. */
export interface HostileCall {
  readonly id: unknown;
  readonly args: Readonly<Record<string, unknown>>;
  /** How often this call, by its call id, has been executed now: 1 the first time. */
  readonly times: number;
}

/** A tool that writes its own answer, or none. */
export interface HostileTool {
  readonly definition: Tool;
  readonly respond: (call: HostileCall, response: ServerResponse) => void;
}

const DRIP_INTERVAL_MS = 50;

/** Every tool that misbehaves. */
export const HOSTILE_TOOLS: readonly HostileTool[] = [
  { definition: readOnlyTool('hang', 'Never answers.'), respond: () => undefined },
  {
    definition: readOnlyTool('reset', 'Resets the socket, only so many times if told.', { times: 'integer' }),
    respond: ({ id, args, times }, response) =>
      times <= Number(args['times'] ?? Infinity) ? response.socket?.resetAndDestroy() : answer(response, id, OK),
  },
  {
    definition: readOnlyTool('cut_stream', 'Opens an event stream and ends it without an answer.'),
    respond: (_call, response) => void openStream(response).end(': no more\n\n'),
  },
  { definition: readOnlyTool('drip', 'Sends comments for ever and never an answer.'), respond: drip },
  {
    definition: readOnlyTool('garbage', 'Answers what is not JSON.'),
    respond: (_call, response) => json(response, '<<< this is not JSON'),
  },
  {
    definition: readOnlyTool('wrong_id', 'Answers a request that nobody made.'),
    respond: (_call, response) => answer(response, 'nobody-asked', OK),
  },
  {
    definition: readOnlyTool('no_result', 'Answers a result without content.'),
    respond: ({ id }, response) => answer(response, id, { content: [{ type: 'text' }] }),
  },
  {
    definition: { ...readOnlyTool('wrong_structure', 'Breaks its own outputSchema.'), outputSchema: SUM_SCHEMA },
    respond: ({ id }, response) => answer(response, id, { content: [], structuredContent: { sum: 'many' } }),
  },
  {
    definition: readOnlyTool('unknown_content', 'Answers a content type that nobody knows.'),
    respond: ({ id }, response) => answer(response, id, { content: [HOLOGRAM], futureField: { kept: true } }),
  },
  {
    definition: readOnlyTool('http_status', 'Answers with an HTTP status.', { status: 'integer' }),
    respond: ({ args }, response) =>
      void response.writeHead(Number(args['status'] ?? 500), { 'content-type': 'text/plain' }).end('as asked'),
  },
  {
    definition: readOnlyTool('redirect', 'Redirects to another address.', { to: 'string' }),
    respond: ({ args }, response) =>
      void response.writeHead(307, { location: textArgument(args, 'to', 'http://169.254.169.254/') }).end(),
  },
];

const OK = { content: [{ type: 'text', text: 'answered' }] };
const HOLOGRAM = { type: 'hologram', depth: 3, data: 'bm90aGluZw==', 'x-unknown': { nested: [1, 2, 3] } };

function drip(_call: HostileCall, response: ServerResponse): void {
  openStream(response);
  const timer = setInterval(() => response.write(': still here\n\n'), DRIP_INTERVAL_MS);
  response.once('close', () => clearInterval(timer));
}

function openStream(response: ServerResponse): ServerResponse {
  return response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
}

function answer(response: ServerResponse, id: unknown, result: object): void {
  json(response, JSON.stringify({ jsonrpc: '2.0', id, result }));
}

function json(response: ServerResponse, body: string): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(body);
}
