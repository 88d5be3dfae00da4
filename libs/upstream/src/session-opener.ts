// Opens sessions, and finds out which transport an AUTO server speaks.
//
//   O1. AUTO tries Streamable HTTP and falls back to HTTP+SSE on 400, 404 and 405 only (MCP 2025-11-25, transports,
//       backwards compatibility). 401, 5xx and silence say nothing about the transport.
//   O2. What answered is remembered for the server's generation and url, until it stops answering.

import { withDeadline } from './deadline.js';
import { badUrl, UpstreamFailure } from './failure.js';
import type { HttpClient } from './http-client.js';
import type { UpstreamLimits } from './limits.js';
import type { RequestContext } from './request-context.js';
import { Session, type ClientInfo } from './session.js';
import { SseTransport } from './sse-transport.js';
import { StreamableHttpTransport } from './streamable-http-transport.js';
import type { UpstreamProtocol, UpstreamServer } from './upstream.js';

/** What sessions are opened with. */
export interface OpenerOptions {
  readonly http: HttpClient;
  readonly limits: UpstreamLimits;
  readonly clientInfo: ClientInfo;
  readonly onToolsChanged: (serverName: string) => void;
}

const REMEMBERED_MAX = 10_000;

/** See the header of this file. */
export class SessionOpener {
  readonly #options: OpenerOptions;
  readonly #spokeSse = new Set<string>();
  readonly #closing = new AbortController();

  constructor(options: OpenerOptions) {
    this.#options = options;
  }

  /**
   * Opens a session. Not bound to the call that asks first, as others may wait for the same session.
   * @throws UpstreamFailure
   */
  open(server: UpstreamServer, headers: Readonly<Record<string, string>>): Promise<Session> {
    const { initializeTimeoutMs, messageBytesMax } = this.#options.limits;
    return withDeadline({ signal: this.#closing.signal, timeoutMs: initializeTimeoutMs }, (signal) => {
      const context = { headers, signal, answerBytesMax: messageBytesMax };
      return server.protocol === 'AUTO'
        ? this.#negotiate(server, context)
        : this.#with(server.protocol, server, context);
    });
  }

  /** Gives up the sessions that are being opened. */
  close(): void {
    this.#closing.abort();
  }

  async #negotiate(server: UpstreamServer, context: RequestContext): Promise<Session> {
    const key = JSON.stringify([server.name, server.generation, server.url]);
    try {
      return await this.#with(this.#spokeSse.has(key) ? 'SSE' : 'STREAMABLE_HTTP', server, context);
    } catch (error) {
      if (this.#spokeSse.delete(key) || !saysOtherTransport(error)) throw error; // O1, O2
      const session = await this.#with('SSE', server, context).catch((second: unknown) => {
        throw saysOtherTransport(second) ? error : second;
      });
      if (this.#spokeSse.size < REMEMBERED_MAX) this.#spokeSse.add(key);
      return session;
    }
  }

  #with(protocol: UpstreamProtocol, server: UpstreamServer, context: RequestContext): Promise<Session> {
    const { http, limits, clientInfo, onToolsChanged } = this.#options;
    const Transport = protocol === 'SSE' ? SseTransport : StreamableHttpTransport;
    const transport = new Transport(httpUrl(server.url), http, limits);
    return Session.open(transport, { clientInfo, onToolsChanged: () => onToolsChanged(server.name) }, context);
  }
}

/** O1 */
function saysOtherTransport(error: unknown): boolean {
  return error instanceof UpstreamFailure && error.status !== undefined && [400, 404, 405].includes(error.status);
}

function httpUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) throw badUrl('is not a URL');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw badUrl('is neither https nor http');
  if (url.username !== '' || url.password !== '') throw badUrl('holds a user name or a password');
  return url;
}
