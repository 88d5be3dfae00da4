// The table `ledger`: inserting blocks, and where to go on after a restart.

import { blockToken, callOf, ledgerRows, type Block, type StreamIdentity } from './block.js';
import type { Connection } from './connection.js';

/** How far a stream lies in ClickHouse. */
export interface Position {
  /** End of the rows without a gap; `firstSeq - 1` when there are none. */
  readonly lastSeq: number;
  /**
   * Where to go on. The last block is inserted once more: should ClickHouse have died within it, its rows may be in
   * `ledger` and not yet in `calls`, and repeating a block puts in what is missing and nothing else.
   */
  readonly resumeSeq: number;
}

/** Inserts a block; once for one block, however often it is sent. @throws RetryableError `ERR_DATABASE_UNAVAILABLE` */
export async function insertBlock(connection: Connection, block: Block): Promise<void> {
  const rows = ledgerRows(block);
  if (rows.length > 0) await connection.insertBlock('ledger', rows, blockToken(block.stream, rows));
}

/** The row behind which the next is missing. Rows that stand twice are no gap. */
const PREFIX_END = `
SELECT seq AS lastSeq, block_first AS blockFirst
FROM
(
    SELECT seq, block_first,
        leadInFrame(seq, 1, 0) OVER (ORDER BY seq ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS next,
        min(seq) OVER () AS first
    FROM ledger
    WHERE stream = {stream:String} AND stream_created = fromUnixTimestamp64Milli({createdAt:Int64}, 'UTC')
      AND seq >= {firstSeq:UInt64}
)
WHERE first = {firstSeq:UInt64} AND next NOT IN (seq, seq + 1)
ORDER BY seq
LIMIT 1`;

/**
 * How far `stream` lies in ClickHouse without a gap, from `firstSeq` on: the first that the stream still holds, since
 * what was trimmed had been proved present. Never the highest sequence: a replica that runs ahead leaves a gap.
 */
export async function position(connection: Connection, stream: StreamIdentity, firstSeq: number): Promise<Position> {
  const [end] = await connection.select<{ lastSeq: number; blockFirst: number }>(PREFIX_END, { ...stream, firstSeq });
  if (end === undefined) return { lastSeq: firstSeq - 1, resumeSeq: firstSeq };
  // A block whose beginning is gone from the stream can not be cut again; it is old enough to be proved whole.
  return { lastSeq: end.lastSeq, resumeSeq: end.blockFirst >= firstSeq ? end.blockFirst : end.lastSeq + 1 };
}

const BLOCK_FOUND = `
SELECT
    (
        SELECT uniqExact(seq) FROM ledger
        WHERE stream = {stream:String} AND stream_created = fromUnixTimestamp64Milli({createdAt:Int64}, 'UTC')
          AND seq BETWEEN {first:UInt64} AND {last:UInt64}
    ) AS rows,
    (SELECT count() FROM call_states WHERE call_id = {callId:String} AND has(seqs, {last:UInt64})) AS inCalls`;

/** Whether a block is there already, whole: its rows, and what `calls` makes of them, which comes last and as one. */
export async function hasBlock(connection: Connection, { stream, facts }: Block): Promise<boolean> {
  const last = facts.at(-1);
  const params = { ...stream, first: facts[0]?.seq, last: last?.seq, callId: callOf(last?.subject ?? '').call_id };
  const [found] = await connection.select<{ rows: number; inCalls: number }>(BLOCK_FOUND, params);
  return found?.rows === facts.length && (stream.stream !== 'LEDGER' || found.inCalls > 0);
}
