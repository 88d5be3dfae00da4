import { createPersonVerifier, signInDevelopment } from '@flow-mcp/identity';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from './config.js';
import { startIssuer, type RunningIssuer } from './issuer.js';
import { loadPeople } from './people.js';

let dataDir: string;
let running: RunningIssuer;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'flow-mcp-dev-issuer-'));
  running = await startIssuer(0, dataDir, await loadPeople(undefined));
});
afterAll(async () => {
  await running.close();
  await rm(dataDir, { recursive: true });
});

function verifier(audience = 'flow-mcp') {
  return createPersonVerifier({ issuer: running.issuer, audience, adminGroups: ['admins'], allowDevelopment: true });
}

test.each([
  ['alice', ['support'], false],
  ['bob', ['sre'], false],
  ['carol', ['payments-dev', 'support'], false],
  ['root', ['admins'], true],
])('%s signs in without a browser', async (sub, groups, admin) => {
  const token = await signInDevelopment(running.issuer, sub);
  const person = await verifier().verify(token);
  const name = sub.charAt(0).toUpperCase() + sub.slice(1);
  expect(person).toEqual({ iss: running.issuer, sub, email: `${sub}@example.com`, name, groups, admin });
});

test('a stranger does not', async () => {
  await expect(signInDevelopment(running.issuer, 'mallory')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
  await expect(signInDevelopment(`${running.issuer}/nowhere`, 'alice')).rejects.toMatchObject({
    code: 'ERR_SERVICE_UNAVAILABLE',
  });
});

test('D1: a service off loopback refuses it', async () => {
  const strict = createPersonVerifier({
    issuer: running.issuer,
    audience: 'flow-mcp',
    adminGroups: [],
    allowDevelopment: false,
  });
  await expect(strict.connect()).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' });
});

test('D2: a token is good for an hour', async () => {
  const [, payload = ''] = (await signInDevelopment(running.issuer, 'alice')).split('.');
  const { iat, exp } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { iat: number; exp: number };
  expect(exp - iat).toBe(3_600);
});

/** A browser, as far as this takes one: keeps cookies, follows no redirect by itself. */
function browser() {
  const cookies = new Map<string, string>();
  return async (url: string, init: RequestInit = {}) => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(new URL(url, running.issuer), { ...init, redirect: 'manual', headers: { cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    return { response, location: response.headers.get('location') ?? '', text: await response.text() };
  };
}

test('a person signs in with a browser, by code and PKCE', async () => {
  const visit = browser();
  const codeVerifier = randomBytes(32).toString('base64url');
  const authorize = new URLSearchParams({
    client_id: 'flow-mcp-development',
    response_type: 'code',
    redirect_uri: 'http://127.0.0.1:5555/callback',
    scope: 'openid email profile groups',
    code_challenge: createHash('sha256').update(codeVerifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const { location: signIn } = await visit(`/auth?${authorize.toString()}`);
  expect((await visit(signIn)).text).toContain('Carol');
  const { location: resume } = await visit(`${signIn}?person=carol`, { method: 'POST' });
  const { location: callback } = await visit(resume);
  const code = new URL(callback).searchParams.get('code') ?? '';

  const exchange = new URLSearchParams({
    grant_type: 'authorization_code',
    client_id: 'flow-mcp-development',
    redirect_uri: 'http://127.0.0.1:5555/callback',
    code,
    code_verifier: codeVerifier,
  });
  const { text } = await visit('/token', { method: 'POST', body: exchange });
  const tokens = JSON.parse(text) as { access_token: string; id_token: string };
  const carol = { sub: 'carol', email: 'carol@example.com', groups: ['payments-dev', 'support'] };
  await expect(verifier().verify(tokens.access_token)).resolves.toMatchObject(carol);
  await expect(verifier('flow-mcp-development').verify(tokens.id_token)).resolves.toMatchObject(carol);
});

test('the sign-in page is no way around an authorization request', async () => {
  const { response } = await browser()('/sign-in/x?person=root', { method: 'POST' });
  expect(response.status).toBe(400);
});

test('a page under another name gets nothing', async () => {
  const status = await new Promise((resolve, reject) => {
    const url = new URL('/.well-known/openid-configuration', running.issuer);
    const sent = httpRequest(url, { headers: { host: 'evil.example.com' } }, ({ statusCode }) => resolve(statusCode));
    sent.on('error', reject).end();
  });
  expect(status).toBe(421);
});

test('a restart keeps url, keys and tokens', async () => {
  const token = await signInDevelopment(running.issuer, 'alice');
  const { issuer } = running;
  await running.close();
  running = await startIssuer(0, dataDir, await loadPeople(undefined));
  expect(running.issuer).toBe(issuer);
  await expect(verifier().verify(token)).resolves.toMatchObject({ sub: 'alice' });
});

test('a port that is taken is an error where it was asked for, and given up where it was only remembered', async () => {
  const port = Number(new URL(running.issuer).port);
  const people = await loadPeople(undefined);
  await expect(startIssuer(port, dataDir, people)).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' });
  const dir = await mkdtemp(join(tmpdir(), 'flow-mcp-dev-issuer-'));
  const first = await startIssuer(0, dir, people);
  await first.close();
  const squatter = createServer().listen(Number(new URL(first.issuer).port), '127.0.0.1');
  const second = await startIssuer(0, dir, people);
  expect(second.issuer).not.toBe(first.issuer);
  await second.close();
  await new Promise((resolve) => squatter.close(resolve));
  await rm(dir, { recursive: true });
});

test('people come from a YAML file', async () => {
  const file = join(dataDir, 'people.yaml');
  await writeFile(file, '- {sub: dave, email: dave@example.com, name: Dave, groups: [ops]}\n');
  expect([...(await loadPeople(file)).keys()]).toEqual(['dave']);
});

test.each([
  ['no YAML', ':\n- {'],
  ['no people', '[]'],
  ['somebody without groups', '- {sub: dave, email: d@example.com, name: Dave}'],
  ['a misspelt field', '- {sub: dave, email: d@example.com, name: Dave, groups: [], group: x}'],
])('a file with %s is refused', async (_name, text) => {
  const file = join(dataDir, 'people.yaml');
  await writeFile(file, text);
  await expect(loadPeople(file)).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' });
});

test('a damaged data file is named', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'flow-mcp-dev-issuer-'));
  await writeFile(join(dir, 'dev-issuer.json'), '{');
  await expect(startIssuer(0, dir, new Map())).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' });
  await rm(dir, { recursive: true });
});

test('the private key is in the data folder only', async () => {
  const { jwk } = JSON.parse(await readFile(join(dataDir, 'dev-issuer.json'), 'utf8')) as { jwk: { d: string } };
  expect(await (await fetch(`${running.issuer}/jwks`)).text()).not.toContain(jwk.d);
});

test('an unknown or missing variable is an error that names it', () => {
  expect(() => loadConfig({ FLOWMCP_DEV_ISSUER_DATA_DIR: 'x', FLOWMCP_DEV_ISSUER_PROT: '1' })).toThrow(/PROT/);
  expect(() => loadConfig({})).toThrow(/FLOWMCP_DEV_ISSUER_DATA_DIR/);
  expect(loadConfig({ FLOWMCP_DEV_ISSUER_DATA_DIR: 'x', HOME: '/' })).toMatchObject({ port: 0, dataDir: 'x' });
});
