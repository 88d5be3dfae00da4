// Where we connect to, with real sockets: who is resolved, who is checked, and whose certificate is believed.

import { createServer, type AddressInfo } from 'node:net';
import { generate } from 'selfsigned';
import type { UpstreamOptions } from './create-upstream.js';
import { testUpstream } from './testing/calls.js';
import { closingAfterEach } from './testing/opened.js';
import { HELLO, json, mcpScript, startScriptedServer, type ScriptedServer } from './testing/scripted-server.js';

const opened = closingAfterEach();

const greeting = mcpScript((request) => json(request, HELLO));

async function serving(tls?: { key: string; cert: string }): Promise<ScriptedServer> {
  const server = await startScriptedServer(greeting, tls);
  opened(server);
  return server;
}

function calling(url: string, options: UpstreamOptions) {
  const { upstream, call } = testUpstream(options);
  opened(upstream);
  return call(url);
}

/** A certificate for `name`, and the authority (itself) that vouches for it. */
async function certificateFor(name: string) {
  const extensions = [{ name: 'subjectAltName' as const, altNames: [{ type: 2 as const, value: name }] }];
  const { private: key, cert } = await generate([{ name: 'commonName', value: name }], { keyType: 'ec', extensions });
  return { key, cert };
}

describe('G2', () => {
  it('A1: connects to no private address by default, however it is written', async () => {
    const { port, connections } = await serving();
    for (const host of ['127.0.0.1', 'localhost', '2130706433', '[::1]', '[::ffff:127.0.0.1]', '0.0.0.0'])
      expect(await calling(`http://${host}:${port}/mcp`, { addresses: {} })).toMatchObject({
        kind: 'not_sent',
        code: 'ERR_UPSTREAM_FORBIDDEN_ADDRESS',
      });
    expect(connections()).toBe(0);
  });

  it('refuses a name with a forbidden address among public ones', async () => {
    const { port, connections } = await serving();
    const lookup = async () => ['93.184.215.14', '127.0.0.1'];
    expect(await calling(`http://mcp.test:${port}/mcp`, { addresses: {}, lookup })).toMatchObject({
      kind: 'not_sent',
      code: 'ERR_UPSTREAM_FORBIDDEN_ADDRESS',
    });
    expect(connections()).toBe(0);
  });

  it.each(['ftp://127.0.0.1/', 'http://user:secret@127.0.0.1/', 'not a url'])('refuses the url %s', async (url) => {
    const answer = await calling(url, {});
    expect(answer).toMatchObject({ kind: 'not_sent', code: 'ERR_UPSTREAM_FORBIDDEN_ADDRESS' });
    expect(JSON.stringify(answer)).not.toContain('secret');
  });
});

describe('G1', () => {
  it('connects to the address that was checked: there is one lookup for each connection', async () => {
    const server = await serving();
    const asked: string[] = [];
    const lookup = async (host: string) => (asked.push(host), ['127.0.0.1']);
    expect(await calling(`http://mcp.test:${server.port}/mcp`, { lookup })).toMatchObject({ kind: 'answered' });
    expect(asked).toEqual(Array.from({ length: server.connections() }, () => 'mcp.test'));
    expect((await server.next('tools/call')).headers.host).toBe(`mcp.test:${server.port}`);
  });

  it('is not fooled by a name that changes its address', async () => {
    const server = await serving();
    const answers = [['127.0.0.1']];
    const { upstream, call } = testUpstream({ lookup: async () => answers.shift() ?? ['169.254.169.254'] });
    opened(upstream);
    const url = `http://mcp.test:${server.port}/mcp`;
    const calls = await Promise.all(['ann', 'bob', 'cho'].map((person) => call(url, { person })));
    expect(calls.filter(({ kind }) => kind !== 'answered')).toContainEqual(
      expect.objectContaining({ kind: 'not_sent', code: 'ERR_UPSTREAM_FORBIDDEN_ADDRESS' }),
    );
    expect(server.connections()).toBe(1);
  });

  it('tries the next address when one does not answer', async () => {
    const server = await serving();
    const lookup = async () => ['127.0.0.2', '127.0.0.1'];
    expect(await calling(`http://mcp.test:${server.port}/mcp`, { lookup })).toMatchObject({ kind: 'answered' });
  });

  it('says that a name has no address', async () => {
    expect(await calling('http://mcp.test/', { lookup: async () => [] })).toMatchObject({
      kind: 'not_sent',
      code: 'ERR_UPSTREAM_DNS',
    });
  });
});

describe('TLS', () => {
  it('G3: serves the public name of a server from here, with an authority of ours', async () => {
    const certificate = await certificateFor('plural-mcp.plural.sh');
    const server = await serving(certificate);
    const options = {
      resolveOverrides: { 'plural-mcp.plural.sh:443': `127.0.0.1:${server.port}` },
      extraCa: certificate.cert,
    };
    expect(await calling('https://plural-mcp.plural.sh', options)).toMatchObject({ kind: 'answered' });
    expect((await server.next('tools/call')).headers.host).toBe('plural-mcp.plural.sh');
  });

  it('G3: an override must be to an allowed address, too', async () => {
    const server = await serving();
    const resolveOverrides = { 'mcp.test:80': `127.0.0.1:${server.port}` };
    expect(await calling('http://mcp.test', { addresses: {}, resolveOverrides })).toMatchObject({
      code: 'ERR_UPSTREAM_FORBIDDEN_ADDRESS',
    });
    expect(await calling('http://mcp.test', { resolveOverrides })).toMatchObject({ kind: 'answered' });
  });

  it('sends nothing to a server whose certificate is not trusted, for another name, or no certificate at all', async () => {
    const certificate = await certificateFor('other.test');
    const secure = await serving(certificate);
    const plain = await serving();
    const at = (port: number) => ({ resolveOverrides: { 'mcp.test:443': `127.0.0.1:${port}` } });
    for (const options of [at(secure.port), { ...at(secure.port), extraCa: certificate.cert }, at(plain.port)])
      expect(await calling('https://mcp.test', options)).toMatchObject({ kind: 'not_sent', code: 'ERR_UPSTREAM_TLS' });
    expect(secure.received).toEqual([]);
  });

  it('sends nothing to a server that accepts connections and then keeps silent', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined).resume());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    opened({ close: () => new Promise((resolve) => silent.close(resolve)) });
    const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
    expect(await calling(url, { limits: { connectTimeoutMs: 50 } })).toMatchObject({
      kind: 'not_sent',
      code: 'ERR_UPSTREAM_TIMEOUT',
    });
  });
});
