import type { RecordedFact } from '@flow-mcp/clickhouse';
import fc from 'fast-check';
import { BLOCK_BYTES_MAX, BLOCK_SEQS, BlockCutter, GAP_MS, WINDOW_MS } from './block-cutter.js';

const T0 = 1_700_000_000_000;

function fact(seq: number, storedAtMs = T0, bytes = 1): RecordedFact {
  return { subject: 's', seq, storedAtMs, payload: new Uint8Array(bytes), headers: [] };
}

/** What comes out when all of `facts` is pushed and the rest is closed, as ranges of sequences. */
function cut(facts: readonly RecordedFact[], cutter = new BlockCutter()): string[] {
  const blocks = facts.map((each) => cutter.push(each));
  return [...blocks, cutter.close()].flatMap((block) => (block === undefined ? [] : [rangeOf(block)]));
}

function rangeOf(block: readonly RecordedFact[]): string {
  return `${block[0]?.seq}-${block.at(-1)?.seq}`;
}

describe('C1: a block ends', () => {
  test('with its thousand of sequence numbers', () => {
    const facts = [999, 1000, 1001, 1002].map((seq) => fact(seq));
    expect(cut(facts)).toEqual([`999-${BLOCK_SEQS}`, '1001-1002']);
  });

  test('with its window of the broker’s clock, forwards or backwards', () => {
    const times = [WINDOW_MS - 2, WINDOW_MS - 1, WINDOW_MS, WINDOW_MS - 1];
    expect(cut(times.map((at, i) => fact(i + 1, T0 + at)))).toEqual(['1-2', '3-3', '4-4']);
  });

  test('with a gap', () => {
    const times = [0, GAP_MS - 1, GAP_MS, 2 * GAP_MS];
    expect(cut(times.map((at, i) => fact(i + 1, T0 + at)))).toEqual(['1-3', '4-4']);
  });

  test('before it becomes too large, and a fact that is too large stands alone', () => {
    const half = BLOCK_BYTES_MAX / 2;
    const facts = [fact(1, T0, half), fact(2, T0, half), fact(3), fact(4, T0, BLOCK_BYTES_MAX + 1), fact(5)];
    expect(cut(facts)).toEqual(['1-2', '3-3', '4-4', '5-5']);
  });
});

test('nothing is open before the first fact and after closing', () => {
  const cutter = new BlockCutter();
  expect(cutter.close()).toBeUndefined();
  cutter.push(fact(7));
  expect(cutter.lastSeq).toBe(7);
  cutter.close();
  expect(cutter.lastSeq).toBeUndefined();
});

test('C3: what is stored is cut as it is stored, and after it the rules hold', () => {
  const at = T0 + WINDOW_MS;
  const facts = [fact(999), fact(1000), fact(1001, at), fact(1002, at), fact(1003, at + GAP_MS)];
  expect(cut(facts, new BlockCutter(1001))).toEqual(['999-1001', '1002-1002', '1003-1003']);
});

test('a day begins with a window, so a block never lies in two partitions', () => {
  expect(86_400_000 % WINDOW_MS).toBe(0);
});

/** Facts as a broker stores them: sequences without gaps, a clock that mostly goes forward. */
const streams = fc
  .tuple(
    fc.integer({ min: 1, max: 3000 }),
    fc.array(fc.tuple(fc.integer({ min: -5, max: 400 }), fc.constantFrom(1, 10, BLOCK_BYTES_MAX / 3)), {
      maxLength: 60,
    }),
  )
  .map(([first, steps]) => {
    let at = T0;
    return steps.map(([pauseMs, bytes], i) => fact(first + i, (at += pauseMs), bytes));
  });

test('C1, C2: every replica cuts alike, wherever it closes a block before a gap', () => {
  fc.assert(
    fc.property(streams, fc.infiniteStream(fc.boolean()), (facts, coins) => {
      const cutter = new BlockCutter();
      const ranges: string[] = [];
      for (const [i, each] of facts.entries()) {
        const before = facts[i - 1];
        const isGap = before !== undefined && each.storedAtMs - before.storedAtMs >= GAP_MS;
        const closed = isGap && coins.next().value === true ? cutter.close() : undefined;
        for (const block of [closed, cutter.push(each)]) if (block !== undefined) ranges.push(rangeOf(block));
      }
      const rest = cutter.close();
      expect(rest === undefined ? ranges : [...ranges, rangeOf(rest)]).toEqual(cut(facts));
    }),
  );
});

test('C1, C3: a replica that starts again at any block goes on with the same blocks', () => {
  fc.assert(
    fc.property(streams, fc.nat(), (facts, pick) => {
      const ranges = cut(facts);
      if (ranges.length === 0) return;
      const at = pick % ranges.length;
      const [first = 0, last = 0] = (ranges[at] ?? '').split('-').map(Number);
      const rest = facts.filter(({ seq }) => seq >= first);
      expect(cut(rest, new BlockCutter(last))).toEqual(ranges.slice(at));
    }),
  );
});

test('no fact is lost or doubled, and no block is empty', () => {
  fc.assert(
    fc.property(streams, (facts) => {
      const cutter = new BlockCutter();
      const blocks = [...facts.map((each) => cutter.push(each)), cutter.close()].filter((block) => block !== undefined);
      expect(blocks.flat()).toEqual(facts);
      expect(blocks.every((block) => block.length > 0)).toBe(true);
    }),
  );
});
