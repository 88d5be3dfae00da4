// Reading the view `calls`.

import type { CallRow, Outcome } from '@flow-mcp/contracts';
import {
  CALL_ID_PATTERN,
  NAME_PATTERN,
  isJsonObject,
  parseStrictJson,
  type EpochMs,
  type JsonObject,
} from '@flow-mcp/kernel';
import type { Connection, Params } from './connection.js';

/** Which calls are wanted; what is left out does not narrow. */
export interface CallsFilter {
  readonly flow?: string | undefined;
  readonly callId?: string | undefined;
  readonly server?: string | undefined;
  readonly tool?: string | undefined;
  readonly outcome?: Outcome | undefined;
  /** E-mail or OIDC subject of the actor. */
  readonly person?: string | undefined;
  readonly sinceMs?: EpochMs | undefined;
  /** Only the calls of this person: what somebody who is no admin may see. */
  readonly actor?: { readonly iss: string; readonly sub: string } | undefined;
  /** 100 unless told. */
  readonly limit?: number | undefined;
}

/** A fact of a call, in the order of the ledger. */
export interface CallFactRow {
  readonly seq: number;
  readonly storedAtMs: EpochMs;
  /** `requested`, `verdict`, … */
  readonly fact: string;
  /** `{ unreadable: <base64> }` when the payload is no JSON object. */
  readonly payload: JsonObject;
}

const LIMIT = 100;

const CONDITIONS = {
  flow: 'flow = {flow:String}',
  callId: 'call_id = {callId:String}',
  server: 'server = {server:String}',
  tool: 'tool = {tool:String}',
  outcome: 'outcome = {outcome:String}',
  person: '(actor_email = {person:String} OR actor_sub = {person:String})',
  sinceMs: "requested_at >= fromUnixTimestamp64Milli({sinceMs:Int64}, 'UTC')",
} as const;

/** Names are cut to what contracts allow: a call that was refused for its names is listed all the same. */
const COLUMNS = `flow, call_id AS callId, leftUTF8(server, 128) AS server, leftUTF8(tool, 128) AS tool, actor, rule,
  decision, voters, outcome, code,
  toUnixTimestamp64Milli(assumeNotNull(requested_at)) AS requestedAtMs,
  if(settled_at IS NULL, NULL, toUnixTimestamp64Milli(assumeNotNull(settled_at))) AS settledAtMs,
  if(duration_ms < 0, 0, duration_ms) AS durationMs, if(held_ms < 0, 0, held_ms) AS heldMs, upstream_ms AS upstreamMs, attempts, facts`;

/** Rows of `calls`, newest first. @throws RetryableError `ERR_DATABASE_UNAVAILABLE` */
export async function calls(connection: Connection, filter: CallsFilter): Promise<CallRow[]> {
  const { where, params } = conditions(filter);
  const rows = await connection.select<Record<string, unknown>>(
    `SELECT ${COLUMNS} FROM calls WHERE ${where} ORDER BY requested_at DESC, call_id DESC LIMIT {limit:UInt32}`,
    { ...params, limit: filter.limit ?? LIMIT },
  );
  return rows.map(withoutNulls).filter(isWellFormed);
}

/** The facts of one call. @throws RetryableError `ERR_DATABASE_UNAVAILABLE` */
export async function callFacts(connection: Connection, flow: string, callId: string): Promise<CallFactRow[]> {
  const rows = await connection.select<{ seq: number; storedAtMs: number; fact: string; base64: string }>(
    `SELECT seq, toUnixTimestamp64Milli(stored_at) AS storedAtMs, fact, base64Encode(payload) AS base64 FROM ledger
     WHERE stream = 'LEDGER' AND flow = {flow:String} AND call_id = {callId:String} AND seq IN
       (SELECT arrayJoin(seqs) FROM call_states WHERE call_id = {callId:String} AND flow = {flow:String})
     ORDER BY stream_created, seq LIMIT 1 BY stream_created, seq`,
    { flow, callId },
  );
  return rows.map(({ base64, ...row }) => ({ ...row, payload: readPayload(base64) }));
}

function conditions({ actor, limit: _, ...filter }: CallsFilter): { where: string; params: Params } {
  const asked = (Object.keys(CONDITIONS) as (keyof typeof CONDITIONS)[]).filter((name) => filter[name] !== undefined);
  const own = actor === undefined ? [] : ['actor_iss = {iss:String} AND actor_sub = {sub:String}'];
  const where = [...asked.map((name) => CONDITIONS[name]), ...own].join(' AND ');
  return { where: where === '' ? 'true' : where, params: { ...filter, ...actor } };
}

/** Malformed ids are in `calls` for whoever writes SQL; contracts have no room for them. */
function isWellFormed({ flow, callId }: CallRow): boolean {
  return NAME_PATTERN.test(flow) && CALL_ID_PATTERN.test(callId);
}

function withoutNulls(row: Record<string, unknown>): CallRow {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as unknown as CallRow;
}

function readPayload(base64: string): JsonObject {
  try {
    const value = parseStrictJson(Buffer.from(base64, 'base64').toString());
    if (isJsonObject(value)) return value;
  } catch {
    // Shown as it is, below.
  }
  return { unreadable: base64 };
}
