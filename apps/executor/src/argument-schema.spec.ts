import { type RefusedError, type JsonObject } from '@flow-mcp/kernel';
import { ArgumentSchemas } from './argument-schema.js';

let serial = 0;
function refusal(
  schema: object,
  args: object,
  schemas = new ArgumentSchemas(),
  sha = `${serial++}`,
): RefusedError | undefined {
  try {
    schemas.check(sha, schema as JsonObject, args as JsonObject);
    return undefined;
  } catch (error) {
    return error as RefusedError;
  }
}

const plan = {
  type: 'object',
  properties: {
    account: { type: 'string', pattern: '^acc-[0-9]+$' },
    plan: { enum: ['gold', 'custom'] },
    seats: { type: 'integer' },
  },
  required: ['account'],
  additionalProperties: false,
};

test('good arguments pass, in 2020-12 and in draft-07', () => {
  expect(refusal(plan, { account: 'acc-1', plan: 'gold' })).toBeUndefined();
  expect(
    refusal({ $schema: 'http://json-schema.org/draft-07/schema#', ...plan }, { account: 'acc-1' }),
  ).toBeUndefined();
});

test.each([
  ['arguments.account', {}],
  ['arguments.account', { account: 'secret-value' }],
  ['arguments.seats', { account: 'acc-1', seats: 'many' }],
  ['arguments', { account: 'acc-1', other: 1 }],
])('bad arguments are refused naming %s and never the value', (field, args) => {
  const error = refusal(plan, args);
  expect(error).toMatchObject({ code: 'ERR_ARGUMENTS_INVALID', field });
  expect(error?.message).not.toContain('secret-value');
});

test('S1: a pattern that explodes on a backtracking engine costs nothing', () => {
  // On such an engine the watchdog would have made this ERR_TOOL_SCHEMA_UNUSABLE.
  const error = refusal({ properties: { x: { type: 'string', pattern: '^(a+)+$' } } }, { x: `${'a'.repeat(50_000)}!` });
  expect(error?.code).toBe('ERR_ARGUMENTS_INVALID');
});

test('S2: a schema that explodes by itself is stopped once and never run again', () => {
  const exploding: JsonObject = {
    $ref: '#/$defs/n0',
    $defs: Object.fromEntries(
      Array.from({ length: 40 }, (_, n) => [
        `n${n}`,
        n === 39 ? { not: {} } : { anyOf: [{ $ref: `#/$defs/n${n + 1}` }, { $ref: `#/$defs/n${n + 1}` }] },
      ]),
    ),
  };
  const schemas = new ArgumentSchemas();
  const first = refusal(exploding, {}, schemas, 'x');
  expect(first?.code).toBe('ERR_TOOL_SCHEMA_UNUSABLE');
  expect(refusal(exploding, {}, schemas, 'x')).toBe(first);
});

test.each([
  ['a reference out to the network', { $ref: 'https://example.com/schema.json' }],
  ['endless recursion', { $ref: '#' }],
  ['a pattern that no linear engine takes', { properties: { x: { pattern: '(?=a)b' } } }],
  ['a schema beyond 256 KiB', { description: 'x'.repeat(300_000) }],
  ['a type that does not exist', { type: 'strung' }],
])('a server with %s is told so, and the next tool works', (_what, schema) => {
  const schemas = new ArgumentSchemas();
  expect(refusal(schema, { x: 'y' }, schemas)?.code).toBe('ERR_TOOL_SCHEMA_UNUSABLE');
  expect(refusal(plan, { account: 'acc-1' }, schemas)).toBeUndefined();
});
