import { callSubject, termsOf } from '@flow-mcp/contracts';
import { Admission } from './admission.js';
import { Cancellations } from './cancellations.js';
import { Entrance } from './entrance.js';
import { ALICE, CALL_ID, FLOW, NOW } from './testing/world.js';

const call = { flow: FLOW, callId: CALL_ID, actor: ALICE };
const spec = { url: 'https://plural.example', limits: { concurrency: 1, queue: 1 } };
const server = {
  generation: 1,
  terms: termsOf({
    apiVersion: 'deployments.plural.sh/v1alpha1',
    kind: 'MCPServer',
    metadata: { name: 'plural' },
    spec,
  }),
};

/** An entrance whose one place is taken. */
async function fullEntrance() {
  const [cancellations, draining, admission] = [new Cancellations(), new AbortController(), new Admission(() => 0)];
  const clock = { brokerMs: () => NOW, wallMs: () => NOW, monotonicMs: () => 0 };
  const entrance = new Entrance(admission, cancellations, clock, draining.signal);
  const slot = await entrance.enter(call, server, NOW + 60_000);
  return { entrance, slot, cancellations, draining, admission };
}

test('a call that waits gets the place that is given back', async () => {
  const { entrance, slot, admission } = await fullEntrance();
  const waiting = entrance.enter(call, server, NOW + 60_000);
  slot.release();
  (await waiting).release();
  expect(admission.load).toEqual({ running: 0, waiting: 0 });
});

test('a full queue, a deadline and a cancel end the waiting, each with its own code', async () => {
  const { entrance, cancellations, admission } = await fullEntrance();
  await expect(entrance.enter(call, server, NOW)).rejects.toMatchObject({ code: 'ERR_DEADLINE_PASSED' });
  const waiting = entrance.enter(call, server, NOW + 60_000);
  await expect(entrance.enter(call, server, NOW + 60_000)).rejects.toMatchObject({ code: 'ERR_BUSY' });
  cancellations.cancel(callSubject(FLOW, CALL_ID, 'cancel'));
  await expect(waiting).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
  await expect(entrance.enter(call, server, NOW + 60_000)).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
  expect(admission.load).toEqual({ running: 1, waiting: 0 });
});

test('when the service stops, a waiting call is given to another replica at once', async () => {
  const { entrance, draining } = await fullEntrance();
  const waiting = entrance.enter(call, server, NOW + 60_000);
  draining.abort();
  await expect(waiting).rejects.toMatchObject({ name: 'RetryableError', retryAfterMs: 0 });
});
