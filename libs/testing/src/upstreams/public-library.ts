// Servers of MCP's public library.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBehindMcpProxy, startForeignServer, withCleanup, type Upstream } from './node-server.js';

/** Starts @modelcontextprotocol/server-everything over Streamable HTTP or legacy SSE. */
export function startEverything({ transport }: { transport: 'streamableHttp' | 'sse' }): Promise<Upstream> {
  const script = '@modelcontextprotocol/server-everything/dist/index.js';
  return startForeignServer({ script, args: [transport] }, transport === 'sse' ? '/sse' : '/mcp');
}

/** Starts @modelcontextprotocol/server-filesystem on a temporary folder, which goes with it. */
export async function startFilesystem(): Promise<Upstream & { readonly folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'mcp-filesystem-'));
  const script = '@modelcontextprotocol/server-filesystem/dist/index.js';
  const upstream = await startBehindMcpProxy({ script, args: [folder] });
  return { ...withCleanup(upstream, () => remove(folder)), folder };
}

/** Starts @modelcontextprotocol/server-memory with an empty knowledge graph. */
export async function startMemory(): Promise<Upstream> {
  const folder = await mkdtemp(join(tmpdir(), 'mcp-memory-'));
  const script = '@modelcontextprotocol/server-memory/dist/index.js';
  const env = { MEMORY_FILE_PATH: join(folder, 'memory.jsonl') };
  return withCleanup(await startBehindMcpProxy({ script, args: [], env }), () => remove(folder));
}

function remove(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true });
}
