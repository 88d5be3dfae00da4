// The well-behaved tools of the counting server, as the MCP SDK serves them. Every argument is optional.
import { setTimeout as delay } from 'node:timers/promises';
import { type CallToolResult, type Tool } from '@modelcontextprotocol/sdk/types.js';

/** What a tool gets: its arguments, the caller's claims, and what belongs to a request in flight. */
export interface ToolRequest {
  readonly args: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
  readonly progress: (done: number, total: number) => Promise<void>;
}

/** A tool with what it does. */
export interface WellBehavedTool {
  readonly definition: Tool;
  readonly run: (request: ToolRequest) => Promise<CallToolResult>;
}

type ArgumentTypes = Readonly<Record<string, 'string' | 'integer'>>;

const WRITE = { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false };

/** An outputSchema: an object with a whole number `sum`. */
export const SUM_SCHEMA: NonNullable<Tool['outputSchema']> = {
  type: 'object',
  properties: { sum: { type: 'integer' } },
  required: ['sum'],
};

/** The definition of a tool that says that it only reads. */
export function readOnlyTool(name: string, description: string, args: ArgumentTypes = {}): Tool {
  const properties = Object.fromEntries(Object.entries(args).map(([argument, type]) => [argument, { type }]));
  const annotations = { readOnlyHint: true, openWorldHint: false };
  return { name, description, inputSchema: { type: 'object', properties }, annotations };
}

/** Every well-behaved tool. */
export const WELL_BEHAVED_TOOLS: readonly WellBehavedTool[] = [
  { definition: readOnlyTool('echo', 'Answers its arguments.', { text: 'string' }), run: echo },
  {
    definition: { ...readOnlyTool('delete_record', 'Says that it deleted.', { id: 'string' }), annotations: WRITE },
    run: async ({ args }) => text(`deleted ${textArgument(args, 'id', 'nothing')}`),
  },
  {
    definition: readOnlyTool('whoami', "Answers the claims of the caller's token."),
    run: async ({ claims }) => ({ ...text(JSON.stringify(claims)), structuredContent: claims }),
  },
  {
    definition: readOnlyTool('fail', 'Answers isError.', { message: 'string' }),
    run: async ({ args }) => ({ isError: true, ...text(textArgument(args, 'message', 'failed as asked')) }),
  },
  { definition: readOnlyTool('crash', 'Answers a JSON-RPC error.'), run: crash },
  {
    definition: readOnlyTool('huge', 'Answers a text of so many bytes.', { bytes: 'integer' }),
    run: async ({ args }) => text('x'.repeat(Number(args['bytes'] ?? 1_000_000))),
  },
  {
    definition: readOnlyTool('sleep', 'Answers later, with progress at each step.', {
      ms: 'integer',
      steps: 'integer',
    }),
    run: sleep,
  },
  { definition: readOnlyTool('content', 'Answers one block of each content type.'), run: everyContent },
  {
    definition: {
      ...readOnlyTool('structured', 'Answers by its outputSchema.', { sum: 'integer' }),
      outputSchema: SUM_SCHEMA,
    },
    run: async ({ args }) => {
      const sum = { sum: Number(args['sum'] ?? 42) };
      return { ...text(JSON.stringify(sum)), structuredContent: sum };
    },
  },
];

/** What tools that were added while the server runs do. */
export async function echo({ args }: Pick<ToolRequest, 'args'>): Promise<CallToolResult> {
  return text(JSON.stringify(args));
}

/** A string argument, or what it is when absent. */
export function textArgument(args: ToolRequest['args'], name: string, absent: string): string {
  const value = args[name];
  return typeof value === 'string' ? value : absent;
}

async function crash(): Promise<never> {
  throw new Error('crashed as asked');
}

async function sleep({ args, signal, progress }: ToolRequest): Promise<CallToolResult> {
  const steps = Number(args['steps'] ?? 1);
  for (let step = 1; step <= steps; step++) {
    await delay(Number(args['ms'] ?? 1_000) / steps, undefined, { signal });
    await progress(step, steps);
  }
  return text('slept');
}

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const SILENCE = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=';

async function everyContent(): Promise<CallToolResult> {
  return {
    content: [
      { type: 'text', text: 'text', annotations: { audience: ['user'], priority: 0.5 } },
      { type: 'image', data: PIXEL, mimeType: 'image/png' },
      { type: 'audio', data: SILENCE, mimeType: 'audio/wav' },
      { type: 'resource', resource: { uri: 'count://note', mimeType: 'text/plain', text: 'embedded' } },
      { type: 'resource_link', uri: 'count://link', name: 'link', description: 'a link', mimeType: 'text/plain' },
    ],
    _meta: { 'example.com/kept': true },
  };
}

function text(value: string): { content: [{ type: 'text'; text: string }] } {
  return { content: [{ type: 'text', text: value }] };
}
