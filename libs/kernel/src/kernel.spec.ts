import {
  CALL_ID_PATTERN,
  NAME_PATTERN,
  PoisonError,
  RefusedError,
  callIdTimeMs,
  describeError,
  errorCode,
  parseBytes,
  parseDurationMs,
  parseRate,
} from './index.js';

test('durations, sizes and rates read as people write them', () => {
  expect([parseDurationMs('500ms'), parseDurationMs('30s'), parseDurationMs('15m'), parseDurationMs('24h')]).toEqual([
    500, 30_000, 900_000, 86_400_000,
  ]);
  expect([parseBytes('512KiB'), parseBytes('1MiB')]).toEqual([524_288, 1_048_576]);
  expect(parseRate('60/m')).toEqual({ count: 60, perMs: 60_000 });
});

test.each(['', '30', 's', '-1s', '1.5h', '30 s', '1e3s', '99999999999s'])(
  'the duration %j is refused with an example',
  (text) => {
    expect(() => parseDurationMs(text)).toThrow(/30s/);
  },
);

test('a call id tells its own time', () => {
  const id = '01932b4c-8f00-7abc-8def-0123456789ab';
  expect(CALL_ID_PATTERN.test(id)).toBe(true);
  expect(callIdTimeMs(id)).toBe(0x01932b4c8f00);
});

test.each(['', '-a', 'a-', 'A', 'a.b', 'a*', 'a b', 'x'.repeat(64), 'ä'])('%j is not a name', (text) => {
  expect(NAME_PATTERN.test(text)).toBe(false);
});

test('an error describes its whole chain and keeps its code', () => {
  const error = new RefusedError('ERR_NOT_FOUND', 'No such server', { cause: new Error('outer', { cause: 'inner' }) });
  expect(describeError(error)).toBe('No such server: outer: inner');
  expect(describeError(new Error('Start it.', { cause: new Error('Refused.') }))).toBe('Start it: Refused.');
  expect(errorCode(error)).toBe('ERR_NOT_FOUND');
  expect(errorCode(new TypeError('bug'))).toBe('ERR_INTERNAL');
  expect(new PoisonError('ERR_VERSION_UNKNOWN', 'x').name).toBe('PoisonError');
});
