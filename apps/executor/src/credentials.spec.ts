import { termsOf, type MCPServer, type ServerTerms } from '@flow-mcp/contracts';
import { KEY_FILES, generateKeys, openKeyRing } from '@flow-mcp/identity';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Credentials, authenticationLabel } from './credentials.js';
import type { Secrets } from './secrets.js';
import { ALICE, CALL_ID, FLOW, NOW } from './testing/world.js';

const header = (name: string, secretRef: string) => ({ name, valueFrom: { secretRef } });

function termsWith(authentication: MCPServer['spec']['authentication']): ServerTerms {
  const spec = { url: 'https://plural.example', ...(authentication === undefined ? {} : { authentication }) };
  const apiVersion = 'deployments.plural.sh/v1alpha1';
  return termsOf({ apiVersion, kind: 'MCPServer', metadata: { name: 'plural' }, spec });
}

function labelOf(authentication: MCPServer['spec']['authentication']): string {
  return authenticationLabel(termsWith(authentication));
}

test('X2: a process that is paused while it reads a secret does not give its run more time', async () => {
  const keyDir = await mkdtemp(join(tmpdir(), 'executor-call-keys-'));
  await generateKeys(keyDir);
  const ring = await openKeyRing(join(keyDir, KEY_FILES.callSigning), 'call-signing');
  let nowMs = NOW;
  const clock = { brokerMs: () => nowMs, wallMs: () => nowMs, monotonicMs: () => 0 };
  const paused = { read: async () => ((nowMs += 60_000), 'value') } as unknown as Secrets;
  const claims = {
    person: ALICE,
    flow: FLOW,
    callId: CALL_ID,
    attempt: 1,
    tool: 'get',
    argumentsSha256: 'a'.repeat(64),
  };
  const terms = termsWith({ plural: true, headers: [header('X-Api-Key', 'key')] });
  const { Authorization = '' } = await new Credentials(ring, 'https://us.example', paused, clock).forRun(
    terms,
    claims,
    5_000,
  );
  const [, payload = ''] = Authorization.split('.');
  const { exp } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { exp: number };
  expect(exp).toBe(Math.ceil((NOW + 5_000) / 1000));
});

test('none is said as it is, and everything else begins with words', () => {
  expect(labelOf(undefined)).toBe('none');
  expect(labelOf({ plural: true, headers: [header('X-Api-Key', 'a')] })).toMatch(/^jwt\+x-api-key#[0-9a-f]{16}$/);
});

test.each<[string, MCPServer['spec']['authentication'], MCPServer['spec']['authentication']]>([
  ['another secret', { headers: [header('X-Api-Key', 'reader')] }, { headers: [header('X-Api-Key', 'admin')] }],
  ['another audience', { plural: true }, { plural: true, audience: 'https://other.example' }],
  [
    'another header behind many',
    { headers: [header('X-'.padEnd(64, 'a'), 's'), header('X-B', 's')] },
    { headers: [header('X-'.padEnd(64, 'a'), 's'), header('X-C', 's')] },
  ],
])('%s is another authentication', (_what, one, other) => {
  expect(labelOf(one)).not.toBe(labelOf(other));
  expect(Math.max(labelOf(one).length, labelOf(other).length)).toBeLessThanOrEqual(64);
});
