// HTTP as this library needs it: one exchange, one connection, nothing done behind our back.
//
//   H1. A request is handed to a connection at most once. undici may start it again when a connection fails at the
//       wrong moment; the second start is refused.
//   H2. `onSent` is called right before the first byte is written, and never for a request that was not written:
//       undici calls onRequestStart on a connected socket and writes when that returns. Before it, nothing was sent.
//   H3. A request that was given up before it started never starts.
//   H4. A signal's listener lives as long as its exchange, and an abort closes the socket.
//   H5. Redirects are answers like any other. Nothing is decompressed: an encoded answer is refused.
//   H6. Failures are UpstreamFailures; the reason of an abort is passed through as it is.

import { Readable } from 'node:stream';
import { Agent, type Dispatcher } from 'undici';
import { guardedConnector, type ConnectOptions } from './guarded-connect.js';
import { exchangeFailed, notMcp, stalled, tooLarge } from './failure.js';
import { onAbort } from './deadline.js';

/** One request. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Each may end the exchange. */
  readonly signals: readonly AbortSignal[];
  /** See H2. */
  readonly onSent?: () => void;
}

/** An answer whose head has arrived. Read `text()`, or read what you need of `chunks()`; then call `discard()`. */
export interface HttpResponse {
  readonly status: number;
  /** Without parameters, in lower case; empty if there is none. */
  readonly mediaType: string;
  header(name: string): string | undefined;
  /** The body as it arrives. */
  chunks(): AsyncIterable<Uint8Array>;
  /** The body as UTF-8. @throws UpstreamFailure beyond `bytesMax`, or when nothing arrives for `idleMs`. */
  text(limits: { readonly bytesMax: number; readonly idleMs: number }): Promise<string>;
  /** Done with it: reads a short rest, so that the connection can be used again, else closes it. */
  discard(): void;
}

const HEADER_BYTES_MAX = 16 * 1024;
const KEEP_ALIVE_MS = 4_000;
const KEEP_ALIVE_MAX_MS = 60_000;
/** Closed so long before the server would: a request must not meet a connection that is being closed. */
const KEEP_ALIVE_MARGIN_MS = 2_000;
const DISCARD_BYTES_MAX = 64 * 1024;
const DISCARD_MS = 1_000;

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

class Exchange implements Dispatcher.DispatchHandler {
  readonly response: Promise<HttpResponse>;
  readonly #request: HttpRequest;
  readonly #unhook: () => void;
  #resolve!: (response: HttpResponse) => void;
  #reject!: (error: unknown) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #body: Readable | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(request: HttpRequest) {
    this.#request = request;
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const unhooks = request.signals.map((signal) => onAbort(signal, () => this.#fail(signal.reason)));
    this.#unhook = () => unhooks.forEach((unhook) => unhook());
    if (this.over) this.#unhook();
  }

  get over(): boolean {
    return this.#failure !== undefined;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#controller !== undefined) return controller.abort(new Error('a request is sent once')); // H1
    this.#controller = controller;
    if (this.#failure !== undefined) return controller.abort(asError(this.#failure.error)); // H3
    this.#request.onSent?.(); // H2
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    if (status < 200) return;
    const encoding = headerOf(headers, 'content-encoding');
    if (encoding !== undefined && encoding !== 'identity') return this.#fail(notMcp('compressed its answer unasked')); // H5
    this.#body = new Readable({
      read: () => controller.resume(),
      destroy: (error, done) => {
        this.#unhook();
        if (!controller.aborted && this.#body?.readableEnded !== true) controller.abort(error ?? new Error('unread'));
        done(error);
      },
    });
    this.#body.on('error', () => undefined); // Whoever reads it gets the error; nobody has to read it.
    this.#resolve(new Response(status, headers, this.#body));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#body?.push(chunk) === false) controller.pause();
  }

  onResponseEnd(): void {
    this.#unhook();
    this.#body?.push(null);
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#fail(exchangeFailed(error));
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#unhook?.();
    this.#reject(error);
    this.#body?.destroy(asError(error));
    this.#controller?.abort(asError(error));
  }
}

type Headers = Record<string, string | string[] | undefined>;

class Response implements HttpResponse {
  readonly status: number;
  readonly mediaType: string;
  readonly #body: Readable;
  readonly #headers: Headers;

  constructor(status: number, headers: Headers, body: Readable) {
    this.status = status;
    this.#headers = headers;
    this.#body = body;
    this.mediaType = (this.header('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  }

  header(name: string): string | undefined {
    return headerOf(this.#headers, name);
  }

  chunks(): AsyncIterable<Uint8Array> {
    return this.#body.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
  }

  async text({ bytesMax, idleMs }: { readonly bytesMax: number; readonly idleMs: number }): Promise<string> {
    const idle = setTimeout(() => this.#body.destroy(stalled(idleMs)), idleMs);
    try {
      return (await this.#collect(bytesMax, () => idle.refresh())).toString('utf8');
    } finally {
      clearTimeout(idle);
      this.discard();
    }
  }

  discard(): void {
    if (this.#body.closed) return;
    let left = DISCARD_BYTES_MAX;
    const timer = setTimeout(() => this.#body.destroy(), DISCARD_MS).unref();
    this.#body.on('close', () => clearTimeout(timer));
    this.#body.on('data', (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) this.#body.destroy();
    });
    this.#body.resume();
  }

  async #collect(bytesMax: number, onChunk: () => void): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of this.chunks()) {
      onChunk();
      bytes += chunk.length;
      if (bytes > bytesMax) throw tooLarge(`more than ${bytesMax} bytes`);
      parts.push(chunk);
    }
    return Buffer.concat(parts);
  }
}

function headerOf(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
