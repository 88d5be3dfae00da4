import { actorSchema } from '@flow-mcp/contracts';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT, type JWTPayload } from 'jose';
import { assertIssuersDiffer } from './issuer.js';
import { isLoopback } from './loopback.js';
import { createPersonVerifier, type PersonVerifierOptions } from './person-verifier.js';

const ISSUER = 'https://id.example.com/realm';
const NOW = 1_700_000_000_000;
const NOW_S = NOW / 1000;

async function makeKey(alg: string, kid: string) {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, kid, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, use: 'sig' } };
}
type TestKey = Awaited<ReturnType<typeof makeKey>>;

/** An identity provider as `fetch` sees it; counts requests, and its answers can be changed. */
function fakeIssuer(keys: readonly TestKey[], metadata: object = {}) {
  const state = { keys, metadata, requests: 0, isUp: true };
  const fetch = async (input: unknown): Promise<Response> => {
    state.requests += 1;
    if (!state.isUp) throw new TypeError('fetch failed');
    const path = String(input).slice(ISSUER.length);
    if (path === '/.well-known/openid-configuration')
      return Response.json({ issuer: ISSUER, jwks_uri: `${ISSUER}/jwks`, ...state.metadata });
    if (path === '/jwks') return Response.json({ keys: state.keys.map(({ jwk }) => jwk) });
    return new Response('', { status: 404 });
  };
  return { state, fetch: fetch as typeof globalThis.fetch };
}

const es256 = await makeKey('ES256', 'es');
const others = await Promise.all([makeKey('RS256', 'rs'), makeKey('PS256', 'ps'), makeKey('EdDSA', 'ed')]);
const es384 = await makeKey('ES384', 'es384');
const issuer = fakeIssuer([es256, ...others, es384]);

function verifierOf(options: Partial<PersonVerifierOptions> = {}) {
  return createPersonVerifier({
    issuer: ISSUER,
    audience: 'flow-mcp',
    adminGroups: ['admins'],
    allowDevelopment: false,
    fetch: issuer.fetch,
    nowMs: () => NOW,
    ...options,
  });
}
const verifier = verifierOf();

const CLAIMS = {
  iss: ISSUER,
  aud: 'flow-mcp',
  sub: 'alice',
  email: 'alice@example.com',
  name: 'Alice',
  groups: ['support'],
  iat: NOW_S - 60,
  exp: NOW_S + 60,
};

async function token(change: JWTPayload = {}, header: object = {}, { alg, kid, privateKey } = es256): Promise<string> {
  return new SignJWT({ ...CLAIMS, ...change }).setProtectedHeader({ alg, kid, ...header }).sign(privateKey);
}

const refused = (code: string) => expect.objectContaining({ name: 'RefusedError', code }) as Error;

test.each([es256, ...others])('signs in with $alg', async (key) => {
  await expect(verifier.verify(await token({}, {}, key))).resolves.toEqual({
    iss: ISSUER,
    sub: 'alice',
    email: 'alice@example.com',
    name: 'Alice',
    groups: ['support'],
    admin: false,
  });
});

