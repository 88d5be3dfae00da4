import { RPCS, type PendingCall } from '@flow-mcp/contracts';
import { CALL_ID, DIGEST, ESCAPE, NOW, held, shell } from '../testing/shell.js';

const pendingCall: PendingCall = {
  ...held,
  approvers: [...held.approvers],
  flow: 'payments',
  arguments: { user: 'ada', note: ESCAPE },
  accepted: 0,
  heldAtMs: NOW,
  mayDecide: true,
};

describe('pending, accept, decline, cancel', () => {
  const answers = { [RPCS.pending.subject]: { calls: [pendingCall] } };

  test('shows what a person decides on, harmlessly', async () => {
    const { out } = await shell('pending', { answers });
    expect(out).toContain(`${CALL_ID}  payments · plural · set_payment_plan  14m 59s left\n`);
    expect(out).toContain('1 acceptance, 0 so far; group sre; not the requester');
    expect(out).toContain('"note": "\\u001b[2J"');
    expect(out).not.toContain('\u001b');
  });

  test('accept finds the call by the beginning of its id, and votes on what was shown', async () => {
    const { code, out, err, asked } = await shell('accept 01932C6E --reason agreed', { answers });
    expect(asked.at(-1)).toEqual({
      flow: 'payments',
      decide: { callId: CALL_ID, digest: DIGEST, vote: 'accept', reason: 'agreed' },
    });
    expect(err).toContain('set_payment_plan');
    expect({ code, out }).toEqual({ code: 0, out: 'Accepted: the call runs.\n' });
  });

  test('an id that names no call, or several, votes on none', async () => {
    const two = {
      [RPCS.pending.subject]: { calls: [pendingCall, { ...pendingCall, callId: `${CALL_ID.slice(0, -1)}3` }] },
    };
    expect(await shell('decline ffff', { answers })).toMatchObject({ code: 1, asked: [expect.anything()] });
    expect(await shell('decline 01932c6e', { answers: two })).toMatchObject({ code: 2, asked: [expect.anything()] });
  });

  test('cancel finds the Flow of a held call, and needs to be told that of another', async () => {
    expect((await shell('cancel 01932c6e', { answers })).asked.at(-1)).toMatchObject({
      flow: 'payments',
      cancel: CALL_ID,
    });
    const none = { [RPCS.pending.subject]: { calls: [] } };
    expect(await shell(`cancel ${CALL_ID}`, { answers: none })).toMatchObject({ code: 2 });
    expect((await shell(`cancel ${CALL_ID} --flow support`)).asked).toMatchObject([
      { flow: 'support', cancel: CALL_ID },
    ]);
  });
});
