// What happened, by three witnesses that do not know of each other: the facts in the streams, what the MCP servers
// counted themselves, and the rows in ClickHouse.

import type { CallFact, Decided, Resumed, Settled, Verdict } from '@flow-mcp/contracts';
import type { Execution } from '@flow-mcp/testing';

/** A fact as it lies in its stream. */
export interface HistoryFact {
  readonly stream: string;
  readonly seq: number;
  readonly subject: string;
  readonly storedAtMs: number;
  readonly payload: Uint8Array;
}

/** A row of `ledger`. */
export interface HistoryRow {
  readonly stream: string;
  readonly seq: number;
  readonly subject: string;
  readonly storedAtMs: number;
  /** Of the payload as ClickHouse holds it now. */
  readonly sha256: string;
  readonly headers: string;
}

/** A row of `calls`. */
export interface HistoryCall {
  readonly flow: string;
  readonly callId: string;
  readonly outcome: string;
  readonly facts: number;
}

/** A `tools/call` that reached an MCP server. */
export type HistoryExecution = Pick<Execution, 'jti' | 'at'>;

/** See the head of this file. */
export interface History {
  readonly facts: readonly HistoryFact[];
  readonly executions: readonly HistoryExecution[];
  readonly rows: readonly HistoryRow[];
  readonly calls: readonly HistoryCall[];
}

/** One call, put together from its facts. */
export interface Call {
  /** `<flow> <callId>` as they stand in its subjects, well-formed or not. */
  readonly key: string;
  readonly callId: string;
  readonly facts: readonly HistoryFact[];
  /** Where its facts lie, in the order of the stream. */
  readonly seqs: ReadonlyMap<CallFact, number>;
  readonly verdict: Verdict | undefined;
  readonly decided: Decided | undefined;
  readonly resumed: Resumed | undefined;
  readonly settled: Settled | undefined;
  readonly executions: readonly HistoryExecution[];
}

/** Every call of the ledger. */
export function callsOf({ facts, executions }: History): Call[] {
  const ledger = facts.filter(({ stream }) => stream === 'LEDGER');
  const byCall = groupBy(ledger, ({ subject }) => subject.split('.').slice(3, 5).join(' '));
  const byCallId = groupBy(executions, ({ jti }) => jti.split('.')[0] ?? '');
  return [...byCall].map(([key, ofCall]) => callOf(key, ofCall, byCallId));
}

function callOf(key: string, unordered: readonly HistoryFact[], executions: Map<string, HistoryExecution[]>): Call {
  const facts = [...unordered].sort((one, other) => one.seq - other.seq);
  const callId = key.split(' ')[1] ?? '';
  const seqs = new Map(facts.map((fact) => [kindOf(fact), fact.seq]));
  const message = <T>(kind: CallFact): T | undefined => {
    const found = facts.find((fact) => kindOf(fact) === kind);
    return found && (jsonOf(found.payload) as T | undefined);
  };
  return {
    ...{ key, callId, facts, seqs },
    verdict: message('verdict'),
    decided: message('decided'),
    resumed: message('resumed'),
    settled: message('settled'),
    executions: executions.get(callId) ?? [],
  };
}

/** What was written; `undefined` for what is no JSON, which says nothing. */
function jsonOf(payload: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(payload).toString());
  } catch {
    return undefined;
  }
}

/** Which fact of its call it is. */
export function kindOf({ subject }: Pick<HistoryFact, 'subject'>): CallFact {
  return subject.split('.')[5] as CallFact;
}

/** What stands more than once. */
export function repeats(values: readonly string[]): string[] {
  const seen = new Set<string>();
  return values.filter((value) => seen.size === seen.add(value).size);
}

/** The values by key, in their order. */
export function groupBy<T>(values: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) groups.set(keyOf(value), [...(groups.get(keyOf(value)) ?? []), value]);
  return groups;
}
