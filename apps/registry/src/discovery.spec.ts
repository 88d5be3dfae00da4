import { LIMITS } from '@flow-mcp/contracts';
import { RetryableError } from '@flow-mcp/kernel';
import { Metrics, createLogger } from '@flow-mcp/service-host';
import { Discovery } from './discovery.js';
import type { DiscoveryAnswer, ServerVersion } from './health.js';
import { Offers } from './offers.js';

const timing = { intervalMs: 60_000, backoffMinMs: 1_000, backoffMaxMs: 300_000 };
const healthy = (): DiscoveryAnswer => ({
  health: { reason: 'ok', message: 'words', checkedAtMs: Date.now() },
  tools: [{ name: 'x', inputSchema: { type: 'object' } }],
});

let discovery: Discovery;
afterEach(() => discovery.stop());

/** A discovery whose every question waits until the test answers it. */
function open(concurrency: number) {
  const offers = new Offers();
  const questions: (ServerVersion & { answer: (answer: DiscoveryAnswer) => void; fail: (error: Error) => void })[] = [];
  const saved: string[] = [];
  discovery = new Discovery({
    offers,
    generationOf: (server) => (server === 'gone' ? undefined : 1),
    ask: (version) => new Promise((answer, fail) => questions.push({ ...version, answer, fail })),
    bucket: {
      put: async (server, value) => {
        saved.push(server);
        offers.take(server, value);
      },
      delete: async (server) => offers.take(server, undefined),
    },
    timing,
    concurrency,
    logger: createLogger('registry', 'error', { write: () => undefined }),
    metrics: new Metrics('registry'),
  });
  return { offers, questions, saved };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

test('D1: no more servers are asked at once than may be, and each by one question at a time', async () => {
  const { questions, saved } = open(2);
  for (const server of ['a', 'a', 'b', 'c']) discovery.askNow(server);
  await until(() => questions.length === 2);
  discovery.askNow('a'); // while it is being asked
  questions[0]?.answer(healthy());
  await until(() => questions.length === 3);
  expect(questions.map(({ server }) => server)).toEqual(['a', 'b', 'c']);
  for (const question of questions.slice(1)) question.answer(healthy());
  await until(() => questions.length === 4);
  expect(questions[3]?.server).toBe('a');
  expect(saved).toEqual(['a', 'b', 'c']);
});

test('a server says that it was not asked yet, then what was found', async () => {
  const { questions, saved } = open(1);
  discovery.askNow('a');
  await until(() => questions.length === 1);
  expect(discovery.healthOf('a')).toMatchObject({ reason: 'pending' });
  questions[0]?.answer(healthy());
  await until(() => saved.length === 1);
  expect(discovery.healthOf('a')).toMatchObject({ reason: 'ok' });
});

test('D3: an executor that does not answer says nothing about the server; it is asked again', async () => {
  const { offers, questions, saved } = open(1);
  discovery.askNow('a');
  await until(() => questions.length === 1);
  questions[0]?.fail(
    new RetryableError('ERR_SERVICE_UNAVAILABLE', 'The executor is not running.', { retryAfterMs: 1 }),
  );
  await until(() => questions.length === 2);
  expect(saved).toEqual([]);
  expect(offers.get('a')).toBeUndefined();
  expect(discovery.healthOf('a').message).toContain('The executor is not running.');
});

test('a server that is not registered any more is not asked', async () => {
  const { questions } = open(1);
  discovery.askNow('gone');
  discovery.askNow('a');
  await until(() => questions.length === 1);
  expect(questions[0]?.server).toBe('a');
});

test('definitions that no entry can hold are told as too large', async () => {
  const { offers, questions, saved } = open(1);
  discovery.askNow('a');
  await until(() => questions.length === 1);
  const tools = [{ name: 'x', description: 'x'.repeat(LIMITS.messageBytes), inputSchema: {} }];
  questions[0]?.answer({ ...healthy(), tools });
  await until(() => saved.length === 1);
  expect(offers.get('a')).toMatchObject({ tools: [], health: { reason: 'too_large' } });
});
