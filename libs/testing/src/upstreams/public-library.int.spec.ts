import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { startEverything, startFilesystem, startMemory } from './public-library.js';
import { callDirectly, textOf } from './sdk-client.js';

jest.setTimeout(60_000);

describe('servers of the public library', () => {
  it.each(['streamableHttp', 'sse'] as const)('server-everything echoes over %s', async (transport) => {
    const everything = await startEverything({ transport });
    try {
      expect(textOf(await callDirectly(everything, 'echo', { message: 'hello' }))).toContain('hello');
      expect(textOf(await callDirectly(everything, 'get-env'))).not.toContain('HOME');
    } finally {
      await everything.stop();
    }
    await expect(fetch(everything.url)).rejects.toThrow('fetch failed');
  });

  it('server-filesystem writes into its folder, which goes with it', async () => {
    const filesystem = await startFilesystem();
    const path = join(filesystem.folder, 'note.txt');
    try {
      await callDirectly(filesystem, 'write_file', { path, content: 'kept' });
      expect(await readFile(path, 'utf8')).toBe('kept');
      expect(await callDirectly(filesystem, 'read_text_file', { path: '/etc/hostname' })).toMatchObject({
        isError: true,
      });
    } finally {
      await filesystem.stop();
    }
    expect(existsSync(filesystem.folder)).toBe(false);
  });

  it('server-memory answers over Streamable HTTP and over SSE, from one memory', async () => {
    const memory = await startMemory();
    try {
      const entities = [{ name: 'Ada', entityType: 'person', observations: ['likes engines'] }];
      await callDirectly(memory, 'create_entities', { entities });
      const overSse = { url: memory.url.replace('/mcp', '/sse') };
      expect(textOf(await callDirectly(overSse, 'read_graph'))).toContain('likes engines');
    } finally {
      await memory.stop();
    }
  });
});
