import { Admission, type Entry, type Slot } from './admission.js';

const never = new AbortController().signal;
const entry = (person: string, over: Partial<Entry> = {}): Entry => ({
  server: 'plural',
  person,
  concurrency: 1,
  queue: 3,
  rate: undefined,
  signal: never,
  ...over,
});
const slot = (given: unknown) => given as Slot;

test('A1: beyond concurrency and queue a call is busy at once', async () => {
  const admission = new Admission(() => 0);
  await admission.enter(entry('alice'));
  for (let waiting = 0; waiting < 3; waiting++) void admission.enter(entry('alice'));
  expect(await admission.enter(entry('bob'))).toBe('busy');
  expect(admission.load).toEqual({ running: 1, waiting: 3 });
});

test('A2: people take turns', async () => {
  const admission = new Admission(() => 0);
  const first = slot(await admission.enter(entry('alice')));
  const order: string[] = [];
  const wait = (person: string, label: string) =>
    admission.enter(entry(person)).then((given) => {
      order.push(label);
      slot(given).release();
    });
  const all = [wait('alice', 'alice 1'), wait('alice', 'alice 2'), wait('bob', 'bob 1')];
  first.release();
  await Promise.all(all);
  expect(order).toEqual(['alice 1', 'bob 1', 'alice 2']);
});

test('A3: releasing twice gives one place back', async () => {
  const admission = new Admission(() => 0);
  const first = slot(await admission.enter(entry('alice')));
  const second = admission.enter(entry('bob'));
  const third = admission.enter(entry('carol'));
  first.release();
  first.release();
  await second;
  expect(admission.load).toEqual({ running: 1, waiting: 1 });
  slot(await second).release();
  await third;
});

test('who stops waiting leaves the queue', async () => {
  const admission = new Admission(() => 0);
  const first = slot(await admission.enter(entry('alice')));
  const controller = new AbortController();
  const waiting = admission.enter(entry('bob', { signal: controller.signal }));
  controller.abort();
  expect(await waiting).toBe('aborted');
  first.release();
  expect(admission.load).toEqual({ running: 0, waiting: 0 });
});

test('servers do not wait for one another', async () => {
  const admission = new Admission(() => 0);
  await admission.enter(entry('alice'));
  expect(typeof (await admission.enter(entry('alice', { server: 'other' })))).toBe('object');
});

test("a person's rate refills with time and is nobody else's", async () => {
  let nowMs = 0;
  const admission = new Admission(() => nowMs);
  const rated = (person: string) =>
    admission.enter(entry(person, { concurrency: 100, rate: { count: 2, perMs: 60_000 } }));
  await rated('alice');
  await rated('alice');
  expect(await rated('alice')).toBe('rate_limited');
  expect(typeof (await rated('bob'))).toBe('object');
  nowMs = 30_000;
  expect(typeof (await rated('alice'))).toBe('object');
  expect(await rated('alice')).toBe('rate_limited');
});
