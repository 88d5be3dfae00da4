import fc from 'fast-check';
import { type RefusedError } from './errors.js';
import { parseStrictJson } from './json.js';

const refused = (text: string) => {
  try {
    parseStrictJson(text);
    return undefined;
  } catch (error) {
    return (error as RefusedError).code;
  }
};

test('every JSON value that JSON.stringify writes reads back as itself', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), (text) => {
      const value = JSON.parse(text) as unknown;
      fc.pre(!/\d{16}|[eE]/.test(text) && text.isWellFormed());
      expect(parseStrictJson(JSON.stringify(value))).toEqual(value);
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['a duplicate name', '{"a":1,"b":{"c":1},"a":2}'],
  ['a duplicate name in disguise', '{"a":1,"\\u0061":2}'],
  ['a duplicate name in an array of objects', '[{"x":1},{"x":1, "x" :2}]'],
  ['an integer beyond 2^53', '{"n":9007199254740993}'],
  ['a large negative integer', '[-9007199254740993]'],
  ['an infinite number', '[1e999]'],
  ['half of a surrogate pair', '["\\ud800"]'],
  ['nesting beyond 64', '['.repeat(65) + ']'.repeat(65)],
  ['a trailing comma', '[1,]'],
  ['nothing', ''],
])('refuses %s', (_defect, text) => {
  expect(refused(text)).toBe('ERR_MESSAGE_INVALID');
});

test.each([
  ['the same name in two objects', '[{"a":1},{"a":1}]'],
  ['a value equal to a name', '{"a":"a","b":"a"}'],
  ['quotes and braces inside strings', '{"a":"{\\"a\\":1,}"}'],
  ['nesting of 64', '['.repeat(64) + ']'.repeat(64)],
  ['the largest safe integer', '9007199254740991'],
  ['fractions and exponents', '[1.5,-2e-3,1E2]'],
  ['digits in names and strings', '{"1e999":"9007199254740993"}'],
])('accepts %s', (_what, text) => {
  expect(parseStrictJson(text)).toEqual(JSON.parse(text));
});

test('an own member called __proto__ stays data', () => {
  expect(Object.keys(parseStrictJson('{"__proto__":{"x":1}}') as object)).toEqual(['__proto__']);
});
