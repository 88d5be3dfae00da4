import { RefusedError } from '@flow-mcp/kernel';
import fc from 'fast-check';
import { readManifest } from './manifest.js';

const HEAD = 'apiVersion: deployments.plural.sh/v1alpha1\n';
const server = (spec: string, name = 'plural'): string =>
  `${HEAD}kind: MCPServer\nmetadata:\n  name: ${name}\nspec:\n  url: https://plural-mcp.plural.sh\n${spec}`;
const flow = (spec: string): string => `${HEAD}kind: Flow\nmetadata:\n  name: payments\nspec: ${spec}\n`;

/** The resource of the reference page, unchanged. */
const REFERENCE = `apiVersion: deployments.plural.sh/v1alpha1
kind: MCPServer
metadata:
  name: plural
spec:
  name: plural
  confirm: false
  url: https://plural-mcp.plural.sh
  authentication:
    plural: true
  bindings:
    write:
    - groupName: sre # only this group can bind this server to their Flows
`;

function refusal(text: string): RefusedError {
  try {
    readManifest(text);
  } catch (error) {
    if (error instanceof RefusedError) return error;
    throw error;
  }
  throw new Error('the manifest was accepted');
}

test('the reference page’s resource is read unchanged', () => {
  expect(readManifest(REFERENCE)).toEqual([
    {
      apiVersion: 'deployments.plural.sh/v1alpha1',
      kind: 'MCPServer',
      metadata: { name: 'plural' },
      spec: {
        name: 'plural',
        confirm: false,
        url: 'https://plural-mcp.plural.sh',
        authentication: { plural: true },
        bindings: { write: [{ groupName: 'sre' }] },
      },
    },
  ]);
});

test('JSON, several documents, empty documents, comments and anchors are read', () => {
  const json = JSON.stringify(readManifest(REFERENCE)[0]);
  expect(readManifest(json)).toEqual(readManifest(REFERENCE));
  const text = `---\n# nothing\n---\n${REFERENCE}---\n${flow('{bindings: {read: &who [{groupName: a}], write: *who}}')}---\n`;
  expect(readManifest(text).map(({ kind }) => kind)).toEqual(['MCPServer', 'Flow']);
});

