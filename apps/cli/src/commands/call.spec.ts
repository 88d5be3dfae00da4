import type { CallOutcome, Flow } from '@flow-mcp/client';
import { CTRL_C } from '../io.js';
import { CALL_ID, DIGEST, ESCAPE, held, outcomeOf, pressCtrlC, shell } from '../testing/shell.js';

describe('call', () => {
  const settles = (more: Partial<CallOutcome>): Partial<Flow> => ({ call: async () => outcomeOf(more) });
  const text = `fine ${ESCAPE}`;

  test('sends what it was told, and prints the content on stdout alone', async () => {
    const calls: unknown[] = [];
    const call: Flow['call'] = async (request, { onRequested, onProgress } = {}) => {
      calls.push(request);
      onRequested?.(CALL_ID);
      onProgress?.({ progress: 1, total: 2, message: `half${ESCAPE}` });
      return outcomeOf({ upstreamMs: 12, result: { content: [{ type: 'text', text }] } });
    };
    const line =
      'call set --server plural --flow payments --args {"a":1} --arg user=ada --reason asked --start-within 5s';
    const { code, out, err } = await shell(line, { flow: { call } });
    expect(calls).toEqual([
      { server: 'plural', tool: 'set', arguments: { a: 1, user: 'ada' }, reason: 'asked', startWithinMs: 5_000 },
    ]);
    expect({ code, out }).toEqual({ code: 0, out: 'fine \\u001b[2J\n' });
    expect(err).toBe(`call ${CALL_ID}\n… 1/2 half\\u001b[2J\nsucceeded in 12 ms\n`);
  });

  test.each([
    ['tool_error', 1],
    ['denied', 1],
    ['declined', 1],
    ['expired', 1],
    ['cancelled', 1],
    ['busy', 1],
    ['failed', 1],
    ['unknown', 1],
    ['succeeded', 0],
  ] as const)('%s exits %i and says so', async (outcome, code) => {
    const ended = await shell('call t --flow payments', { flow: settles({ outcome }) });
    expect(ended).toMatchObject({
      code,
      err: expect.stringMatching(new RegExp(`^${outcome}`, 'm')) as string,
      listening: 0,
    });
  });

  test('a large result is fetched', async () => {
    const resultRef = { object: 'o', sha256: DIGEST, bytes: 9 };
    const flow = { ...settles({ resultRef }), result: async () => ({ structuredContent: { large: true } }) };
    const { out } = await shell('call t --flow payments', { flow });
    expect(JSON.parse(out)).toEqual({ large: true });
  });

  test('held: says who may decide and until when, and waits', async () => {
    const call: Flow['call'] = async (_, options = {}) => {
      options.onHeld?.(held);
      options.onRequested?.(CALL_ID); // the broker's receipt may come second
      options.onDecided?.({ decision: 'declined', votes: [], reason: 'not today' });
      return outcomeOf({ outcome: 'declined', code: 'ERR_DECLINED' });
    };
    const { code, err } = await shell('call t --flow payments', { flow: { call } });
    expect(code).toBe(1);
    expect(err.split(`call ${CALL_ID}`)).toEqual(['', expect.stringContaining('group sre; not the requester')]);
    expect(err).toContain('2024-11-14 21:02:37 UTC (14m 59s left)');
    expect(err).toContain(`flow-mcp accept ${CALL_ID}`);
    expect(err).toContain('declined “not today”');
  });

  const waits: Flow['call'] = (_, { onRequested, onHeld, signal } = {}) => {
    onRequested?.(CALL_ID);
    onHeld?.(held);
    return new Promise((resolve) =>
      signal?.addEventListener('abort', () => resolve(outcomeOf({ outcome: 'cancelled' }))),
    );
  };

  test('--no-wait: exits 4 when the call is held, and the call goes on', async () => {
    const { code, err, closed } = await shell('call t --flow payments --no-wait', { flow: { call: waits } });
    expect({ code, closed }).toEqual({ code: 4, closed: 1 });
    expect(err).toContain(`Call ${CALL_ID} goes on.`);
  });

  test.each([
    ['cancels if the person says so', 'c', 1, 'cancelled'],
    ['cancels if there is nobody to ask', undefined, 1, 'cancelled'],
    ['leaves it if the person says so', 'leave', 130, 'goes on'],
    ['leaves it at a second Ctrl-C', CTRL_C, 130, 'goes on'],
  ])('Ctrl-C %s', async (_, question, code, says) => {
    const call: Flow['call'] = (request, options) => {
      setImmediate(pressCtrlC);
      return waits(request, options);
    };
    const world = { flow: { call }, ...(question === undefined ? {} : { question }) };
    const { code: given, err } = await shell('call t --flow payments', world);
    expect({ given, err }).toEqual({ given: code, err: expect.stringContaining(says) as string });
  });
});
