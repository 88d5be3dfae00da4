import { RefusedError } from '@flow-mcp/kernel';
import { parseCallArguments } from './call-arguments.js';

test.each([
  ['user=ada', { user: 'ada' }],
  ['n=3', { n: 3 }],
  ['ok=true', { ok: true }],
  ['until=null', { until: null }],
  ['id="3"', { id: '3' }],
  ['list=[1,2]', { list: [1, 2] }],
  ['plan={"monthly":49}', { plan: { monthly: 49 } }],
  ['empty=', { empty: '' }],
  ['query=select a from b where c = 1', { query: 'select a from b where c = 1' }],
  ['big=9007199254740993', { big: '9007199254740993' }],
  ['twice={"a":1,"a":2}', { twice: '{"a":1,"a":2}' }],
  ['__proto__=1', Object.fromEntries([['__proto__', 1]])],
])('--arg %s', (pair, expected) => {
  expect(parseCallArguments(undefined, [pair])).toEqual(expected);
});

test('--arg comes after --args', () => {
  expect(parseCallArguments('{"a":1,"b":2}', ['b=3', 'c=4'])).toEqual({ a: 1, b: 3, c: 4 });
});

test.each([
  [undefined, ['ada']],
  [undefined, ['=ada']],
  ['[1]', []],
  ['null', []],
  ['{"a":1', []],
  ['{"a":1,"a":2}', []],
])('refuses --args %s --arg %s', (json, pairs) => {
  expect(() => parseCallArguments(json, pairs)).toThrow(RefusedError);
});

test('where the tool wants a string, a value is text as it stands', () => {
  const schema = { properties: { id: { type: 'string' }, n: { type: 'integer' }, any: {} } };
  expect(parseCallArguments(undefined, ['id=1001', 'n=1001', 'any=1001', 'more=1001'], schema)).toEqual({
    ...{ id: '1001', n: 1001, any: 1001, more: 1001 },
  });
  expect(parseCallArguments(undefined, ['constructor=1'], schema)).toEqual({ constructor: 1 });
});
