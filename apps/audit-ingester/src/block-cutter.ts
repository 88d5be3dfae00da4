// Where a stream is cut into the blocks that are inserted as one.
//
//   C1. A block ends where the facts say so, never where a clock of ours or the arrival of messages does: a fact of
//       another thousand of sequence numbers, of another second by the broker's clock, one that was stored a quarter
//       of a second after the last, or one that would make the block too large, begins the next. So every replica cuts
//       alike, and ClickHouse knows a repeated block.
//   C2. The last block may be ended before its successor is there, once that can only come after such a gap (`close`).
//   C3. What lies in ClickHouse already is cut as it lies there, whatever the rules were when it was cut.

import type { RecordedFact } from '@flow-mcp/clickhouse';

/** Facts of one thousand: 1 to 1000, 1001 to 2000, … */
export const BLOCK_SEQS = 1000;

/** Facts of one second of the broker's clock. It divides a day, so a block never lies in two partitions. */
export const WINDOW_MS = 1000;

/** A pause between two facts that ends a block: rare facts need not wait for the end of their second. */
export const GAP_MS = 250;

/** Payloads of one block; a single larger fact is a block of its own. */
export const BLOCK_BYTES_MAX = 4 * 1024 * 1024;

/** Cuts one stream. */
export class BlockCutter {
  private open: RecordedFact[] = [];
  private openBytes = 0;
  private readonly storedUpTo: number;

  /** @param storedUpTo end of the block in ClickHouse at whose first fact the reading starts; 0 for none (C3) */
  constructor(storedUpTo = 0) {
    this.storedUpTo = storedUpTo;
  }

  /** Sequence of the last fact of the open block; `undefined` when there is none. */
  get lastSeq(): number | undefined {
    return this.open.at(-1)?.seq;
  }

  /** Takes the next fact; returns the block that it ends, if it does. */
  push(fact: RecordedFact): readonly RecordedFact[] | undefined {
    const last = this.open.at(-1);
    const ended = last !== undefined && this.beginsBlock(fact, last) ? this.close() : undefined;
    this.open.push(fact);
    this.openBytes += fact.payload.byteLength;
    return ended;
  }

  /** Ends the open block, if there is one. Only when whatever follows comes after a gap (C2). */
  close(): readonly RecordedFact[] | undefined {
    const ended = this.open;
    this.open = [];
    this.openBytes = 0;
    return ended.length === 0 ? undefined : ended;
  }

  /** C1 and C3. */
  private beginsBlock(fact: RecordedFact, last: RecordedFact): boolean {
    if (last.seq <= this.storedUpTo) return fact.seq > this.storedUpTo;
    return (
      thousandOf(fact) !== thousandOf(last) ||
      windowOf(fact) !== windowOf(last) ||
      fact.storedAtMs - last.storedAtMs >= GAP_MS ||
      this.openBytes + fact.payload.byteLength > BLOCK_BYTES_MAX
    );
  }
}

function thousandOf({ seq }: RecordedFact): number {
  return Math.floor((seq - 1) / BLOCK_SEQS);
}

function windowOf({ storedAtMs }: RecordedFact): number {
  return Math.floor(storedAtMs / WINDOW_MS);
}
