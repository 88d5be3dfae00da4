// One MCP session with one server for one person: the SDK's Client on a transport of ours.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { ToolListChangedNotificationSchema, type McpError, type Progress } from '@modelcontextprotocol/sdk/types.js';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import type { JsonObject } from '@flow-mcp/kernel';
import { z } from 'zod';
import { TIMER_MAX_MS } from './deadline.js';
import { notMcp, UpstreamFailure } from './failure.js';
import { inContext, type RequestContext } from './request-context.js';
import type { SseTransport } from './sse-transport.js';
import { StreamableHttpTransport } from './streamable-http-transport.js';
import type { UpstreamProgress, UpstreamProtocol } from './upstream.js';

/** Who we say we are in `initialize`. */
export interface ClientInfo {
  readonly name: string;
  readonly version: string;
}

/** The result as it is: no schema of the SDK strips or refuses anything. */
const AS_IT_IS = z.custom<JsonObject>();
/** Never used: results are not validated here. Shared, because the SDK would make one for each session. */
const VALIDATOR = new AjvJsonSchemaValidator();
/** The caller's signal ends a request, not the SDK's timer. */
const NO_TIMEOUT = { timeout: TIMER_MAX_MS };

/** One request in a session. */
export interface SessionRequest {
  readonly method: 'tools/call' | 'tools/list';
  readonly params: JsonObject;
}

/** An initialized session. Any number of requests may run in it at once. */
export class Session {
  readonly protocol: UpstreamProtocol;
  readonly #client: Client;
  readonly #transport: StreamableHttpTransport | SseTransport;
  #headers: Readonly<Record<string, string>>;
  #closed = false;

  private constructor(client: Client, transport: StreamableHttpTransport | SseTransport, context: RequestContext) {
    this.#client = client;
    this.#transport = transport;
    this.#headers = context.headers;
    this.protocol = transport instanceof StreamableHttpTransport ? 'STREAMABLE_HTTP' : 'SSE';
  }

  /** Connects and initializes. @throws UpstreamFailure */
  static async open(
    transport: StreamableHttpTransport | SseTransport,
    options: { readonly clientInfo: ClientInfo; readonly onToolsChanged: () => void },
    context: RequestContext,
  ): Promise<Session> {
    const client = new Client(options.clientInfo, { capabilities: {}, jsonSchemaValidator: VALIDATOR });
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => options.onToolsChanged());
    const session = new Session(client, transport, context);
    try {
      await inContext(context, () => client.connect(transport, NO_TIMEOUT));
      return session;
    } catch (error) {
      await transport.close();
      throw error instanceof UpstreamFailure ? error : notMcp('did not initialize as MCP asks for', error);
    }
  }

  /** The session can take no more requests. */
  get closed(): boolean {
    return this.#closed || this.#transport.closed;
  }

  /** What the server said about itself. */
  get serverInfo(): ClientInfo {
    const { name, version } = this.#client.getServerVersion() ?? { name: '', version: '' };
    return { name, version };
  }

  /** The server said that it tells when its tools change. */
  get announcesToolChanges(): boolean {
    return this.#client.getServerCapabilities()?.tools?.listChanged === true;
  }

  /** The server said that it has tools. */
  get offersTools(): boolean {
    return this.#client.getServerCapabilities()?.tools !== undefined;
  }

  /**
   * Sends one request and waits for its response.
   * @throws McpError where the server answered with a JSON-RPC error; UpstreamFailure for everything else
   */
  async request(
    request: SessionRequest,
    context: RequestContext,
    onProgress?: (progress: UpstreamProgress) => void,
  ): Promise<JsonObject> {
    this.#headers = context.headers;
    const abandon = new AbortController();
    const options = { ...NO_TIMEOUT, signal: abandon.signal, ...progressOption(onProgress) };
    return inContext(context, async () => {
      try {
        return await this.#client.request({ ...request }, AS_IT_IS, options);
      } finally {
        abandon.abort(); // Frees what the SDK keeps, and cancels upstream what was sent and not answered.
      }
    });
  }

  /** Hears what the server says on its own, too, from now on. */
  listen(context: RequestContext): void {
    if (this.#transport instanceof StreamableHttpTransport) this.#transport.listen(context);
  }

  /** Ends the session here and, as far as it listens, on the server. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.#closed = true;
    if (this.#transport instanceof StreamableHttpTransport) await this.#transport.terminate(this.#headers);
    await this.#client.close();
  }
}

/** The JSON-RPC error as the server sent it, without what the SDK puts before its message. */
export function rpcErrorOf({ code, message, data }: McpError) {
  return { code, message: message.replace(/^MCP error -?\d+: /, ''), ...(data === undefined ? {} : { data }) };
}

function progressOption(onProgress: ((progress: UpstreamProgress) => void) | undefined) {
  if (onProgress === undefined) return {};
  return {
    onprogress: ({ progress, total, message }: Progress) =>
      onProgress({
        progress,
        ...(total === undefined ? {} : { total }),
        ...(message === undefined ? {} : { message }),
      }),
  };
}
