import type { Discovered, Health } from '@flow-mcp/contracts';
import { listedTools, nextEntry, waitMs, type DiscoveryAnswer } from './health.js';

const timing = { intervalMs: 60_000, backoffMinMs: 1_000, backoffMaxMs: 300_000 };
const how = { timing, random: 0.5, hash: () => 'a'.repeat(64) };
const version = { server: 'plural', generation: 2 };
const tool = (name: string, title = name) => ({ name, title, inputSchema: { type: 'object' } });
const answer = (reason: Health['reason'], tools = [tool('x')], checkedAtMs = 1_000_000): DiscoveryAnswer => ({
  health: { reason, message: 'words', checkedAtMs },
  tools: reason === 'ok' ? tools : [],
});

test('H1: a healthy server is asked again after the interval, give or take a tenth', () => {
  const at = (random: number) => nextEntry(version, undefined, answer('ok'), { ...how, random }).health.nextCheckAtMs;
  expect([at(0), at(0.5), at(1)]).toEqual([1_054_000, 1_060_000, 1_066_000]);
});

test('H1: a server that cannot be asked is left alone twice as long each time, up to the bound', () => {
  let entry: Discovered | undefined;
  const pauses = Array.from({ length: 11 }, () => {
    entry = nextEntry(version, entry, answer('refused'), how);
    return (entry.health.nextCheckAtMs ?? 0) - entry.health.checkedAtMs;
  });
  expect(pauses.slice(0, 4)).toEqual([1_000, 2_000, 4_000, 8_000]);
  expect(pauses.at(-1)).toBe(300_000);
});

test('H1: after a healthy answer the pauses begin anew', () => {
  const healthy = nextEntry(version, undefined, answer('ok'), how);
  const { health } = nextEntry(version, healthy, answer('dns'), how);
  expect((health.nextCheckAtMs ?? 0) - health.checkedAtMs).toBe(1_000);
});

test('H2: tools outlive a failure of the same registration, and are not listed meanwhile', () => {
  const healthy = nextEntry(version, undefined, answer('ok'), how);
  const failed = nextEntry(version, healthy, answer('timed_out'), how);
  expect(failed.tools).toEqual(healthy.tools);
  expect(listedTools(healthy)).toHaveLength(1);
  expect(listedTools(failed)).toEqual([]);
  expect(nextEntry({ ...version, generation: 3 }, healthy, answer('timed_out'), how).tools).toEqual([]);
});

test('H3: of two tools with one name the first counts', () => {
  const tools = [tool('x', 'first'), tool('y'), tool('x', 'second')];
  const entry = nextEntry(version, undefined, answer('ok', tools), how);
  expect(entry.tools.map(({ definition }) => definition.title)).toEqual(['first', 'y']);
});

test('a server is asked when it is due, at the latest two seconds later, and a new generation by whoever wrote it first', () => {
  const entry = nextEntry(version, undefined, answer('ok'), how);
  expect(waitMs(entry, 2, 1_000_000, 0)).toBe(60_000);
  expect(waitMs(entry, 2, 1_000_000, 1)).toBe(62_000);
  expect(waitMs(entry, 2, 9_000_000, 1)).toBeLessThan(1_000);
  expect(waitMs(entry, 3, 1_000_000, 0)).toBe(2_000);
  expect(waitMs(undefined, 1, 1_000_000, 1)).toBe(4_000);
});
