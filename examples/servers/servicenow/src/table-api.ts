// ServiceNow's Table API for incidents: https://docs.servicenow.com, "Table API".
//
// 1. Text from a caller never becomes a condition of its own: `^` separates conditions in an encoded query, so it is
//    replaced in values.
// 2. A request that may have changed something and got no answer is reported as such, and is never sent again.
import { z } from 'zod';
import { type Config } from './config.js';

const TIMEOUT_MS = 10_000;
const FIELDS = ['sys_id', 'number', 'short_description', 'description', 'state', 'priority', 'sys_updated_on'];

export const incidentSchema = z.object({
  sys_id: z.string(),
  number: z.string(),
  short_description: z.string(),
  description: z.string(),
  state: z.string(),
  priority: z.string(),
  sys_updated_on: z.string(),
});

export type Incident = z.infer<typeof incidentSchema>;

/** What ServiceNow, or the way to it, has against a request; the message is for the person who made the call. */
export class TableApiError extends Error {}

export interface TableApi {
  search(words: string, limit: number, signal: AbortSignal): Promise<Incident[]>;
  /** By number, such as INC0010001. */
  find(number: string, signal: AbortSignal): Promise<Incident | undefined>;
  addWorkNote(sysId: string, note: string, signal: AbortSignal): Promise<void>;
}

export function createTableApi({ baseUrl, authorization }: Config['serviceNow']): TableApi {
  const incidents = new URL('/api/now/table/incident', baseUrl);
  const headers = { authorization, accept: 'application/json', 'content-type': 'application/json' };
  const get = async (query: string, limit: number, signal: AbortSignal) => {
    const url = new URL(incidents);
    url.search = String(new URLSearchParams({ ...READ, sysparm_query: query, sysparm_limit: String(limit) }));
    return z.object({ result: z.array(incidentSchema) }).parse(await send(url, { headers }, signal)).result;
  };
  return {
    search: (words, limit, signal) => get(searchQuery(words), limit, signal),
    find: async (number, signal) => (await get(`number=${asValue(number)}`, 1, signal))[0],
    addWorkNote: async (sysId, note, signal) => {
      const url = new URL(`${incidents.pathname}/${encodeURIComponent(sysId)}`, incidents);
      await send(url, { method: 'PATCH', headers, body: JSON.stringify({ work_notes: note }) }, signal);
    },
  };
}

const READ = { sysparm_display_value: 'true', sysparm_exclude_reference_link: 'true', sysparm_fields: FIELDS.join() };

function searchQuery(words: string): string {
  const like = asValue(words);
  return `short_descriptionLIKE${like}^ORdescriptionLIKE${like}^ORDERBYDESCsys_updated_on`;
}

function asValue(text: string): string {
  return text.replaceAll('^', ' ');
}

async function send(url: URL, init: RequestInit, signal: AbortSignal): Promise<unknown> {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const response = await fetch(url, { ...init, redirect: 'error', signal: bounded }).catch((cause: unknown) => {
    const doubt = init.method === undefined ? '' : ' The change may have been made: look before you try again.';
    throw new TableApiError(`ServiceNow did not answer.${doubt}`, { cause });
  });
  if (!response.ok) throw new TableApiError(await explain(response));
  return response.json();
}

async function explain(response: Response): Promise<string> {
  const body = (await response.json().catch(() => undefined)) as { error?: { message?: string } } | undefined;
  return `ServiceNow refused with ${response.status}: ${body?.error?.message ?? response.statusText}.`;
}
