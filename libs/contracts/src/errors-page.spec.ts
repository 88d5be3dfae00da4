// docs/errors.md explains every code there is, and no other.

import { ERROR_CODES } from '@flow-mcp/kernel';
import { readFileSync } from 'node:fs';

const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
const rows = [...page.matchAll(/^\| `(ERR_\w+)` +\| (.*?) +\| (.*?) +\|$/gm)].map(([, code, what, remedy]) => ({
  code,
  what,
  remedy,
}));

test('docs/errors.md has one row for every code: add the meaning of a new one, and what to do about it', () => {
  expect(rows.map(({ code }) => code).sort()).toEqual([...ERROR_CODES].sort());
});

test.each(rows)('$code says what happened and what to do', ({ what, remedy }) => {
  expect(what).toMatch(/^[A-Z`].{10,}\.$/);
  expect(remedy).toMatch(/^[A-Z`].{6,}\.$/);
});
