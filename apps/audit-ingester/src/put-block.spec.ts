import type { Block } from '@flow-mcp/clickhouse';
import { FRESH_MS, putBlock, type BlockStore } from './put-block.js';

const T0 = 1_700_000_000_000;
const fact = { subject: 's', seq: 1, storedAtMs: T0, payload: new Uint8Array(), headers: [] };
const block: Block = { stream: { stream: 'LEDGER', createdAt: T0 }, facts: [fact] };

/** What is asked of a store that has the block, or not. */
async function asked(has: boolean, nowMs: number): Promise<string[]> {
  const calls: string[] = [];
  const store: BlockStore = {
    hasBlock: async () => calls.push('has') > 0 && has,
    insertBlock: async () => void calls.push('insert'),
  };
  await putBlock(store, block, nowMs);
  return calls;
}

test('a fresh block is sent without a look', async () => {
  expect(await asked(true, T0 + FRESH_MS - 1)).toEqual(['insert']);
});

test('a block that is not fresh is sent only if it is not there: ClickHouse may have forgotten its token', async () => {
  expect(await asked(true, T0 + FRESH_MS)).toEqual(['has']);
  expect(await asked(false, T0 + FRESH_MS)).toEqual(['has', 'insert']);
});

test('a clock that is behind makes us look, not double', async () => {
  expect(await asked(true, T0 - FRESH_MS)).toEqual(['has']);
});
