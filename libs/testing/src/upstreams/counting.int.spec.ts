import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { UnsecuredJWT } from 'jose';
import { startCountingServer, type CountingServer } from './counting.js';
import { callDirectly, textOf } from './sdk-client.js';

let counting: CountingServer;

beforeAll(async () => {
  counting = await startCountingServer({ pageSize: 15 });
}, 60_000);

afterAll(() => counting?.stop());

function as(jti: string, claims: Record<string, unknown> = {}) {
  const token = `${new UnsecuredJWT({ jti, ...claims }).encode()}x`;
  return { url: counting.url, headers: { authorization: `Bearer ${token}` } };
}

async function connected<T>(use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ name: 'spec', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(counting.url)));
  return use(client).finally(() => client.close());
}

describe('the counting server', () => {
  it('counts executions by call id, over the attempts, also those that it never answers', async () => {
    await callDirectly(as('call-a.1', { sub: 'ada' }), 'echo', { text: 'hi' });
    await expect(callDirectly(as('call-a.2'), 'reset')).rejects.toThrow();
    const executions = await counting.executions('call-a');
    expect(executions.map(({ jti, tool }) => [jti, tool])).toEqual([['call-a.1', 'echo'], ['call-a.2', 'reset']]); // prettier-ignore
    expect(executions[0]).toMatchObject({ claims: { sub: 'ada' }, arguments: { text: 'hi' }, cancelled: false });
    expect(await counting.executions('call-b')).toEqual([]);
  });

  it('recovers from resets after as many as it was told', async () => {
    await expect(callDirectly(as('call-r'), 'reset', { times: 1 })).rejects.toThrow();
    expect(textOf(await callDirectly(as('call-r'), 'reset', { times: 1 }))).toBe('answered');
  });

  it('tells the caller who it is, by the claims of the token', async () => {
    expect((await callDirectly(as('call-w', { sub: 'ada' }), 'whoami')).structuredContent).toMatchObject({
      sub: 'ada',
    });
  });

  it('answers every content type, and one that nobody knows, unaltered', async () => {
    const known = await callDirectly(counting, 'content');
    expect(known.content.map(({ type }) => type)).toEqual(['text', 'image', 'audio', 'resource', 'resource_link']);
    expect(await callDirectly(counting, 'unknown_content')).toMatchObject({
      content: [{ type: 'hologram', 'x-unknown': { nested: [1, 2, 3] } }],
      futureField: { kept: true },
    });
  });

  it.each(['crash', 'http_status', 'redirect', 'garbage'])('makes a client fail at once with %s', async (tool) => {
    await expect(callDirectly(counting, tool)).rejects.toThrow();
  });

  it.each(['hang', 'drip', 'cut_stream', 'wrong_id'])('makes a client wait with %s', async (name) => {
    const call = connected((client) => client.callTool({ name }, undefined, { timeout: 150 }));
    await expect(call).rejects.toThrow('timed out');
  });

  it('answers isError, huge texts and structured content', async () => {
    expect(await callDirectly(counting, 'fail', { message: 'no' })).toMatchObject({ isError: true });
    expect(textOf(await callDirectly(counting, 'huge', { bytes: 300_000 }))).toHaveLength(300_000);
    expect(await callDirectly(counting, 'structured', { sum: 3 })).toMatchObject({ structuredContent: { sum: 3 } });
    expect(await callDirectly(counting, 'wrong_structure')).toMatchObject({ structuredContent: { sum: 'many' } });
  });

  it('reports progress and notices that it was cancelled', async () => {
    const cancel = new AbortController();
    const options = { onprogress: () => cancel.abort(), signal: cancel.signal };
    const params = { name: 'sleep', arguments: { ms: 60_000, steps: 1_200 }, _meta: { callId: 'call-c' } };
    await connected(async (client) => {
      await expect(client.callTool(params, undefined, options)).rejects.toThrow('abort');
      while (!(await counting.executions('call-c'))[0]?.cancelled); // the notification is on its way
    });
  });

  it('lists its tools in pages, and says when they change', async () => {
    const added = { name: 'added_later', description: 'new', inputSchema: { type: 'object' as const } };
    await connected(async (client) => {
      const first = await client.listTools();
      const second = await client.listTools({ cursor: first.nextCursor });
      expect([first.tools.length, second.tools.length, second.nextCursor]).toEqual([15, 5, undefined]);
      const changed = new Promise((resolve) => {
        client.setNotificationHandler(ToolListChangedNotificationSchema, resolve);
      });
      await counting.setTools([added]);
      await changed;
      expect((await client.listTools({ cursor: '20' })).tools).toMatchObject([added]);
    });
  });
});
