import { outcomeOf } from './outcome.js';

const failure = { code: 'ERR_UPSTREAM_REFUSED', message: 'x' } as const;

test("a tool's own error is an answer", () => {
  expect(outcomeOf({ kind: 'answered', result: {}, isError: true }, { cancelled: false, attempt: 1 }).outcome).toBe(
    'tool_error',
  );
  expect(outcomeOf({ kind: 'answered', result: {}, isError: false }, { cancelled: true, attempt: 1 }).outcome).toBe(
    'succeeded',
  );
});

test('a cancelled call that may have acted is unknown, and one that was never sent is cancelled', () => {
  expect(outcomeOf({ kind: 'unknown', ...failure }, { cancelled: true, attempt: 1 })).toMatchObject({
    outcome: 'unknown',
    code: 'ERR_CANCELLED',
  });
  expect(outcomeOf({ kind: 'not_sent', ...failure }, { cancelled: true, attempt: 1 }).outcome).toBe('cancelled');
});

test('a second run that was not made leaves open what the lost first one did', () => {
  const lost = { outcome: 'unknown', code: 'ERR_UPSTREAM_REFUSED' };
  expect(outcomeOf({ kind: 'not_sent', ...failure }, { cancelled: false, attempt: 2 })).toMatchObject(lost);
  expect(outcomeOf({ kind: 'refused', ...failure }, { cancelled: false, attempt: 2 })).toMatchObject(lost);
  expect(outcomeOf({ kind: 'not_sent', ...failure }, { cancelled: true, attempt: 2 }).outcome).toBe('unknown');
  expect(outcomeOf({ kind: 'answered', result: {}, isError: false }, { cancelled: false, attempt: 2 })).toEqual({
    outcome: 'succeeded',
  });
});

test('what was not sent or was refused has failed; anything else is unknown', () => {
  expect(outcomeOf({ kind: 'not_sent', ...failure }, { cancelled: false, attempt: 1 }).outcome).toBe('failed');
  expect(outcomeOf({ kind: 'refused', ...failure }, { cancelled: true, attempt: 1 }).outcome).toBe('failed');
  expect(outcomeOf({ kind: 'unknown', ...failure }, { cancelled: false, attempt: 1 })).toMatchObject({
    outcome: 'unknown',
    code: 'ERR_UPSTREAM_REFUSED',
  });
});
