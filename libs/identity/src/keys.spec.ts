import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  calculateJwkThumbprint,
  compactVerify,
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  importJWK,
  jwtVerify,
  SignJWT,
} from 'jose';
import type { Actor } from '@flow-mcp/contracts';
import { mintCallToken, mintServiceToken, type CallTokenTerms } from './call-tokens.js';
import { activateKey, addNextKey, generateKeys, KEY_FILES, loadPassKeys } from './key-files.js';
import { openKeyRing, openPublicKeys } from './key-ring.js';
import type { PrivateJwks, PublicJwks } from './keys.js';
import { createPassAuthority } from './passes.js';
import { signReceipt, verifyReceipt, type Decision } from './receipts.js';

const NOW = 1_700_000_000_500;
const CALL = '01890a5d-ac96-774b-bcce-b302099a8057';
const ALICE: Actor = {
  iss: 'https://id.example.com',
  sub: 'alice',
  email: 'a@example.com',
  groups: ['support'],
  admin: false,
};

let dir: string;
const file = (name: keyof typeof KEY_FILES) => join(dir, KEY_FILES[name]);
const readJson = async <T>(name: keyof typeof KEY_FILES) => JSON.parse(await readFile(file(name), 'utf8')) as T;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'flow-mcp-keys-'));
  await generateKeys(dir);
});
afterEach(() => rm(dir, { recursive: true }));

const TERMS: CallTokenTerms = {
  issuer: 'https://flow.example.com',
  audience: 'https://plural-mcp.plural.sh',
  server: 'plural',
  person: ALICE,
  flow: 'payments',
  callId: CALL,
  attempt: 1,
  tool: 'set_plan',
  argumentsSha256: 'a'.repeat(64),
  nowMs: NOW,
  expiresAtMs: NOW + 30_000,
};

describe('key files', () => {
  test('are for their owner only', async () => {
    for (const name of Object.values(KEY_FILES)) expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600);
  });

  test('stay as they are when made again', async () => {
    const before = await Promise.all(Object.values(KEY_FILES).map((name) => readFile(join(dir, name), 'utf8')));
    await generateKeys(dir);
    const after = await Promise.all(Object.values(KEY_FILES).map((name) => readFile(join(dir, name), 'utf8')));
    expect(after).toEqual(before);
  });

  test('public ones heal after a run that died in between', async () => {
    const before = await readJson('receiptPublic');
    await rm(file('receiptPublic'));
    await generateKeys(dir);
    expect(await readJson('receiptPublic')).toEqual(before);
  });

  test('Y2: public ones hold nothing private', async () => {
    for (const name of ['callSigningPublic', 'receiptPublic'] as const) {
      for (const key of (await readJson<PublicJwks>(name)).keys) expect(key).not.toHaveProperty('d');
    }
  });

  test('name each key by its RFC 7638 thumbprint', async () => {
    const { active, keys } = await readJson<PrivateJwks>('callSigning');
    expect(await calculateJwkThumbprint({ ...keys[0] })).toBe(keys[0]?.kid);
    expect(active).toBe(keys[0]?.kid);
  });
});

describe('Y1: a key does one thing', () => {
  const invalid = expect.objectContaining({ code: 'ERR_CONFIG_INVALID' }) as Error;

  test('no key file serves for another use', async () => {
    await expect(openKeyRing(file('receipt'), 'call-signing')).rejects.toEqual(invalid);
    await expect(openKeyRing(file('callSigning'), 'receipt')).rejects.toEqual(invalid);
    await expect(openKeyRing(file('pass'), 'call-signing')).rejects.toEqual(invalid);
    await expect(openKeyRing(file('receiptPublic'), 'receipt')).rejects.toEqual(invalid);
    await expect(openPublicKeys(file('callSigningPublic'), 'receipt')).rejects.toEqual(invalid);
    await expect(openPublicKeys(file('receipt'), 'receipt')).rejects.toEqual(invalid);
    await expect(loadPassKeys(file('receipt'))).rejects.toEqual(invalid);
  });

  const damage: Record<string, (set: PrivateJwks) => unknown> = {
    'no keys': (set) => ({ ...set, keys: [] }),
    'an active key that is not there': (set) => ({ ...set, active: 'x' }),
    'a key without a use': ({ active, keys: [{ flow_mcp_use: _, ...key } = {} as never] }) => ({ active, keys: [key] }),
    'a kid that is not the thumbprint': ({ keys: [key] }) => ({
      active: 'A'.repeat(43),
      keys: [{ ...key, kid: 'A'.repeat(43) }],
    }),
    'a foreign key among ours': (set) => ({ ...set, keys: [...set.keys, { ...set.keys[0], flow_mcp_use: 'receipt' }] }),
    'another curve': ({ active, keys: [key] }) => ({ active, keys: [{ ...key, crv: 'P-384' }] }),
  };
  test.each(Object.entries(damage))('a file with %s is refused', async (_name, change) => {
    await writeFile(file('callSigning'), JSON.stringify(change(await readJson('callSigning'))));
    await expect(openKeyRing(file('callSigning'), 'call-signing')).rejects.toEqual(invalid);
  });

  test('an unreadable file is refused without being quoted', async () => {
    await writeFile(file('callSigning'), 'canary{');
    const error = await openKeyRing(file('callSigning'), 'call-signing').catch((thrown: Error) => thrown);
    expect(error).toEqual(invalid);
    expect(String((error as Error).message) + String((error as Error).cause)).not.toContain('canary');
  });

  test('the pass key makes an authority', async () => {
    const authority = createPassAuthority(await loadPassKeys(file('pass')));
    expect(authority.issue(ALICE, 'payments', NOW).secret).toHaveLength(43);
  });
});

