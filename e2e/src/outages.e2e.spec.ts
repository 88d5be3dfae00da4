// The broker, ClickHouse and single replicas are killed (-9) and started again under load.

import { setTimeout as pause } from 'node:timers/promises';
import type { CallOutcome, HeldCall } from '@flow-mcp/client';
import { RetryableError } from '@flow-mcp/kernel';
import { v7 as uuidv7 } from 'uuid';
import { accept } from './approver.js';
import { eventually } from './eventually.js';
import { FOUR_EYES, variantsOf } from './manifests.js';
import { System } from './system.js';

const WORKERS = 8;
const TIMEOUT_MS = 60_000;
const ASK_AGAIN_MS = 100;

let system: System;

beforeAll(async () => {
  const confirmation = { tools: [{ match: 'delete_*', require: true }], ...FOUR_EYES };
  system = await System.start({
    ...{ ackWaitMs: 1_500, runGraceMs: 2_000 },
    replicas: { executor: 2, confirmation: 2, 'audit-ingester': 2 },
    servers: (url) => variantsOf(url, { once: { confirmation, limits: { timeout: '2s' } } }),
  });
}, TIMEOUT_MS);

afterAll(() => system?.stop());

test.each([
  ['broker', () => system.stack.broker],
  ['ClickHouse', () => system.stack.clickhouse],
])(
  'the %s is killed twice under load: every accepted call succeeds, once, and is recorded',
  async (_name, part) => {
    const load = new Load();
    for (let round = 1; round <= 2; round++) {
      await load.progress(WORKERS);
      await part().kill();
      await part().restart();
    }
    await load.progress(WORKERS);
    const outcomes = await load.end();
    expect(outcomes.filter(({ outcome }) => outcome !== 'succeeded')).toEqual([]);
    expect(await system.violations({ unknownMax: 0 })).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  'replicas are killed in turn under load: only calls that ran in one of them are unknown',
  async () => {
    const load = new Load();
    for (const service of ['executor', 'confirmation', 'audit-ingester'] as const) {
      await load.progress(WORKERS);
      await system.stack.replica(service).restart();
    }
    await load.progress(WORKERS);
    const outcomes = await load.end();
    expect(outcomes.filter(({ outcome }) => outcome !== 'succeeded' && outcome !== 'unknown')).toEqual([]);
    expect(await system.violations({ unknownMax: WORKERS })).toEqual([]);
  },
  TIMEOUT_MS,
);

/** Workers that make one call after the other, every second one held, until they are told to end. */
class Load {
  readonly #outcomes: CallOutcome[] = [];
  #ending = false;
  readonly #workers = Array.from({ length: WORKERS }, (_, at) => this.#work(at % 2 === 0 ? 'echo' : 'delete_record'));

  /** Resolves when so many more calls have an outcome. */
  async progress(calls: number): Promise<void> {
    const target = this.#outcomes.length + calls;
    await eventually(
      () => this.#outcomes.length,
      (made) => made >= target,
    );
  }

  async end(): Promise<readonly CallOutcome[]> {
    this.#ending = true;
    await Promise.all(this.#workers);
    return this.#outcomes;
  }

  async #work(tool: string): Promise<void> {
    while (!this.#ending) this.#outcomes.push(await insistOnCall(tool));
  }
}

/** A call by somebody who does not give up: the same call again, until it is known to be stored. */
function insistOnCall(tool: string): Promise<CallOutcome> {
  const callId = uuidv7();
  let decided!: () => void;
  const taken = new Promise<void>((resolve) => (decided = resolve));
  const onHeld = (held: HeldCall): void => void accept(system.flow('bob'), held, taken);
  const request = { server: 'once', tool, arguments: { id: callId } };
  return insist(() => system.flow('alice').call(request, { callId, onHeld, onDecided: decided }));
}

async function insist<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof RetryableError)) throw error;
      await pause(ASK_AGAIN_MS);
    }
  }
}