test.each([
  ['nothing', '', 'The manifest holds no document; write an MCPServer or a Flow.'],
  ['comments only', '# a\n---\n', 'The manifest holds no document; write an MCPServer or a Flow.'],
  ['a list', '- a\n', 'Document 1, line 1, column 1: must be a mapping with apiVersion, kind, metadata and spec.'],
  ['no kind', HEAD, 'Document 1, line 1, column 1: `kind` must be MCPServer or Flow.'],
  [
    'an unknown kind',
    `${HEAD}kind: McpServer\n`,
    'Document 1, line 2, column 7: `kind` is not a kind that we know; did you mean MCPServer?',
  ],
  [
    'another apiVersion',
    'apiVersion: v1\nkind: Flow\n',
    'Document 1, line 1, column 13: `apiVersion` must be deployments.plural.sh/v1alpha1.',
  ],
  [
    'a misspelt field',
    server('  confrim: true\n'),
    'Document 1, line 7, column 3: `spec.confrim` is not a field that we know; did you mean confirm?',
  ],
  [
    'a misspelt field further in',
    server('  bindings:\n    write:\n    - groupname: sre\n'),
    'Document 1, line 9, column 7: `spec.bindings.write.0.groupname` is not a field that we know; did you mean groupName?',
  ],
  [
    'an unknown field',
    server('  sidecars: 3\n'),
    'Document 1, line 7, column 3: `spec.sidecars` is not a field that we know; remove it.',
  ],
  [
    'a word where a boolean is wanted',
    server('  confirm: yes\n'),
    'Document 1, line 7, column 12: `spec.confirm` must be true or false.',
  ],
  [
    'a missing url',
    `${HEAD}kind: MCPServer\nmetadata: {name: a}\nspec: {confirm: true}\n`,
    'Document 1, line 4, column 7: `spec.url` must be set (string).',
  ],
  [
    'a url with a password',
    `${HEAD}kind: MCPServer\nmetadata: {name: a}\nspec: {url: "https://u:p@x"}\n`,
    'Document 1, line 4, column 13: `spec.url` must be an http or https URL without user, password or fragment.',
  ],
  [
    'a hostile name',
    server('', '"../../etc"'),
    'Document 1, line 4, column 9: `metadata.name` must be a DNS label: a-z, 0-9 and -, at most 63 characters.',
  ],
  [
    'a duplicate name in a mapping',
    server('  confirm: true\n  confirm: false\n'),
    'Document 1, line 8, column 3: the name "confirm" stands twice; keep one.',
  ],
  [
    'a duplicate name in JSON',
    '{"apiVersion": "deployments.plural.sh/v1alpha1", "kind": "Flow", "kind": "MCPServer"}',
    'Document 1, line 1, column 66: the name "kind" stands twice; keep one.',
  ],
  ['a number as a name', `${HEAD}1: a\n`, 'Document 1, line 2, column 1: a name must be a string; quote it.'],
  [
    'the same resource twice',
    `${REFERENCE}---\n${REFERENCE}`,
    'Document 2, line 18, column 9: `metadata.name` names MCPServer plural a second time in this manifest; keep one.',
  ],
  [
    'headers as a map of literals',
    server('  authentication: {headers: {X-Api-Key: hunter2}}\n'),
    'Document 1, line 7, column 29: `spec.authentication.headers` must be a list such as `- {name: X-Api-Key, valueFrom: {secretRef: payments-key}}`; put the value itself into the executor’s secrets.',
  ],
  ['an unknown tag', `${HEAD}kind: !!js/function x\n`, 'correct the YAML.'],
  ['an open bracket', `${HEAD}kind: [\n`, 'correct the YAML.'],
  ['a tab for indentation', `${HEAD}kind: Flow\nmetadata:\n\tname: a\n`, 'correct the YAML.'],
  [
    'a bomb of aliases',
    'a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c]\n',
    'Document 1, line 2, column 8: aliases expand to too much; write the values out.',
  ],
  ['an alias inside its own anchor', 'a: &a [*a]\n', 'aliases expand to too much; write the values out.'],
  ['too deep a document', `a: ${'['.repeat(200)}`, 'nests deeper than 32 levels; flatten it.'],
  ['too many documents', '---\na: 1\n'.repeat(101), 'The manifest holds more than 100 documents; apply it in parts.'],
  [
    'four eyes without other eyes',
    server('  confirmation: {requesterMayDecide: false}\n'),
    '`spec.confirmation.approvers` must name somebody, because requesterMayDecide is false.',
  ],
])('%s is refused with one message that says where and what to do', (_, text, message) => {
  const error = refusal(text);
  expect(error.message).toContain(message);
  expect(error.code).toBe(message.includes('kind that we know') ? 'ERR_KIND_UNKNOWN' : 'ERR_MANIFEST_INVALID');
});

test('no value is repeated in an error: it may be a secret', () => {
  expect(refusal(server('  authentication: {headers: {X-Api-Key: hunter2}}\n')).message).not.toContain('hunter2');
  expect(refusal(server('  confirm: hunter2\n')).message).not.toContain('hunter2');
});

test.each([
  ['brackets', '['.repeat(500_000)],
  ['question marks', '? '.repeat(250_000)],
  ['dashes', '- '.repeat(250_000)],
  ['indentation', Array.from({ length: 1000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')],
  ['names', Array.from({ length: 40_000 }, (_, index) => `k${index}: 1`).join('\n')],
])('half a mebibyte of %s is refused within two seconds', (_, text) => {
  const startedAt = performance.now();
  expect(() => readManifest(text)).toThrow(RefusedError);
  expect(performance.now() - startedAt).toBeLessThan(2_000);
});

test('whatever the text, it is read or refused with a RefusedError', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'kind: Flow\n',
      'spec:\n',
      ' - ',
      '{',
      '}',
      '[',
      '&a ',
      '*a',
      '---\n',
      'a: ',
      '!!str ',
      '|',
      '"',
      '\n',
      '\t',
    ),
    fc.string({ maxLength: 8 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const attempt = (): unknown => readManifest(HEAD + pieces.join(''));
      try {
        attempt();
      } catch (error) {
        expect(error).toBeInstanceOf(RefusedError);
      }
    }),
    { numRuns: 200 },
  );
});
