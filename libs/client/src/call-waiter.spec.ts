import { settledV1, encode } from '@flow-mcp/contracts';
import { MessageHeaders } from '@flow-mcp/messaging';
import { CallWaiter } from './call-waiter.js';

const call = { flow: 'payments', callId: '01932c6e-7d5a-7c3f-9b1e-2f4a6c8e0d12' };
const headers = new MessageHeaders();
const unreadable = { payload: Buffer.from([0xff]), headers };

function waiter() {
  const reports: string[] = [];
  const ledger = { read: async () => undefined };
  return { reports, waiter: new CallWaiter(call, { ledger, report: (message) => void reports.push(message) }, {}) };
}

test.each(['verdict', 'decided'] as const)(
  '4: an unreadable %s is reported, and the outcome comes all the same',
  async (fact) => {
    const { waiter: waiting, reports } = waiter();
    waiting.take(fact, unreadable);
    waiting.take('settled', { payload: encode(settledV1, { outcome: 'denied', attempt: 0 }), headers });
    expect(await waiting.outcome).toMatchObject({ ...call, outcome: 'denied' });
    expect(reports).toHaveLength(1);
  },
);

test('4: an unreadable outcome ends the waiting', async () => {
  const { waiter: waiting } = waiter();
  waiting.take('settled', unreadable);
  await expect(waiting.outcome).rejects.toMatchObject({ code: 'ERR_MESSAGE_INVALID' });
});
