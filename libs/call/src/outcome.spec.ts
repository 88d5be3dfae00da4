import { outcomeOf } from './outcome.js';

const failure = { code: 'ERR_UPSTREAM_REFUSED', message: 'x' } as const;

test("a tool's own error is an answer", () => {
  expect(outcomeOf({ kind: 'answered', result: {}, isError: true }, false).outcome).toBe('tool_error');
  expect(outcomeOf({ kind: 'answered', result: {}, isError: false }, true).outcome).toBe('succeeded');
});

test('a cancelled call that may have acted is unknown, and one that was never sent is cancelled', () => {
  expect(outcomeOf({ kind: 'unknown', ...failure }, true)).toMatchObject({ outcome: 'unknown', code: 'ERR_CANCELLED' });
  expect(outcomeOf({ kind: 'not_sent', ...failure }, true).outcome).toBe('cancelled');
});

test('what was not sent or was refused has failed; anything else is unknown', () => {
  expect(outcomeOf({ kind: 'not_sent', ...failure }, false).outcome).toBe('failed');
  expect(outcomeOf({ kind: 'refused', ...failure }, true).outcome).toBe('failed');
  expect(outcomeOf({ kind: 'unknown', ...failure }, false)).toMatchObject({
    outcome: 'unknown',
    code: 'ERR_UPSTREAM_REFUSED',
  });
});
