import { callSubject } from '@flow-mcp/contracts';
import { Cancellations } from './cancellations.js';
import { CALL_ID } from './testing/world.js';

const call = { flow: 'payments', callId: CALL_ID };
const subject = callSubject(call.flow, CALL_ID, 'cancel');

test('a cancel stops the call, whether it comes before or after the watching', () => {
  const cancellations = new Cancellations();
  const before = cancellations.watch(call);
  cancellations.cancel(subject);
  expect([before.signal.aborted, cancellations.watch(call).signal.aborted]).toEqual([true, true]);
});

test('a call of another Flow with the same id is another call', () => {
  const cancellations = new Cancellations();
  cancellations.cancel(callSubject('other', CALL_ID, 'cancel'));
  expect(cancellations.watch(call).signal.aborted).toBe(false);
});

test.each(['flowmcp.v1.calls.payments.junk.cancel', 'flowmcp.v1.calls.A_.x.cancel', 'x'])(
  'a cancel of what is no call (%s) changes nothing and throws nothing: it would end the reading of the connection',
  (hostile) => {
    const cancellations = new Cancellations();
    cancellations.cancel(hostile);
    expect(cancellations.watch(call).signal.aborted).toBe(false);
  },
);
