import type { Actor } from '@flow-mcp/contracts';
import fc from 'fast-check';
import { createHmac, randomBytes } from 'node:crypto';
import { createPassAuthority, PASS_LIFETIME_MS, type PassKey, type SignedRequest, type SignedVote } from './passes.js';
import { signVote, signWithSecret, voterToken, type VoteContent } from './signing.js';

const NOW = 1_700_000_000_000;
const ALICE: Actor = {
  iss: 'https://id.example.com',
  sub: 'alice',
  email: 'alice@example.com',
  name: 'Alice',
  groups: ['support'],
  admin: false,
};
const CAROL: Actor = { ...ALICE, sub: 'carol', email: 'carol@example.com' };
const CALL = '01890a5d-ac96-774b-bcce-b302099a8057';
const SUBJECT = `flowmcp.v1.calls.payments.${CALL}.requested`;

const key = (): PassKey => ({ kid: randomBytes(8).toString('hex'), key: randomBytes(32) });
const master = key();
const authority = createPassAuthority([master]);
const invalid = expect.objectContaining({ code: 'ERR_PASS_INVALID' }) as Error;

function request(change: Partial<SignedRequest> = {}, person = ALICE): SignedRequest {
  const payload = Buffer.from('{"tool":"get_account"}');
  const { pass, secret } = authority.issue(person, 'payments', NOW);
  const hmac = signWithSecret(secret, SUBJECT, payload);
  return { pass, hmac, subject: SUBJECT, payload, flow: 'payments', nowMs: NOW, ...change };
}

test('a signed request is from the person whose token was traded', () => {
  expect(authority.verify(request())).toEqual(ALICE);
  const bare: Actor = { iss: 'i', sub: 's', groups: [], admin: true };
  expect(authority.verify(request({}, bare))).toEqual(bare);
});

describe('P3: one person, one Flow, five minutes', () => {
  test('good until its last millisecond', () => {
    const { expiresAtMs } = authority.issue(ALICE, 'payments', NOW);
    expect(expiresAtMs).toBe(NOW + PASS_LIFETIME_MS);
    expect(authority.verify(request({ nowMs: expiresAtMs - 1 }))).toEqual(ALICE);
    expect(() => authority.verify(request({ nowMs: expiresAtMs }))).toThrow(invalid);
  });

  test('not for another Flow', () => {
    expect(() => authority.verify(request({ flow: 'other' }))).toThrow(invalid);
  });
});

describe('S1: what lies in the ledger signs nothing else', () => {
  const stolen = request();
  test.each([
    ['another subject', { subject: SUBJECT.replace('8057', '8058') }],
    ['another payload', { payload: Buffer.from('{"tool":"drop_account"}') }],
    ['no payload', { payload: new Uint8Array() }],
    ['a line feed moved from payload to subject', { subject: `${SUBJECT}\n{`, payload: stolen.payload.subarray(1) }],
    ['an empty HMAC', { hmac: '' }],
    ['an HMAC keyed with nothing', { hmac: signWithSecret('', SUBJECT, stolen.payload) }],
    ['an HMAC keyed with the pass', { hmac: createHmac('sha256', stolen.pass).update(SUBJECT).digest('base64url') }],
  ])('refuses %s', (_name, change) => {
    expect(() => authority.verify({ ...stolen, ...change })).toThrow(invalid);
  });

  test('P4: the secret of another pass of the same person does not fit', () => {
    const { secret } = authority.issue(ALICE, 'payments', NOW);
    expect(() => authority.verify({ ...stolen, hmac: signWithSecret(secret, SUBJECT, stolen.payload) })).toThrow(
      invalid,
    );
  });
});

