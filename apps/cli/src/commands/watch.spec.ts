import { RPCS } from '@flow-mcp/contracts';
import { pressCtrlC, shell } from '../testing/shell.js';

describe('watch', () => {
  test('goes on from where it was, and ends with Ctrl-C', async () => {
    const change = { seq: 12, kind: 'Flow', name: 'payments', generation: 1, change: 'applied', diff: ['Created.'] };
    const pages: unknown[] = [
      { changes: [change], seq: 12 },
      { changes: [], seq: 13 },
    ];
    const answers = {
      get [RPCS.watch.subject]() {
        if (pages.length === 1) setImmediate(pressCtrlC);
        return pages.shift() ?? new Promise(() => undefined);
      },
    };
    const { code, out, asked } = await shell('watch flows --since-seq 0', { answers });
    expect({ code, out }).toEqual({ code: 0, out: '12  Flow payments applied (generation 1)\n    Created.\n' });
    expect(asked.slice(0, 2)).toEqual([
      ['registry.watch', { kind: 'Flow', waitMs: 5_000, sinceSeq: 0 }],
      ['registry.watch', { kind: 'Flow', waitMs: 5_000, sinceSeq: 12 }],
    ]);
  });
});
