// One stream into ClickHouse.
//
//   I1. The position is where ClickHouse's rows end without a gap; there is no other record of it, and no ack.
//   I2. Blocks go in one after the other: a block's successor is sent when ClickHouse has said that it has it. So only
//       the last block can be half there, and it is sent again at every start.
//   I3. A block is sent until ClickHouse has it, the same bytes under the same token (`putBlock`).
//   I4. A block without a successor is ended when the broker, asked a gap and a margin after we received its last fact,
//       has stored nothing since: whatever comes later comes after a gap, for every replica.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Block, ClickHouse, RecordedFact, StreamIdentity } from '@flow-mcp/clickhouse';
import { STREAMS } from '@flow-mcp/contracts';
import { RefusedError, type RetryableError } from '@flow-mcp/kernel';
import { createLedger, follow, type BrokerConnection, type Ledger } from '@flow-mcp/messaging';
import { BlockCutter, GAP_MS } from './block-cutter.js';
import { insist } from './insist.js';
import { putBlock, type BlockStore } from './put-block.js';

/** A margin for clocks that do not run alike. */
const QUIET_MS = GAP_MS + 250;
const WATCH_INTERVAL_MS = 5_000;

/** What an ingester tells. */
export interface IngestReport {
  /** A block is in ClickHouse. */
  readonly inserted: (block: Block) => void;
  /** Something failed that will be tried again. */
  readonly failed: (stream: string, error: RetryableError) => void;
  /** How many facts are stored and not yet in ClickHouse. */
  readonly behind: (stream: string, facts: number) => void;
}

/** What an ingester works with. */
export interface IngesterParts {
  readonly stream: StreamIdentity['stream'];
  readonly broker: BrokerConnection;
  readonly clickhouse: BlockStore & Pick<ClickHouse, 'position'>;
  readonly report: IngestReport;
}

/** See the file's header. */
export class Ingester {
  private readonly parts: IngesterParts;
  private readonly ledger: Ledger;
  /** Aborts with the reason when the ingester cannot go on, or was told to end. */
  private readonly ending = new AbortController();
  private cutter = new BlockCutter();
  private identity!: StreamIdentity;
  private insertedSeq = 0;
  private tail: Promise<void> = Promise.resolve();
  private quiet: NodeJS.Timeout | undefined;

  constructor(parts: IngesterParts) {
    this.parts = parts;
    this.ledger = createLedger(parts.broker, parts.stream);
  }

  /** Ingests until `signal` aborts. @throws RefusedError when it cannot go on */
  async run(signal: AbortSignal): Promise<void> {
    const end = (): void => this.ending.abort();
    signal.addEventListener('abort', end, { once: true });
    try {
      await this.follow(await this.insist(() => this.resume()));
    } catch (error) {
      this.ending.abort(error);
    } finally {
      signal.removeEventListener('abort', end);
      clearTimeout(this.quiet);
    }
    if (!signal.aborted) throw this.ending.signal.reason;
  }

  /** I1: where to go on. */
  private async resume(): Promise<number> {
    const { stream, clickhouse } = this.parts;
    const { createdAt, firstSeq } = await this.ledger.state();
    this.identity = { stream, createdAt };
    const { lastSeq, resumeSeq } = await clickhouse.position(this.identity, Math.max(1, firstSeq));
    this.cutter = new BlockCutter(lastSeq);
    this.insertedSeq = lastSeq;
    return resumeSeq;
  }

  private async follow(fromSeq: number): Promise<void> {
    const { stream, broker } = this.parts;
    const { signal } = this.ending;
    const onFact = (fact: RecordedFact): Promise<void> => this.take(fact);
    const reading = follow(broker, stream, { filter: STREAMS[stream].subject, fromSeq, onFact, signal });
    void this.watch();
    await reading.done;
  }

  private async take(fact: RecordedFact): Promise<void> {
    const ended = this.cutter.push(fact);
    this.closeWhenQuiet();
    if (ended !== undefined) await this.insert(ended);
  }

  private closeWhenQuiet(): void {
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => void this.closeIfQuiet(), QUIET_MS);
  }

  /** I4. */
  private async closeIfQuiet(): Promise<void> {
    const seq = this.cutter.lastSeq;
    if (seq === undefined || this.ending.signal.aborted) return;
    const stored = await this.ledger.state().catch(() => undefined);
    if (this.cutter.lastSeq !== seq) return;
    if (stored?.lastSeq !== seq) return this.closeWhenQuiet();
    const ended = this.cutter.close();
    if (ended !== undefined) await this.insert(ended).catch(() => undefined);
  }

  /** I2. */
  private insert(facts: readonly RecordedFact[]): Promise<void> {
    const block = { stream: this.identity, facts };
    this.tail = this.tail.then(() => this.insertUntilThere(block));
    this.tail.catch((error: unknown) => this.ending.abort(error));
    return this.tail;
  }

  /** I3. */
  private async insertUntilThere(block: Block): Promise<void> {
    const { clickhouse, report } = this.parts;
    await this.insist(() => putBlock(clickhouse, block, Date.now()));
    this.insertedSeq = block.facts.at(-1)?.seq ?? this.insertedSeq;
    report.inserted(block);
  }

  private insist<T>(work: () => Promise<T>): Promise<T> {
    const { stream, report } = this.parts;
    return insist(work, { signal: this.ending.signal, onFailure: (error) => report.failed(stream, error) });
  }

  /** Measures how far behind we are, and notices a stream that was made anew: its facts are others. */
  private async watch(): Promise<void> {
    const { signal } = this.ending;
    while (!signal.aborted) {
      const state = await this.ledger.state().catch(() => undefined);
      if (state !== undefined && state.createdAt !== this.identity.createdAt) this.ending.abort(madeAnew(this.parts));
      if (state !== undefined) this.parts.report.behind(this.parts.stream, state.lastSeq - this.insertedSeq);
      await sleep(WATCH_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

function madeAnew({ stream }: IngesterParts): RefusedError {
  return new RefusedError('ERR_BROKER_NOT_OURS', `The stream ${stream} was made anew; start this service again.`);
}
