import { DiagnosticSeverity, Parser } from '@asyncapi/parser';
import { Ajv } from 'ajv';
import { createHmac } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { parse } from 'yaml';
import { SIGNING_EXAMPLE } from './asyncapi-guide.js';
import { asyncApi } from './asyncapi.js';
import { CHANNELS } from './catalogue.js';
import { contractsPage } from './contracts-page.js';
import { consumersOf, covers, publishersOf } from './parties.js';
import { permissionsOf } from './permissions.js';
import { RPCS } from './v1/rpc.js';

const DOCS = new URL('../../../docs/', import.meta.url);
const FIXTURES = new URL('../fixtures/contracts/', import.meta.url);
const written = readFileSync(new URL('asyncapi.yaml', DOCS), 'utf8');
const { secret, subject, payload, hmac, flow, callId, digest, reason, voteHmac } = SIGNING_EXAMPLE;

function examples(): Record<string, unknown[]> {
  const files = readdirSync(FIXTURES).map((file) => parse(readFileSync(new URL(file, FIXTURES), 'utf8')) as object);
  const contracts = files.flatMap((file) => Object.entries(file) as [string, { good: object }][]);
  return Object.fromEntries(contracts.map(([type, { good }]) => [type, Object.values(good)]));
}

test('docs/asyncapi.yaml says what the contracts say: after a change run `node tools/generate.mjs`', () => {
  expect(parse(written)).toEqual(JSON.parse(JSON.stringify(asyncApi(examples()))));
});

test('docs/contracts.md says what the allow lists say: after a change run `node tools/generate.mjs`', () => {
  expect(readFileSync(new URL('contracts.md', DOCS), 'utf8')).toBe(contractsPage());
});

test('the document is valid AsyncAPI', async () => {
  const { diagnostics, document } = await new Parser().parse(written);
  const errors = diagnostics.filter(({ severity }) => Number(severity) <= Number(DiagnosticSeverity.Warning));
  expect(errors.map(({ message, path }) => `${path.join('.')}: ${message}`)).toEqual([]);
  expect(document?.operations().length).toBeGreaterThan(20);
});

test('the examples satisfy the JSON Schemas, as a reader without zod would check them', () => {
  const ajv = new Ajv({ strict: true, allowUnionTypes: true });
  for (const { name, payload, examples: given = [] } of Object.values(asyncApi(examples()).components.messages)) {
    const validate = ajv.compile(payload as object);
    for (const example of given as { payload: unknown }[]) {
      expect({ name, errors: validate(example.payload) ? [] : validate.errors }).toEqual({ name, errors: [] });
    }
  }
});

test('a chat may publish, read and ask for everything that the document lets it, and for nothing else', () => {
  const { channels, operations } = asyncApi({});
  const chat = permissionsOf('chat');
  const used = new Set<string>();
  for (const [id, { action, channel }] of Object.entries(operations)) {
    const { address } = channels[(channel as { $ref: string }).$ref.replace('#/channels/', '')] as { address: string };
    const allowed = action === 'send' ? chat.publish : chat.subscribe;
    const by = allowed.filter((pattern) => covers(pattern, address));
    expect({ id, by }).toEqual({ id, by: [expect.any(String)] });
    used.add(by[0] as string);
  }
  const inbox = chat.subscribe.find((pattern) => pattern.startsWith('_INBOX'));
  expect([...chat.publish, ...chat.subscribe].filter((pattern) => !used.has(pattern))).toEqual([inbox]);
});

test('the signatures of the guide are what HMAC-SHA256 says', () => {
  const sign = (text: string) =>
    createHmac('sha256', Buffer.from(secret, 'base64url')).update(text).digest('base64url');
  expect(sign(`${subject}\n${payload}`)).toBe(hmac);
  expect(sign(['flow-mcp-vote/v1', flow, callId, digest, 'accept', reason].join('\n'))).toBe(voteHmac);
});

test('every fact has one publisher, but for what every requester may ask', () => {
  const owners = Object.fromEntries(
    CHANNELS.filter(({ fact }) => fact).map(({ id, address }) => [id, publishersOf(address)]),
  );
  expect(owners).toEqual({
    'calls.requested': ['chat', 'cli'],
    'calls.verdict': ['executor'],
    'calls.voted': ['confirmation'],
    'calls.decided': ['confirmation'],
    'calls.resumed': ['executor'],
    'calls.retried': ['executor'],
    'calls.settled': ['executor'],
    'calls.cancel': ['chat', 'cli'],
    'calls.late': ['executor'],
    'registry.mcpserver': ['registry'],
    'registry.flow': ['registry'],
  });
});

test('every message has a reader, and only the registry may have tools discovered', () => {
  for (const channel of CHANNELS) expect(consumersOf(channel)).not.toEqual([]);
  expect(publishersOf(RPCS.discover.subject)).toEqual(['registry']);
});

test.each([
  ['a.b.c', 'a.b.c', true],
  ['a.*.c', 'a.{b}.c', true],
  ['a.>', 'a.b.c', true],
  ['a.>', 'a', false],
  ['a.*', 'a.b.c', false],
  ['a.b', 'a.c', false],
])('whether %s covers %s: %s', (pattern, given, expected) => {
  expect(covers(pattern, given)).toBe(expected);
});