describe('rotation', () => {
  test('publishes first, signs later, and rejects no token in between', async () => {
    let nowMs = 0;
    const ring = await openKeyRing(file('callSigning'), 'call-signing', { nowMs: () => nowMs });
    const cachedByServer = createLocalJWKSet(await ring.publicJwks());
    const oldToken = await mintCallToken(ring, TERMS);

    const kid = await addNextKey(dir, 'call-signing');
    nowMs += 6_000;
    const published = await ring.publicJwks();
    expect(published.keys).toHaveLength(2);
    expect(published.keys[1]?.kid).toBe(kid);
    const duringRotation = await mintCallToken(ring, TERMS);
    await expect(compactVerify(duringRotation, cachedByServer)).resolves.toBeDefined();

    await activateKey(dir, 'call-signing', kid);
    nowMs += 6_000;
    expect((await ring.publicJwks()).keys[0]?.kid).toBe(kid);
    const newToken = await mintCallToken(ring, TERMS);
    expect(decodeProtectedHeader(newToken).kid).toBe(kid);
    const renewed = createLocalJWKSet(published);
    for (const token of [oldToken, newToken]) await expect(compactVerify(token, renewed)).resolves.toBeDefined();
    expect((await readJson<PublicJwks>('callSigningPublic')).keys).toHaveLength(2);
  });

  test('a key that was never added cannot sign', async () => {
    await expect(activateKey(dir, 'receipt', 'x')).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' });
  });

  test('a damaged file is reported and the old key signs on', async () => {
    let nowMs = 0;
    const reported: unknown[] = [];
    const options = { nowMs: () => nowMs, onError: (error: unknown) => reported.push(error) };
    const ring = await openKeyRing(file('callSigning'), 'call-signing', options);
    const before = await ring.publicJwks();
    await writeFile(file('callSigning'), await readFile(file('receipt')));
    nowMs += 6_000;
    expect(await ring.publicJwks()).toEqual(before);
    expect(reported).toMatchObject([{ code: 'ERR_CONFIG_INVALID' }]);
  });
});

describe('the JWT of a call', () => {
  const mint = async (change: Partial<CallTokenTerms> = {}) => {
    const ring = await openKeyRing(file('callSigning'), 'call-signing');
    return { token: await mintCallToken(ring, { ...TERMS, ...change }), jwks: await ring.publicJwks() };
  };

  test('is what an MCP server verifies in ten lines', async () => {
    const { token, jwks } = await mint();
    const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet({ keys: [...jwks.keys] }), {
      issuer: TERMS.issuer,
      audience: TERMS.audience,
      algorithms: ['ES256'],
      currentDate: new Date(NOW),
    });
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'JWT', kid: jwks.keys[0]?.kid });
    expect(payload).toEqual({
      iss: 'https://flow.example.com',
      aud: 'https://plural-mcp.plural.sh',
      sub: 'alice',
      email: 'a@example.com',
      groups: ['support'],
      admin: false,
      jti: `${CALL}.1`,
      act: { sub: 'flow:payments' },
      flow_mcp: { server: 'plural', tool: 'set_plan', args_sha256: 'a'.repeat(64) },
      iat: 1_700_000_000,
      nbf: 1_699_999_970,
      exp: 1_700_000_031,
    });
  });

  test('M1: outlives the run by less than a second', async () => {
    for (const ms of [1, 999, 1_000, 29_999]) {
      const { exp = 0 } = decodeJwt((await mint({ expiresAtMs: NOW + ms })).token);
      expect(exp * 1000).toBeGreaterThanOrEqual(NOW + ms);
      expect(exp * 1000 - (NOW + ms)).toBeLessThan(1_000);
    }
  });

  test('M3: of flow-mcp itself names no person and no Flow', async () => {
    const ring = await openKeyRing(file('callSigning'), 'call-signing');
    const { issuer, audience, server, nowMs, expiresAtMs } = TERMS;
    const claims = decodeJwt(
      await mintServiceToken(ring, { issuer, audience, server, nowMs, expiresAtMs, groups: ['support'] }),
    );
    expect(claims).toMatchObject({ sub: 'flow-mcp', groups: ['support'], admin: false });
    expect(claims).not.toHaveProperty('act');
  });

  test('Y2: no public member of the ring is private', async () => {
    expect(JSON.stringify((await mint()).jwks)).not.toContain('"d"');
  });
});

