// Puts one block into ClickHouse, once.
//
// ClickHouse forgets tokens after 10,000 blocks. A block that is not fresh — after an outage, a pause, a restart — may
// have been put there by another replica so long ago, so it is looked for first. That is also the quicker way to catch
// up with a replica that is ahead.

import type { Block, ClickHouse } from '@flow-mcp/clickhouse';
import type { EpochMs } from '@flow-mcp/kernel';

/** How old a block's facts may be to be sent without a look, in milliseconds. */
export const FRESH_MS = 5_000;

/** What it takes. */
export type BlockStore = Pick<ClickHouse, 'hasBlock' | 'insertBlock'>;

/** @param nowMs our wall clock: when it is far off, blocks are looked for more often than they need be */
export async function putBlock(store: BlockStore, block: Block, nowMs: EpochMs): Promise<void> {
  const isFresh = Math.abs(nowMs - (block.facts[0]?.storedAtMs ?? 0)) < FRESH_MS;
  if (!isFresh && (await store.hasBlock(block))) return;
  await store.insertBlock(block);
}