describe('V1, V2: nobody signs in with', () => {
  const evil = makeKey('ES256', 'es');
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const hs256WithPublicKey = async () => {
    const pem = new TextEncoder().encode(await exportSPKI(es256.publicKey));
    return new SignJWT(CLAIMS).setProtectedHeader({ alg: 'HS256', kid: 'es' }).sign(pem);
  };
  const corpus: Record<string, () => Promise<string> | string> = {
    nothing: () => '',
    'a word': () => 'alice',
    'three dots': () => '...',
    'garbage in three parts': () => 'e30.e30.e30',
    'alg none': () => new UnsecuredJWT(CLAIMS).encode(),
    'alg none, our kid': () => `${encode({ alg: 'none', kid: 'es' })}.${encode(CLAIMS)}.`,
    'HS256 keyed with the public key': hs256WithPublicKey,
    'an algorithm that the issuer has keys for, but is not pinned': () => token({}, {}, es384),
    "a stranger's key under our kid": async () => token({}, {}, await evil),
    'an embedded jwk': async () => token({}, { jwk: (await evil).jwk, kid: undefined }, await evil),
    'an embedded jwk and our kid': async () => token({}, { jwk: (await evil).jwk }, await evil),
    'a jku': async () => token({}, { jku: 'https://evil.example.com/jwks' }, await evil),
    'an x5u': async () => token({}, { x5u: 'https://evil.example.com/cert' }, await evil),
    'an unknown kid': () => token({}, { kid: 'unknown' }),
    'a kid that is a path': () => token({}, { kid: '../../dev/null' }),
    'a pass of ours': () => token({}, { typ: 'flow-mcp-pass+jwt' }),
    'a receipt of ours': () => token({}, { typ: 'flow-mcp-decision+jwt' }),
    'a logout token': () => token({}, { typ: 'logout+jwt' }),
    'an unknown crit': async () => {
      const [, payload, signature] = (await token()).split('.');
      return `${encode({ alg: 'ES256', kid: 'es', crit: ['x'], x: 1 })}.${payload}.${signature}`;
    },
    'another audience': () => token({ aud: 'other' }),
    'several audiences, none ours': () => token({ aud: ['a', 'b'] }),
    'no audience': () => token({ aud: undefined as never }),
    'another issuer': () => token({ iss: 'https://evil.example.com' }),
    "the issuer's url with a slash more": () => token({ iss: `${ISSUER}/` }),
    'no issuer': () => token({ iss: undefined as never }),
    'no sub': () => token({ sub: undefined as never }),
    'an empty sub': () => token({ sub: '' }),
    'no exp': () => token({ exp: undefined as never }),
    'an exp that is no number': () => token({ exp: 'tomorrow' as never }),
    'an nbf to come': () => token({ nbf: NOW_S + 60 }),
    'groups that are no list': () => token({ groups: 'admins' }),
    'a group that is no string': () => token({ groups: [1] }),
    'an e-mail that is no string': () => token({ email: {} }),
    'a name beyond 256 characters': () => token({ name: 'x'.repeat(257) }),
    'more than 16 KiB': () => token({ more: 'x'.repeat(16_384) }),
    'a header of a megabyte': async () => `${encode({ alg: 'ES256', x: 'x'.repeat(1 << 20) })}.e30.e30`,
    'a changed payload': async () => {
      const [header, , signature] = (await token()).split('.');
      return `${header}.${encode({ ...CLAIMS, groups: ['admins'] })}.${signature}`;
    },
  };

  test.each(Object.entries(corpus))('%s', async (_name, make) => {
    await expect(verifier.verify(await make())).rejects.toEqual(refused('ERR_TOKEN_INVALID'));
  });

  test('an expired token, which is told apart', async () => {
    await expect(verifier.verify(await token({ exp: NOW_S - 10 }))).rejects.toEqual(refused('ERR_TOKEN_EXPIRED'));
  });
});

test('no error says anything that stood in the token', async () => {
  const error = await verifier
    .verify(await token({ aud: 'canary', email: 'canary' }))
    .catch((thrown: unknown) => thrown);
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('canary');
  expect((error as Error).cause).toBeUndefined();
});

test('clocks may be five seconds apart', async () => {
  await expect(verifier.verify(await token({ exp: NOW_S - 4, nbf: NOW_S + 4 }))).resolves.toBeDefined();
});

describe('V3, V4: a person', () => {
  test('without groups, e-mail and name is still a person', async () => {
    const bare = await token({ groups: undefined, email: undefined, name: undefined });
    expect(actorSchema.parse(await verifier.verify(bare))).toEqual({
      iss: ISSUER,
      sub: 'alice',
      groups: [],
      admin: false,
    });
  });

  test('is an admin by group only', async () => {
    await expect(verifier.verify(await token({ admin: true }))).resolves.toMatchObject({ admin: false });
    await expect(verifier.verify(await token({ groups: ['x', 'admins'] }))).resolves.toMatchObject({ admin: true });
  });

  test('has the groups of the claim that is configured, and errors name it', async () => {
    const roles = verifierOf({ groupsClaim: 'roles' });
    await expect(roles.verify(await token({ roles: ['admins'] }))).resolves.toMatchObject({
      groups: ['admins'],
      admin: true,
    });
    await expect(roles.verify(await token({ roles: {} }))).rejects.toMatchObject({ field: 'roles' });
  });

  test('has no e-mail that the issuer did not verify', async () => {
    const person = await verifier.verify(await token({ email_verified: false }));
    expect(person).not.toHaveProperty('email');
  });
});