describe('P1, P2: only what an executor wrote is a pass', () => {
  const { pass } = request();
  const [header = '', payload = '', signature = ''] = pass.split('.');
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const forge = (head: object, body: unknown, signingKey: Uint8Array | string) => {
    const signed = `${encode(head)}.${encode(body)}`;
    return `${signed}.${createHmac('sha256', signingKey).update(signed).digest('base64url')}`;
  };
  const claims = { jti: 'x', flow: 'payments', exp: 9_999_999_999, person: { ...ALICE, admin: true } };
  const head = { alg: 'HS256', typ: 'flow-mcp-pass+jwt', kid: master.kid };

  test.each([
    ['nothing', ''],
    ['one dot', '.'],
    ['two dots', '..'],
    ['alg none, no signature', `${encode({ ...head, alg: 'none' })}.${encode(claims)}.`],
    ['our header, no signature', `${header}.${payload}.`],
    ['alg HS512', `${encode({ ...head, alg: 'HS512' })}.${payload}.${signature}`],
    ['another typ', `${encode({ ...head, typ: 'JWT' })}.${payload}.${signature}`],
    ['another kid', `${encode({ ...head, kid: 'x' })}.${payload}.${signature}`],
    ['a crit header', `${encode({ ...head, crit: ['exp'] })}.${payload}.${signature}`],
    [
      'the same header spelled otherwise',
      `${encode({ typ: head.typ, alg: head.alg, kid: head.kid })}.${payload}.${signature}`,
    ],
    ['another payload', `${header}.${encode(claims)}.${signature}`],
    ['a fourth part', `${pass}.x`],
    ['signed with the key id', forge(head, claims, master.kid)],
    ['signed with the master key itself', forge(head, claims, master.key)],
    [
      'signed by another authority',
      createPassAuthority([{ ...key(), kid: master.kid }]).issue(ALICE, 'payments', NOW).pass,
    ],
    ['a signature with spare bits set', pass.slice(0, -1) + String.fromCharCode(pass.charCodeAt(pass.length - 1) + 1)],
    ['a megabyte', `${header}.${'A'.repeat(1 << 20)}.${signature}`],
  ])('refuses %s', (_name, forged) => {
    expect(() => authority.verify(request({ pass: forged }))).toThrow(invalid);
  });

  test('no change of a single character is accepted', () => {
    const given = request();
    fc.assert(
      fc.property(fc.nat(given.pass.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, char) => {
        fc.pre(given.pass[at] !== char);
        const changed = given.pass.slice(0, at) + char + given.pass.slice(at + 1);
        expect(() => authority.verify({ ...given, pass: changed })).toThrow(invalid);
      }),
      { numRuns: 3_000 },
    );
  });
});

test('a person in too many groups for a pass is told so', () => {
  const groups = Array.from({ length: 512 }, (_, n) => `${'g'.repeat(200)}${n}`);
  expect(() => authority.issue({ ...ALICE, groups }, 'payments', NOW)).toThrow(
    expect.objectContaining({ code: 'ERR_TOKEN_INVALID' }) as Error,
  );
});

test('after a rotation the old key verifies and the new one issues', () => {
  const next = key();
  const rotated = createPassAuthority([next, master]);
  expect(rotated.verify(request())).toEqual(ALICE);
  const { pass } = rotated.issue(ALICE, 'payments', NOW);
  expect(() => authority.verify(request({ pass }))).toThrow(invalid);
});

describe('votes', () => {
  const content: VoteContent = { flow: 'payments', callId: CALL, digest: 'd'.repeat(64), vote: 'accept' };

  function vote(change: Partial<SignedVote> = {}, signed: VoteContent = content): SignedVote {
    const { pass, secret } = authority.issue(CAROL, 'payments', NOW);
    return { ...content, pass, hmac: signVote(secret, signed), votedAtMs: NOW, ...change };
  }

  test('a vote is from the person whose pass signed it, with or without a reason', () => {
    expect(authority.verifyVote(vote())).toEqual(CAROL);
    const because = { ...content, reason: 'looks\ngood' };
    expect(authority.verifyVote(vote(because, because))).toEqual(CAROL);
  });

  test.each([
    ['for declining', { vote: 'decline' as const }],
    ['on another call', { callId: CALL.replace('8057', '8058') }],
    ['on another digest', { digest: 'e'.repeat(64) }],
    ['in another Flow', { flow: 'other' }],
    ['with a reason put in', { reason: 'because' }],
    ['cast after the pass expired', { votedAtMs: NOW + PASS_LIFETIME_MS }],
    ['with the pass of somebody else', { pass: authority.issue(ALICE, 'payments', NOW).pass }],
  ])('a vote does not count %s', (_name, change) => {
    expect(() => authority.verifyVote(vote(change))).toThrow(invalid);
  });

  test('S2: the HMAC of a request is no vote, whatever its payload', () => {
    const { pass, secret } = authority.issue(CAROL, 'payments', NOW);
    const payload = Buffer.from(`payments\n${CALL}\n${content.digest}\naccept\n`);
    expect(() => authority.verifyVote(vote({ pass, hmac: signWithSecret(secret, SUBJECT, payload) }))).toThrow(invalid);
  });

  test('a program without this library signs alike', () => {
    const secret = randomBytes(32);
    const lines = `flow-mcp-vote/v1\npayments\n${CALL}\n${content.digest}\naccept\n`;
    const hmac = createHmac('sha256', secret).update(lines).digest('base64url');
    expect(signVote(secret.toString('base64url'), content)).toBe(hmac);
  });

  test('voters of different issuers are different voters', () => {
    expect(voterToken(ALICE)).toMatch(/^[0-9a-f]{64}$/);
    expect(voterToken({ ...ALICE, iss: 'https://other.example.com' })).not.toBe(voterToken(ALICE));
  });
});

test('a check costs microseconds', () => {
  const given = request();
  const startedAt = performance.now();
  for (let n = 0; n < 5_000; n++) authority.verify(given);
  expect((performance.now() - startedAt) / 5_000).toBeLessThan(0.2);
});
