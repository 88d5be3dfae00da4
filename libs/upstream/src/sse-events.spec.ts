import fc from 'fast-check';
import { readEvents, StreamBudget, type SseItem } from './sse-events.js';

const LIMITS = { eventBytesMax: 1_000, eventsMax: 50, bytesMax: 10_000 };

async function* chunksOf(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function read(text: string, sizes: readonly number[] = [64], limits = LIMITS): Promise<readonly SseItem[]> {
  const items: SseItem[] = [];
  for await (const item of readEvents(chunksOf(new TextEncoder().encode(text), sizes), new StreamBudget(limits)))
    items.push(item);
  return items;
}

describe('readEvents', () => {
  it('reads the same events however the bytes arrive', async () => {
    const data = fc.array(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).map((text) => text.replace(/[\r\n]/g, '_')),
      { maxLength: 20 },
    );
    await fc.assert(
      fc.asyncProperty(data, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), async (texts, sizes) => {
        const stream = texts.map((text, index) => `id: ${index}\ndata: ${text}\n\n`).join('');
        const items = await read(stream, sizes);
        expect(items.map((item) => item.kind === 'event' && [item.id, item.data])).toEqual(
          texts.map((text, index) => [String(index), text]),
        );
      }),
      { numRuns: 200 },
    );
  });

  it('knows types, retry, comments and every line end', async () => {
    expect(await read(': hi\r\nevent: endpoint\rdata: /a\r\r\nretry: 70\n\ndata: x\ndata: y\n\n')).toEqual([
      { kind: 'event', type: 'endpoint', data: '/a', id: undefined },
      { kind: 'retry', afterMs: 70 },
      { kind: 'event', type: 'message', data: 'x\ny', id: undefined },
    ]);
  });

  it('yields no event that was cut off', async () => {
    expect(await read('data: whole\n\ndata: ha')).toHaveLength(1);
  });

  it.each([
    ['too large an event in one piece', `data: ${'x'.repeat(1_100)}\n\n`, 5_000],
    ['too large an event in pieces', `data: ${'x'.repeat(1_100)}\n\n`, 100],
    ['an event of too many lines', 'data: xxxxxxxxxx\n'.repeat(200), 64],
    ['too many events', 'data: x\n\n'.repeat(51), 64],
    ['too many bytes', ': comment\n'.repeat(1_100), 64],
  ])('refuses %s', async (_, text, size) => {
    await expect(read(text, [size])).rejects.toMatchObject({ code: 'ERR_UPSTREAM_TOO_LARGE' });
  });

  it('starts to count anew when something useful has arrived', async () => {
    const budget = new StreamBudget(LIMITS);
    for (let turn = 0; turn < 500; turn++) {
      budget.spendBytes(100);
      budget.spendEvent(100);
      budget.spendRequest();
      if (turn % 10 === 0) budget.renew();
    }
    expect(() => budget.spendBytes(LIMITS.bytesMax)).toThrow('bytes in one stream');
  });
});
