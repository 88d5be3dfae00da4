// Starts MCP servers written for node: over HTTP as they are, or over stdio behind mcp-proxy.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { startChild } from './child-process.js';

/** A real MCP server that runs in processes of its own. */
export interface Upstream {
  /** Where it speaks MCP. */
  readonly url: string;
  /** Stops it and resolves when its processes are gone. */
  readonly stop: () => Promise<void>;
  /** kill -9. */
  readonly kill: () => Promise<void>;
}

interface ForeignServer {
  /** The script inside its npm package, such as `mcp-proxy/dist/bin/mcp-proxy.mjs`. */
  readonly script: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const require = createRequire(import.meta.url);

/** The file of an installed npm package. */
export function packageFile(path: string): string {
  return require.resolve(path);
}

/** One of our own child scripts, compiled, whether we run from `src` or from `dist`. */
export function compiledScript(name: string): string {
  return fileURLToPath(new URL(`../../dist/upstreams/${name}.js`, import.meta.url));
}

/** Starts a server of ours: it takes PORT, listens on loopback and prints one line of JSON with its url when ready. */
export async function startOwnServer(file: string, env: Readonly<Record<string, string>>): Promise<Upstream> {
  const spec = { command: process.execPath, args: [file], env: { PORT: '0', ...env } };
  const { ready: url, stop, kill } = await startChild(spec, reportedUrl);
  return { url, stop, kill };
}

/** Starts an HTTP server from npm on a loopback port that the system chooses; `path` is where it serves MCP. */
export async function startForeignServer(server: ForeignServer, path: string): Promise<Upstream> {
  const preload = ['--import', compiledScript('listen-on-loopback')];
  const args = [...preload, packageFile(server.script), ...server.args];
  const child = await startChild({ command: process.execPath, args, env: server.env ?? {} }, reportedPort);
  return { url: `http://127.0.0.1:${child.ready}${path}`, stop: child.stop, kill: child.kill };
}

/**
 * Starts a stdio server from npm behind mcp-proxy, which runs one child for all sessions.
 * Streamable HTTP is at `url`; the same server also answers legacy SSE at `/sse`.
 */
export function startBehindMcpProxy(server: ForeignServer): Promise<Upstream> {
  const command = [process.execPath, packageFile(server.script), ...server.args];
  const args = ['--host', '127.0.0.1', '--', ...command];
  const proxy = { script: 'mcp-proxy/dist/bin/mcp-proxy.mjs', args, env: server.env ?? {} };
  return startForeignServer(proxy, '/mcp');
}

/** The same server, with something to clear away after it has ended. */
export function withCleanup(upstream: Upstream, cleanup: () => Promise<unknown>): Upstream {
  const then = (end: () => Promise<void>) => async () => {
    await end();
    await cleanup();
  };
  return { url: upstream.url, stop: then(upstream.stop), kill: then(upstream.kill) };
}

function reportedUrl(line: string): string | undefined {
  return line.startsWith('{"ready":true') ? (JSON.parse(line) as { url: string }).url : undefined;
}

function reportedPort(line: string): number | undefined {
  return /^\{"ready":true,"port":(\d+)\}$/.exec(line)?.slice(1).map(Number)[0];
}
