// Reads what happened from the streams and from ClickHouse, as somebody who only looks.

import { STREAMS, type StreamName } from '@flow-mcp/contracts';
import { connectBroker, createLedger, follow, type BrokerConnection } from '@flow-mcp/messaging';
import type { CountingServer, Stack } from '@flow-mcp/testing';
import { eventually } from './eventually.js';
import type { History, HistoryCall, HistoryFact, HistoryRow } from './history.js';

const RECORDED: readonly StreamName[] = ['LEDGER', 'REGISTRY'];

/** See the head of this file. */
export class Auditor {
  readonly #stack: Stack;
  readonly #broker: BrokerConnection;

  private constructor(stack: Stack, broker: BrokerConnection) {
    this.#stack = stack;
    this.#broker = broker;
  }

  static async connect(stack: Stack): Promise<Auditor> {
    const report = (): void => undefined;
    return new Auditor(stack, await connectBroker({ ...stack.login('audit-ingester'), name: 'auditor', report }));
  }

  /** Everything, once ClickHouse has every fact that is stored now. */
  async history(counting: Pick<CountingServer, 'executions'>): Promise<History> {
    const streams = await Promise.all(RECORDED.map((stream) => this.#facts(stream)));
    const facts = streams.flat();
    await this.#caughtUp();
    const [rows, calls] = await Promise.all([this.#rows(), this.#calls()]);
    return { facts, rows, calls, executions: await counting.executions() };
  }

  /** Sequence of the last fact of a stream. */
  async lastSeq(stream: StreamName): Promise<number> {
    return (await createLedger(this.#broker, stream).state()).lastSeq;
  }

  /** The row of a call, once it has an outcome. */
  async callRow(callId: string): Promise<CallRow> {
    const sql = `SELECT * FROM calls WHERE call_id = '${callId}'`;
    const [row] = await eventually(
      () => this.#stack.clickhouse.query<CallRow>(sql),
      ([found]) => (found?.outcome ?? '') !== '',
    );
    return row!;
  }

  /** The facts of a call in the order of `ledger`. */
  async factRows(callId: string): Promise<{ readonly fact: string; readonly payload: Record<string, unknown> }[]> {
    const sql = `SELECT fact, payload FROM ledger WHERE call_id = '${callId}' ORDER BY seq`;
    const rows = await this.#stack.clickhouse.query<{ fact: string; payload: string }>(sql);
    return rows.map(({ fact, payload }) => ({ fact, payload: JSON.parse(payload) as Record<string, unknown> }));
  }

  close(): Promise<void> {
    return this.#broker.close();
  }

  async #facts(stream: StreamName): Promise<HistoryFact[]> {
    const facts: HistoryFact[] = [];
    const ended = new AbortController();
    const following = follow(this.#broker, stream, {
      filter: STREAMS[stream].subject,
      fromSeq: 1,
      onFact: ({ seq, subject, storedAtMs, payload }) => void facts.push({ stream, seq, subject, storedAtMs, payload }),
      onCaughtUp: () => ended.abort(),
      signal: ended.signal,
    });
    await following.done;
    return facts;
  }

  /** Until `ledger` holds every fact that is stored now, and `calls`, which is made from it, has seen them all. */
  async #caughtUp(): Promise<void> {
    for (const stream of RECORDED) await this.#holds(stream, `uniqExact(seq) FROM ledger WHERE stream = '${stream}'`);
    await this.#holds('LEDGER', 'sum(length(seqs)) FROM call_states FINAL');
  }

  async #holds(stream: StreamName, count: string): Promise<void> {
    const lastSeq = await this.lastSeq(stream);
    await eventually(
      () => this.#stack.clickhouse.query<{ held: number }>(`SELECT ${count.replace(' FROM', ' AS held FROM')}`),
      ([found]) => Number(found?.held) >= lastSeq,
    );
  }

  #rows(): Promise<HistoryRow[]> {
    return this.#stack.clickhouse.query(
      `SELECT stream, seq, subject, toUnixTimestamp64Milli(stored_at) AS storedAtMs, headers,
         lower(hex(SHA256(payload))) AS sha256 FROM ledger ORDER BY stream, seq`,
    );
  }

  #calls(): Promise<HistoryCall[]> {
    return this.#stack.clickhouse.query('SELECT flow, call_id AS callId, outcome, facts FROM calls');
  }
}

/** A row of the view `calls`, as far as specs look at it. */
export interface CallRow {
  readonly outcome: string;
  readonly code: string;
  readonly actor: string;
  readonly decision: string;
  readonly voters: readonly string[];
  readonly attempts: number;
  readonly facts: number;
  readonly result_bytes: number;
  readonly result_object: string;
}
