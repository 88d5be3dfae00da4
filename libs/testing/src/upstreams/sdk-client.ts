// The plain SDK client, for the specs of the upstreams: one connection, one call, no Flow MCP in between.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ResultSchema, type CallToolResult } from '@modelcontextprotocol/sdk/types.js';

/** Calls one tool over a connection of its own; the result is not validated, so that it can be compared as sent. */
export async function callDirectly(
  server: { url: string; fetch?: typeof fetch; headers?: Record<string, string> },
  name: string,
  args: Record<string, unknown> = {},
): Promise<CallToolResult> {
  const client = new Client({ name: 'plain-client', version: '1' });
  const options = {
    requestInit: { headers: server.headers ?? {} },
    ...(server.fetch === undefined ? {} : { fetch: server.fetch }),
  };
  const url = new URL(server.url);
  const legacy = url.pathname.endsWith('/sse');
  const transport = legacy ? new SSEClientTransport(url, options) : new StreamableHTTPClientTransport(url, options);
  await client.connect(transport);
  const params = { name, arguments: args };
  return client
    .request({ method: 'tools/call', params }, ResultSchema)
    .finally(() => client.close()) as Promise<CallToolResult>;
}

/** The text of a result's content blocks. */
export function textOf(result: CallToolResult): string {
  return result.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
}
