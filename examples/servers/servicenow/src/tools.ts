// Three tools over incidents. What ServiceNow refuses is an answer that the model can read, not a protocol error.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { type CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { incidentSchema, TableApiError, type TableApi } from './table-api.js';

const READ = { readOnlyHint: true, openWorldHint: true };
/** A note adds and removes nothing, but the same call twice leaves two notes. */
const APPEND = { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true };

const number = z.string().regex(/^INC\d{1,20}$/, 'An incident number looks like INC0010001.');

export function createMcpServer(api: TableApi): McpServer {
  const server = new McpServer({ name: 'servicenow', version: '1.0.0' });
  server.registerTool(
    'search_incidents',
    {
      description: 'Incidents whose short description or description contains the words, last updated first.',
      inputSchema: { words: z.string().min(1).max(200), limit: z.number().int().min(1).max(50).default(10) },
      outputSchema: { incidents: z.array(incidentSchema) },
      annotations: { title: 'Search incidents', ...READ },
    },
    ({ words, limit }, { signal }) => answer(async () => ({ incidents: await api.search(words, limit, signal) })),
  );
  server.registerTool(
    'get_incident',
    {
      description: 'One incident by its number.',
      inputSchema: { number },
      outputSchema: incidentSchema.shape,
      annotations: { title: 'Get incident', ...READ },
    },
    ({ number }, { signal }) => answer(() => existing(api, number, signal)),
  );
  server.registerTool(
    'add_work_note',
    {
      description: 'Adds a work note, which only the people who work on the incident see.',
      inputSchema: { number, note: z.string().min(1).max(4_000) },
      outputSchema: { number: z.string() },
      annotations: { title: 'Add work note', ...APPEND },
    },
    ({ number, note }, { signal }) =>
      answer(async () => {
        const { sys_id } = await existing(api, number, signal);
        await api.addWorkNote(sys_id, note, signal);
        return { number };
      }),
  );
  return server;
}

async function existing(api: TableApi, number: string, signal: AbortSignal) {
  const incident = await api.find(number, signal);
  if (incident === undefined) throw new TableApiError(`There is no incident ${number}; search_incidents finds some.`);
  return incident;
}

async function answer(work: () => Promise<Record<string, unknown>>): Promise<CallToolResult> {
  try {
    const value = await work();
    return { content: [{ type: 'text', text: JSON.stringify(value) }], structuredContent: value };
  } catch (error) {
    if (!(error instanceof TableApiError)) throw error;
    return { isError: true, content: [{ type: 'text', text: error.message }] };
  }
}
