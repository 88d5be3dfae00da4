import { parseStrictJson } from '@flow-mcp/kernel';
import fc from 'fast-check';
import { canonicalJson } from './canonical-json.js';
import { argumentsSha256, holdDigest, toolDefinitionSha256, type HoldContent } from './digests.js';

/** The kernel's own check stops at 64 levels and at 2^53, like ours. */
const json = fc.jsonValue({ maxDepth: 6 }).filter((value) => {
  try {
    return parseStrictJson(JSON.stringify(value)) !== undefined;
  } catch {
    return false;
  }
});

function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).reverse();
  return Object.fromEntries(entries.map(([name, member]) => [name, shuffled(member)]));
}

test('equal values have equal bytes, whatever the order of their members', () => {
  fc.assert(
    fc.property(json, (value) => expect(canonicalJson(shuffled(value))).toBe(canonicalJson(value))),
    { numRuns: 2_000 },
  );
});

test('parsing gives the value back, and its spelling does not change again', () => {
  fc.assert(
    fc.property(json, (value) => {
      const spelled = canonicalJson(value);
      expect(canonicalJson(parseStrictJson(spelled))).toBe(spelled);
      expect(JSON.parse(spelled)).toEqual(JSON.parse(JSON.stringify(value)));
    }),
    { numRuns: 2_000 },
  );
});

test('the example of RFC 8785 §3.2.2 and §3.2.3', () => {
  const value = {
    numbers: [Number('333333333.33333329'), 1e15, 4.5, 2e-3, 0.000000000000000000000000001],
    string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"/',
    literals: [null, true, false],
  };
  expect(canonicalJson(value)).toBe(
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1000000000000000,4.5,0.002,1e-27],' +
      '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
  expect(Object.keys(JSON.parse(canonicalJson({ '\ufb33': 1, '😀': 2, '\r': 3, '1': 4, '€': 5 })) as object)).toEqual([
    '1',
    '\r',
    '€',
    '😀',
    '\ufb33',
  ]);
});

test.each([
  ['NaN', NaN],
  ['Infinity', [Infinity]],
  ['an integer beyond 2^53', { a: 2 ** 53 }],
  ['a lone surrogate', '\ud800'],
  ['a lone surrogate in a name', { '\udc00': 1 }],
  ['a function', () => 1],
  ['a bigint', 1n],
  ['nothing at all', undefined],
  ['a hole in an array', [undefined]],
  ['65 levels', JSON.parse('['.repeat(65) + ']'.repeat(65))],
  ['5,000 levels', JSON.parse('['.repeat(5_000) + ']'.repeat(5_000))],
])('refuses %s', (_name, value) => {
  expect(() => canonicalJson(value)).toThrow(expect.objectContaining({ code: 'ERR_MESSAGE_INVALID' }) as Error);
});

test('a member named __proto__ is a member like any other', () => {
  expect(canonicalJson(JSON.parse('{"__proto__":{"a":1},"b":2}'))).toBe('{"__proto__":{"a":1},"b":2}');
});

const HOLD: HoldContent = {
  callId: '01890a5d-ac96-774b-bcce-b302099a8057',
  flow: 'payments',
  actor: { iss: 'https://id.example.com', sub: 'alice', groups: ['support'], admin: false },
  server: { name: 'plural', url: 'https://plural-mcp.plural.sh', authentication: 'plural' },
  tool: 'set_plan',
  toolDefinitionSha256: 'a'.repeat(64),
  rule: { id: 'confirm', text: 'Every tool of this server needs a person.' },
  arguments: { user: 'u1', plan: 'custom' },
  expiresAtMs: 1_700_000_000_000,
  runBeforeMs: 1_700_000_060_000,
  nonce: '0123456789abcdef',
};

test('a hold has one digest, which auditors of any later version can compute', () => {
  expect(holdDigest(HOLD)).toBe('0789945db3b4917bfec151ae29d468a165447fc80666e14d6d8ca96b4ca4657d');
});

test.each(Object.keys(HOLD) as (keyof HoldContent)[])('a hold with another %s has another digest', (field) => {
  const other = typeof HOLD[field] === 'number' ? 1 : typeof HOLD[field] === 'string' ? 'other' : { other: true };
  expect(holdDigest({ ...HOLD, [field]: other })).not.toBe(holdDigest(HOLD));
});

test('arguments hash without a domain, so that an MCP server checks them in one line', () => {
  const expected = '43258cff783fe7036d8a43033f830adfc60ec037382473548ac742b888292777'; // printf '{"a":1,"b":2}' ...
  expect(argumentsSha256({ b: 2, a: 1 })).toBe(expected);
});

test('a tool with another description is another tool', () => {
  const tool = { name: 'echo', inputSchema: { type: 'object' } };
  expect(toolDefinitionSha256({ ...tool, description: 'x' })).not.toBe(toolDefinitionSha256(tool));
  expect(toolDefinitionSha256({ inputSchema: { type: 'object' }, name: 'echo' })).toBe(toolDefinitionSha256(tool));
});
