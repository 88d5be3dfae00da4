// Connections to MCP servers: pooled by origin, opened to checked addresses, kept alive. Nothing is retried, no
// redirect is followed, no cookie is kept; what an exchange guarantees is in `exchange.ts`.

import { Agent, type Dispatcher } from 'undici';
import { Exchange, type HttpRequest } from './exchange.js';
import { guardedConnector, type ConnectOptions } from './guarded-connect.js';
import type { HttpResponse } from './http-response.js';

const HEADER_BYTES_MAX = 16 * 1024;
const KEEP_ALIVE_MS = 4_000;
const KEEP_ALIVE_MAX_MS = 60_000;
/** Closed so long before the server would: a request must not meet a connection that is being closed. */
const KEEP_ALIVE_MARGIN_MS = 2_000;

/** Connections to any number of origins, each pooled and kept alive. */
export class HttpClient {
  readonly #agent: Agent;

  constructor(options: ConnectOptions) {
    this.#agent = new Agent({
      connect: guardedConnector(options),
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: HEADER_BYTES_MAX,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MAX_MS,
      keepAliveTimeoutThreshold: KEEP_ALIVE_MARGIN_MS,
    });
  }

  /** Resolves with the head of the answer. @throws UpstreamFailure, or the reason of the signal that aborted. */
  send(request: HttpRequest): Promise<HttpResponse> {
    const exchange = new Exchange(request);
    try {
      if (!exchange.over) this.#agent.dispatch(dispatchOptions(request), exchange);
    } catch (error) {
      exchange.onResponseError(undefined, error as Error);
    }
    return exchange.response;
  }

  /** Closes every connection at once. */
  close(): Promise<void> {
    return this.#agent.destroy();
  }
}

function dispatchOptions({ method, url, headers, body }: HttpRequest): Dispatcher.DispatchOptions {
  return {
    origin: url.origin,
    path: url.pathname + url.search,
    method,
    headers: Object.fromEntries(
      Object.entries({ ...headers, 'accept-encoding': 'identity' }).map(([name, value]) => [name.toLowerCase(), value]),
    ),
    body: body ?? null,
  };
}
