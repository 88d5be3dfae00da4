import fc from 'fast-check';
import { safeBlock, safeJson, safeLine, safeValue } from './safe-text.js';

const HARMLESS = /^[^\p{Cc}\p{Cs}\u200e\u202e\u2066\u2028\ufeff]*$/u;

test.each([
  ['clears the screen', '\u001b[2J', '\\u001b[2J'],
  ['writes the clipboard (OSC 52)', '\u001b]52;c;AAAA\u0007', '\\u001b]52;c;AAAA\\u0007'],
  ['is an escape of C1', '\u009b31m', '\\u009b31m'],
  ['goes back over the line', 'no\ryes', 'no\\u000dyes'],
  ['deletes letters', 'safe\b\b\b\bevil', 'safe\\u0008\\u0008\\u0008\\u0008evil'],
  ['turns the direction around', 'a\u202eb', 'a\\u202eb'],
  ['hides in no width', 'a\u200bb', 'a\\u200bb'],
  ['forges a line', 'a\nerror', 'a\\u000aerror'],
  ['is half a surrogate pair', 'a\ud83d', 'a\\ud83d'],
])('a line never %s', (_, given, expected) => {
  expect(safeLine(given)).toBe(expected);
});

test('words of every script, emoji and combining marks stay', () => {
  const text = 'Grüße 漢字 عربي हिन्दी 👩‍👩‍👧 é';
  expect(safeLine(text)).toBe(text);
});

test('whatever comes in, only printable characters and wanted line feeds come out', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(safeLine(text)).toMatch(HARMLESS);
      expect(safeBlock(text).replaceAll('\n', '')).toMatch(HARMLESS);
    }),
  );
});

test('JSON keeps its meaning', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(safeJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
  expect(JSON.parse(safeJson({ '\u009b': '\u202e\u001b' }))).toEqual({ '\u009b': '\u202e\u001b' });
  expect(safeJson('\u009b\u202e')).toBe('"\\u009b\\u202e"');
});

test('a value is made safe through and through', () => {
  expect(safeValue({ 'a\u001b': ['b\u001b', 1, null, { c: 'd\ne' }] })).toEqual({
    'a\\u001b': ['b\\u001b', 1, null, { c: 'd\ne' }],
  });
});
