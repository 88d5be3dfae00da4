// One HTTP exchange, and the knowledge whether it was sent.
//
//   H1. A request is handed to a connection at most once. undici may start it again when a connection fails at the
//       wrong moment; the second start is refused.
//   H2. `onSent` is called right before the first byte is written, and never for a request that was not written:
//       undici calls onRequestStart on a connected socket and writes when that returns. Before it, nothing was sent.
//   H3. A request that was given up before it started never starts.
//   H4. A signal's listener lives as long as its exchange, and an abort closes the socket.
//   H5. Redirects are answers like any other. Nothing is decompressed: an encoded answer is refused.
//   H7. What `onSent` throws keeps the request from being sent: a process that was paused may find the time up only here.
//   H6. Failures are UpstreamFailures; the reason of an abort is passed through as it is.

import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { onAbort } from './deadline.js';
import { exchangeFailed, notMcp } from './failure.js';
import { headerOf, httpResponse, type HttpResponse, type ResponseHeaders } from './http-response.js';

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

/** See the header of this file. What undici calls while it carries out one request. */
export class Exchange implements Dispatcher.DispatchHandler {
  /** The head of the answer. @throws UpstreamFailure, or the reason of the signal that aborted */
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

  /** It has failed; there is nothing to send any more. */
  get over(): boolean {
    return this.#failure !== undefined;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#controller !== undefined) return controller.abort(new Error('a request is sent once')); // H1
    this.#controller = controller;
    if (this.#failure !== undefined) return controller.abort(asError(this.#failure.error)); // H3
    try {
      this.#request.onSent?.(); // H2
    } catch (error) {
      this.#fail(error); // H7
    }
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: ResponseHeaders): void {
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
    this.#resolve(httpResponse(status, headers, this.#body));
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

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
