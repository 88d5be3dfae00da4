// The running system as the tour uses it: people who sign in, calls through a Flow, and the trail in ClickHouse.

import {
  connectFlowMcp,
  type CallOutcome,
  type CallRequest,
  type CallOptions,
  type Flow,
  type FlowMcp,
} from '@flow-mcp/client';
import { signInDevelopment } from '@flow-mcp/identity';
import type { Stack } from '@flow-mcp/testing';
import { setTimeout as sleep } from 'node:timers/promises';

/** Somebody whom the development issuer knows. */
export type PersonName = 'alice' | 'bob' | 'carol' | 'dave' | 'root';

/** A row of ClickHouse's `calls`, as far as the tour shows it. */
export interface CallRow {
  readonly outcome: string;
  readonly code: string;
  readonly actor: string;
  readonly server: string;
  readonly tool: string;
  readonly rule: string;
  readonly decision: string;
  readonly voters: readonly string[];
  readonly upstream_ms: number | null;
}

/** A call with the time it took and its row. */
export interface MadeCall {
  readonly outcome: CallOutcome;
  readonly ms: number;
  readonly row: CallRow;
}

const ROW_WITHIN_MS = 20_000;
const COLUMNS = 'outcome, code, actor, server, tool, rule, decision, voters, upstream_ms';
const FLOW = 'payments';

/** See the file's header. */
export class System {
  readonly stack: Stack;
  readonly mcp: FlowMcp;
  readonly #flows = new Map<PersonName, Flow>();

  private constructor(stack: Stack, mcp: FlowMcp) {
    this.stack = stack;
    this.mcp = mcp;
  }

  static async connect(stack: Stack): Promise<System> {
    return new System(stack, await connectFlowMcp(stack.login('chat')));
  }

  token(person: PersonName): () => Promise<string> {
    return () => signInDevelopment(this.stack.issuer, person);
  }

  flow(person: PersonName): Flow {
    const flow = this.#flows.get(person) ?? this.mcp.flow(FLOW, this.token(person));
    this.#flows.set(person, flow);
    return flow;
  }

  /** Makes a call and waits for its row in ClickHouse. */
  async call(person: PersonName, request: CallRequest, options: CallOptions = {}): Promise<MadeCall> {
    const startedMs = performance.now();
    const outcome = await this.flow(person).call(request, options);
    const ms = performance.now() - startedMs;
    return { outcome, ms, row: await this.row(outcome.callId) };
  }

  /** A settled call's row. @throws when the audit has not caught up within twenty seconds */
  async row(callId: string): Promise<CallRow> {
    const deadlineMs = performance.now() + ROW_WITHIN_MS;
    for (;;) {
      const [row] = await this.stack.clickhouse.query<CallRow>(
        `SELECT ${COLUMNS} FROM calls WHERE call_id = '${callId}' AND outcome != ''`,
      );
      if (row !== undefined) return row;
      if (performance.now() > deadlineMs) throw new Error(`Call ${callId} is not in ClickHouse after twenty seconds.`);
      await sleep(100);
    }
  }

  async close(): Promise<void> {
    await this.mcp.close();
  }
}
