import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { nameTools, type ToolKey } from './tool-names.js';

const hash = (server: string, tool: string): string => createHash('sha256').update(`${server}\n${tool}`).digest('hex');

test('a tool keeps its name where it is safe and fits', () => {
  expect(nameTools([{ server: 'plural', tool: 'get_account-Details' }])).toEqual(['plural__get_account-Details']);
});

test('what is unsafe is replaced, and a hash keeps it apart', () => {
  expect(nameTools([{ server: 'jira', tool: 'issues.list/all' }])).toEqual([
    `jira__issues_list_all_${hash('jira', 'issues.list/all').slice(0, 12)}`,
  ]);
});

test('what is too long is cut to 64 characters, the server’s part last', () => {
  const [name] = nameTools([{ server: 's'.repeat(63), tool: 't'.repeat(128) }]);
  expect(name).toMatch(/^s{24}__t{25}_[0-9a-f]{12}$/);
  expect(name).toHaveLength(64);
});

test('two servers offer a tool of the same name side by side', () => {
  expect(nameTools([{ server: 'a', tool: 'x' }, { server: 'b', tool: 'x' }])).toEqual(['a__x', 'b__x']); // prettier-ignore
});

test('N3: a tool that calls itself like a hashed one does not take its name', () => {
  const hashed = { server: 'a', tool: 'x.y' };
  const [name = ''] = nameTools([hashed]);
  const thief = { server: 'a', tool: name.slice('a__'.length) };
  expect(new Set(nameTools([hashed, thief])).size).toBe(2);
  expect(nameTools([hashed, thief])[0]).toBe(name);
});

// Few letters, so that sets hold names that differ only in what is replaced or cut.
const server = fc.oneof(fc.constantFrom('a', 'a-b', 'b'), fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/));
const tool = fc.oneof(
  fc.stringMatching(/^[ab_.-]{1,4}$/),
  fc.stringMatching(/^[ab./_-]{60,128}$/),
  fc.stringMatching(/^a_[0-9a-f]{12}$/),
  fc.string({ minLength: 1, maxLength: 128 }),
);
const tools = fc.uniqueArray(fc.record<ToolKey>({ server, tool }), {
  maxLength: 60,
  selector: (key) => `${key.server}\n${key.tool}`,
});

test('every set of tools gets as many names, each safe for every model', () => {
  fc.assert(
    fc.property(tools, (keys) => {
      const names = nameTools(keys);
      expect(new Set(names).size).toBe(keys.length);
      for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    }),
    { numRuns: 300 },
  );
});

test('N1: a name stays when other tools come and go, in whichever order they are listed', () => {
  fc.assert(
    fc.property(tools, (keys) => {
      const names = nameTools(keys);
      for (const [index, key] of keys.entries()) expect(nameTools([key])).toEqual([names[index]]);
    }),
    { numRuns: 100 },
  );
});
