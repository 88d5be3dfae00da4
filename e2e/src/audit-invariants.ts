// What must be true of ClickHouse's rows; see invariants.ts.

import { createHash } from 'node:crypto';
import {
  groupBy,
  repeats,
  type Call,
  type History,
  type HistoryCall,
  type HistoryFact,
  type HistoryRow,
} from './history.js';

/** Every way in which `ledger` differs from the streams. */
export function rowViolations({ facts, rows }: History): string[] {
  const factAt = new Map(facts.map((fact) => [placeOf(fact), fact]));
  const rowAt = new Map(rows.map((row) => [placeOf(row), row]));
  return [
    ...repeats(rows.map(placeOf)).map((place) => `I6 ${place} stands in more than one row`),
    ...[...factAt.keys()].filter((place) => !rowAt.has(place)).map((place) => `I6 ${place} has no row`),
    ...[...rowAt].flatMap(([place, row]) => differences(row, factAt.get(place))),
    ...gaps(facts),
  ];
}

/** Every way in which `calls` differs from the calls. */
export function callRowViolations({ calls: rows }: History, calls: readonly Call[]): string[] {
  const keyOf = ({ flow, callId }: HistoryCall) => `${flow} ${callId}`;
  const rowOf = new Map(rows.map((row) => [keyOf(row), row]));
  const requested = calls.filter(({ seqs }) => seqs.has('requested'));
  return [
    ...repeats(rows.map(keyOf)).map((key) => `I7 ${key} has several rows in calls`),
    ...requested.flatMap((call) => callRow(call, rowOf.get(call.key))),
  ];
}

function differences(row: HistoryRow, fact: HistoryFact | undefined): string[] {
  const place = placeOf(row);
  if (fact === undefined) return [`I6 ${place} is a row, and no fact`];
  return [
    ...(row.subject === fact.subject ? [] : [`I6 ${place} is ${fact.subject}, its row says ${row.subject}`]),
    ...(row.storedAtMs === fact.storedAtMs ? [] : [`I6 ${place} has another time in its row`]),
    ...(row.sha256 === sha256(fact.payload) ? [] : [`I6 ${place} has other bytes in its row`]),
  ];
}

/** Sequences have no gaps, so that a missing row shows. */
function gaps(facts: readonly HistoryFact[]): string[] {
  return [...groupBy(facts, ({ stream }) => stream)].flatMap(([stream, held]) => {
    const last = held.reduce((max, { seq }) => Math.max(max, seq), 0);
    return last === held.length ? [] : [`I6 ${stream} ends at ${last} and holds ${held.length} facts`];
  });
}

function callRow({ key, settled, facts }: Call, row: HistoryCall | undefined): string[] {
  if (row === undefined) return [`I7 ${key} has no row in calls`];
  const outcome = settled?.outcome ?? '';
  return [
    ...(row.outcome === outcome ? [] : [`I7 ${key} settled ${outcome}, its row says ${row.outcome}`]),
    ...(row.facts === facts.length ? [] : [`I7 ${key} has ${facts.length} facts, its row counts ${row.facts}`]),
  ];
}

function placeOf({ stream, seq }: { readonly stream: string; readonly seq: number }): string {
  return `${stream} ${seq}`;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
