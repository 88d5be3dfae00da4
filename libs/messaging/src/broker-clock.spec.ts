import { RefusedError, RetryableError } from '@flow-mcp/kernel';
import { BrokerClock } from './broker-clock.js';

const answers = (brokerMs: number, tookMs: number) => () =>
  Promise.resolve({ brokerMs, askedAtMs: 1_000, answeredAtMs: 1_000 + tookMs });

test('the broker’s time goes by our clock and the difference that was read', async () => {
  const clock = new BrokerClock(answers(61_005, 10), () => 2_000);
  expect([clock.isSet, clock.nowMs()]).toEqual([false, 2_000]);
  expect(await clock.adjust()).toBe(true);
  expect([clock.isSet, clock.nowMs()]).toEqual([true, 62_000]);
});

test('an answer that took too long says nothing about the time', async () => {
  const clock = new BrokerClock(answers(61_000, 600), () => 2_000);
  expect(await clock.adjust()).toBe(false);
  expect([clock.isSet, clock.nowMs()]).toEqual([false, 2_000]);
});

test('it is read until it is known, however long the broker is away; a refusal ends that', async () => {
  const signal = new AbortController();
  const away = new BrokerClock(() => {
    queueMicrotask(() => signal.abort());
    return Promise.reject(new RetryableError('ERR_BROKER_UNAVAILABLE', 'away'));
  });
  await expect(away.run(signal.signal)).resolves.toBeUndefined();
  const refused = new BrokerClock(() => Promise.reject(new RefusedError('ERR_NOT_PERMITTED', 'no')));
  await expect(refused.run(new AbortController().signal)).rejects.toMatchObject({ code: 'ERR_NOT_PERMITTED' });
});