describe('receipts', () => {
  const vote = { voter: ALICE, vote: 'accept' as const, digest: 'd'.repeat(64), pass: 'a.b.c', hmac: 'h'.repeat(43) };
  const decision: Decision = {
    flow: 'payments',
    callId: CALL,
    digest: 'd'.repeat(64),
    decision: 'accepted',
    votes: [vote],
    reason: 'fine',
  };
  const invalid = expect.objectContaining({ code: 'ERR_RECEIPT_INVALID' }) as Error;
  const keysOf = async () => (await openPublicKeys(file('receiptPublic'), 'receipt')).read();
  const sign = async (given = decision) => signReceipt(await openKeyRing(file('receipt'), 'receipt'), given, NOW);

  test('prove a decision to whoever has the published keys', async () => {
    await expect(verifyReceipt(await sign(), await keysOf(), decision)).resolves.toBe(1_700_000_000_000);
  });

  test('are proved by old keys after a rotation', async () => {
    const receipt = await sign();
    await activateKey(dir, 'receipt', await addNextKey(dir, 'receipt'));
    await expect(verifyReceipt(receipt, await keysOf(), decision)).resolves.toBeDefined();
  });

  const { reason: _, ...withoutReason } = decision;
  const changes: Record<string, Partial<Decision>> = {
    'another call': { callId: CALL.replace('8057', '8058') },
    'another Flow': { flow: 'other' },
    'another digest': { digest: 'e'.repeat(64) },
    'another decision': { decision: 'declined' },
    'another reason': { reason: 'because' },
    'no votes': { votes: [] },
    'a vote more': { votes: [vote, vote] },
    'another voter': { votes: [{ ...vote, voter: { ...ALICE, sub: 'bob' } }] },
    'the opposite vote': { votes: [{ ...vote, vote: 'decline' }] },
    'other evidence': { votes: [{ ...vote, hmac: 'i'.repeat(43) }] },
  };
  test.each(Object.entries(changes))('R2: are not for %s', async (_name, change) => {
    await expect(verifyReceipt(await sign(), await keysOf(), { ...decision, ...change })).rejects.toEqual(invalid);
  });

  test('R2: are not for the same decision without its reason', async () => {
    await expect(verifyReceipt(await sign(), await keysOf(), withoutReason)).rejects.toEqual(invalid);
  });

  test('R1: a call-signing key makes none, even where its public half is published beside', async () => {
    const calls = await openKeyRing(file('callSigning'), 'call-signing');
    const forged = await signReceipt(calls as never, decision, NOW);
    const mixed = { keys: [...(await keysOf()).keys, ...(await calls.publicJwks()).keys] };
    await expect(verifyReceipt(forged, mixed, decision)).rejects.toEqual(invalid);
  });

  test('R1: a receipt key mints no JWT that a server would take', async () => {
    const receipts = await openKeyRing(file('receipt'), 'receipt');
    const forged = await mintCallToken(receipts as never, TERMS);
    const calls = await openKeyRing(file('callSigning'), 'call-signing');
    await expect(compactVerify(forged, createLocalJWKSet(await calls.publicJwks()))).rejects.toThrow();
  });

  test('another typ of the right key is no receipt', async () => {
    const { keys } = await readJson<PrivateJwks>('receipt');
    const [, payload = ''] = (await sign()).split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', kid: keys[0]?.kid ?? '', typ: 'JWT' })
      .sign(await importJWK({ ...keys[0] }, 'ES256'));
    await expect(verifyReceipt(token, await keysOf(), decision)).rejects.toEqual(invalid);
  });

  test.each(['', 'a.b.c', '..', 'e30.e30.e30'])('%j is no receipt', async (text) => {
    await expect(verifyReceipt(text, await keysOf(), decision)).rejects.toEqual(invalid);
  });

  test('fit the contract with 32 votes and a reason of 1,000 characters', async () => {
    const large = { ...decision, votes: Array.from({ length: 32 }, () => vote), reason: '\u{20ac}'.repeat(1_000) };
    expect((await sign(large)).length).toBeLessThan(16_384);
  });
});
