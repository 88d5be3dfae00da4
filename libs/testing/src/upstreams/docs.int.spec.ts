// What the documentation tells server owners to register and to run is true.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { jest } from '@jest/globals';
import { RESOURCE_CONTRACTS } from '@flow-mcp/contracts';
import { transformSync } from '@swc/core';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { parseAllDocuments } from 'yaml';
import { listenOnLoopback } from './loopback-server.js';

jest.setTimeout(60_000);

const page = (name: string) => readFileSync(new URL(`../../../../docs/${name}`, import.meta.url), 'utf8');
const blocks = (name: string, language: string) =>
  [...page(name).matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, block = '']) => block);

describe('docs/registering.md', () => {
  const resources = blocks('registering.md', 'yaml')
    .flatMap((block) => parseAllDocuments(block))
    .map((document) => document.toJS() as { kind: keyof typeof RESOURCE_CONTRACTS; metadata: { name: string } });

  it.each(resources.map((resource) => [resource.metadata.name, resource] as const))(
    'registers %s',
    (_name, resource) => {
      expect(RESOURCE_CONTRACTS[resource.kind].strict.safeParse(resource).error).toBeUndefined();
    },
  );

  it('starts the versions that the tests run', () => {
    const { dependencies } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const started = [...page('registering.md').matchAll(/npx -y ((?:@[\w-]+\/)?[\w-]+)@([\d.]+)/g)];
    expect(started.length).toBeGreaterThan(7);
    for (const [, name = '', version] of started) expect([name, dependencies[name]]).toEqual([name, version]);
  });
});

describe('docs/verifying-our-jwt.md', () => {
  it('verifies a token as shown, and refuses one for another server', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k1' }] });
    const issuer = await listenOnLoopback((_req, res) => res.setHeader('content-type', 'application/json').end(jwks));
    const token = (audience: string) =>
      new SignJWT({})
        .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
        .setIssuer('https://flow-mcp.example.com')
        .setAudience(audience)
        .setSubject('ada')
        .setJti('call.1')
        .setExpirationTime('1m')
        .sign(privateKey);
    const tokens = [await token('https://plural-mcp.plural.sh'), await token('https://elsewhere.example.com')];
    try {
      expect(await runSnippet(`${issuer.url}/jwks.json`, tokens)).toEqual(['ada', 'ERR_JWT_CLAIM_VALIDATION_FAILED']);
    } finally {
      await issuer.stop();
    }
  });
});

/** Runs the page's TypeScript in a process of its own and answers, for each token, the `sub` or the error's code. */
async function runSnippet(jwksUrl: string, tokens: readonly string[]): Promise<string[]> {
  const [snippet = ''] = blocks('verifying-our-jwt.md', 'ts');
  const source = snippet.replace('https://flow-mcp.example.com/.well-known/jwks.json', jwksUrl);
  const use = `for (const token of ${JSON.stringify(tokens)})
    console.log(await verifyCaller('Bearer ' + token).then(({ sub }) => sub, ({ code }) => code));`;
  const { code } = transformSync(source + use, { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } });
  const cwd = dirname(fileURLToPath(import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], { cwd });
  return stdout.trim().split('\n');
}