describe('the keys of the issuer', () => {
  test('I3: are asked for once, however many tokens arrive at once', async () => {
    const { state, fetch } = fakeIssuer([es256]);
    const counted = verifierOf({ fetch });
    const one = await token();
    await Promise.all(Array.from({ length: 20 }, () => counted.verify(one)));
    expect(state.requests).toBe(2);
  });

  test('I3: 1,000 made-up key ids cost one more request, not 1,000', async () => {
    const { state, fetch } = fakeIssuer([es256]);
    let nowMs = NOW;
    const counted = verifierOf({ fetch, nowMs: () => nowMs });
    await counted.connect();
    nowMs += 31_000;
    for (let n = 0; n < 1_000; n++) {
      const made = `${Buffer.from(`{"alg":"ES256","kid":"${n}"}`).toString('base64url')}.e30.e30`;
      await expect(counted.verify(made)).rejects.toEqual(refused('ERR_TOKEN_INVALID'));
    }
    expect(state.requests).toBe(4);
  });

  test('a new key is taken as soon as a token names it', async () => {
    const { state, fetch } = fakeIssuer([es256]);
    let nowMs = NOW;
    const rotating = verifierOf({ fetch, nowMs: () => nowMs });
    await rotating.connect();
    const next = await makeKey('ES256', 'next');
    state.keys = [es256, next];
    nowMs += 31_000;
    await expect(rotating.verify(await token({}, {}, next))).resolves.toMatchObject({ sub: 'alice' });
  });

  test('I2: a withdrawn key is forgotten with the cache', async () => {
    const { state, fetch } = fakeIssuer([es256]);
    let nowMs = NOW;
    const cached = verifierOf({ fetch, jwksCacheMs: 40_000, nowMs: () => nowMs });
    await cached.verify(await token());
    state.keys = others;
    nowMs += 41_000;
    // The first token starts the renewal without waiting for it.
    await cached.verify(await token());
    await cached.connect();
    await expect(cached.verify(await token())).rejects.toEqual(refused('ERR_TOKEN_INVALID'));
  });

  test('I2: known keys serve for an hour without the issuer, and no longer', async () => {
    const { state, fetch } = fakeIssuer([es256]);
    let nowMs = NOW;
    const cut = verifierOf({ fetch, nowMs: () => nowMs });
    const long = await token({ exp: NOW_S + 10_000 });
    await cut.verify(long);
    state.isUp = false;
    nowMs += 59 * 60_000;
    await expect(cut.verify(long)).resolves.toMatchObject({ sub: 'alice' });
    nowMs += 60_000;
    await expect(cut.verify(long)).rejects.toMatchObject({ name: 'RetryableError', code: 'ERR_SERVICE_UNAVAILABLE' });
    state.isUp = true;
    nowMs += 1_000;
    await expect(cut.verify(long)).resolves.toMatchObject({ sub: 'alice' });
  });

  test('I3: an issuer that is down is not asked for every token', async () => {
    const { state, fetch } = fakeIssuer([es256]);
    state.isUp = false;
    const down = verifierOf({ fetch });
    const one = await token();
    for (let n = 0; n < 50; n++) await expect(down.verify(one)).rejects.toMatchObject({ name: 'RetryableError' });
    expect(state.requests).toBe(1);
  });

  test.each([
    ['it calls itself otherwise', { issuer: 'https://evil.example.com' }, 'ERR_CONFIG_INVALID'],
    ['its keys come over plain http', { jwks_uri: 'http://id.example.com/jwks' }, 'ERR_CONFIG_INVALID'],
    ['it is the development issuer', { flow_mcp_development: true }, 'ERR_CONFIG_INVALID'],
    ['its keys are nowhere', { jwks_uri: `${ISSUER}/nowhere` }, 'ERR_SERVICE_UNAVAILABLE'],
    ['it says nothing of keys', { jwks_uri: undefined }, 'ERR_SERVICE_UNAVAILABLE'],
  ])('I1, I4: are refused when %s', async (_name, metadata, code) => {
    const { fetch } = fakeIssuer([es256], metadata);
    await expect(verifierOf({ fetch }).connect()).rejects.toMatchObject({ code });
    await expect(verifierOf({ fetch }).verify(await token())).rejects.toMatchObject({ code });
  });

  test('I4: the development issuer serves where it was allowed', async () => {
    const { fetch } = fakeIssuer([es256], { flow_mcp_development: true });
    await expect(verifierOf({ fetch, allowDevelopment: true }).verify(await token())).resolves.toBeDefined();
  });

  test('an endless document is cut off', async () => {
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536).fill(32)) });
    const fetch = (async () => new Response(endless)) as typeof globalThis.fetch;
    await expect(verifierOf({ fetch }).connect()).rejects.toMatchObject({ code: 'ERR_SERVICE_UNAVAILABLE' });
  });

  test.each(['http://id.example.com', 'ftp://127.0.0.1', 'id.example.com', ''])('I1: %s is no issuer', (url) => {
    expect(() => verifierOf({ issuer: url })).toThrow(refused('ERR_CONFIG_INVALID'));
  });
});

test.each([
  ['https://flow.example.com', 'https://flow.example.com/'],
  ['https://Flow.example.com:443', 'https://flow.example.com'],
])('people signed in by %s would be whomever %s says', (inbound, outbound) => {
  expect(() => assertIssuersDiffer(inbound, outbound)).toThrow(refused('ERR_CONFIG_INVALID'));
  expect(() => assertIssuersDiffer(inbound, 'https://other.example.com')).not.toThrow();
});

test.each([
  ['http://127.0.0.1:8080/x', true],
  ['nats://localhost:4222', true],
  ['http://[::1]:80', true],
  ['127.8.8.8', true],
  ['0.0.0.0', false],
  ['http://127.0.0.1.evil.example.com', false],
  ['127.evil.example.com', false],
  ['http://10.0.0.1', false],
  ['', false],
])('%s is on loopback: %s', (address, expected) => {
  expect(isLoopback(address)).toBe(expected);
});
