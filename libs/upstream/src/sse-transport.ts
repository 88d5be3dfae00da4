// The HTTP+SSE transport of MCP 2024-11-05, client side, under the SDK's Client: one stream brings every answer,
// requests are posted to the endpoint that it names first.
//
//   S1. `send` of a request lasts until its response has been delivered, as T1, T2 and T3 of the other transport have it.
//   S2. The stream is the session: when it ends, every unanswered request fails at once and the session is closed.
//       It is never reopened, since the server would not know the session.
//   S3. The endpoint has the origin of the url, or nothing is sent to it.

import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage, JSONRPCRequest, RequestId } from '@modelcontextprotocol/sdk/types.js';
import { untilAborted, withDeadline } from './deadline.js';
import { disconnected, httpFailed, notMcp, tooLarge } from './failure.js';
import type { HttpClient } from './http-client.js';
import type { HttpResponse } from './http-response.js';
import { abandonedId, InFlight, NOTIFY_TIMEOUT_MS } from './in-flight.js';
import { SHARED_EVENT_BYTES_MAX, STREAM_SLACK_BYTES, type UpstreamLimits } from './limits.js';
import { asRequest, isResponse, messagesOf } from './messages.js';
import { refusal } from './refusal.js';
import { currentContext, type RequestContext } from './request-context.js';
import { readEvents, StreamBudget, type SseItem } from './sse-events.js';

/** A request whose response the stream will bring. */
interface Waiting {
  readonly context: RequestContext;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** See the header of this file. Made for one session. */
export class SseTransport implements Transport {
  onclose?: () => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #url: URL;
  readonly #http: HttpClient;
  readonly #budget: StreamBudget;
  readonly #inFlight = new InFlight();
  readonly #waiting = new Map<RequestId, Waiting>();
  #endpoint: URL | undefined;
  #onEndpoint: (() => void) | undefined;
  #protocolVersion: string | undefined;
  #closed = false;

  constructor(url: URL, http: HttpClient, limits: UpstreamLimits) {
    this.#url = url;
    this.#http = http;
    this.#budget = new StreamBudget({
      eventBytesMax: SHARED_EVENT_BYTES_MAX,
      eventsMax: limits.eventsMax,
      bytesMax: SHARED_EVENT_BYTES_MAX + STREAM_SLACK_BYTES,
    });
  }

  /** Opens the stream and waits for its endpoint. */
  async start(): Promise<void> {
    const { headers, signal } = currentContext();
    const response = await this.#http.send({
      method: 'GET',
      url: this.#url,
      headers: { ...headers, accept: 'text/event-stream' },
      signals: [signal, this.#inFlight.closing],
    });
    if (response.status !== 200) throw await refusal(response, false);
    if (response.mediaType !== 'text/event-stream') {
      response.discard();
      throw notMcp('answered with no event stream');
    }
    const endpoint = new Promise<void>((resolve) => (this.#onEndpoint = resolve));
    await untilAborted(Promise.race([endpoint, this.#read(response)]), signal);
  }

  /** The stream has ended, or was closed. */
  get closed(): boolean {
    return this.#closed;
  }

  setProtocolVersion(version: string): void {
    this.#protocolVersion = version;
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const request = asRequest(message);
    if (request !== undefined) return this.#inFlight.track(this.#ask(request, currentContext()));
    const cancelledId = abandonedId(message);
    if (cancelledId !== undefined && !this.#inFlight.unanswered.delete(cancelledId)) return; // S1
    await this.#tell(message, currentContext());
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const reason = disconnected('The session with the MCP server has ended');
    for (const { reject } of this.#waiting.values()) reject(reason);
    await this.#inFlight.close(reason);
    this.onclose?.();
  }

  async #ask(request: JSONRPCRequest, context: RequestContext): Promise<void> {
    const over = new AbortController();
    const answer = this.#expect(request.id, context);
    const posted = this.#postRequest(request, context, over.signal);
    try {
      await untilAborted(Promise.race([answer, posted.then(() => answer)]), context.signal);
    } finally {
      this.#waiting.delete(request.id);
      over.abort(disconnected('The answer came before its request was accepted'));
    }
  }

  /** Settles when the stream brings the response, or ends. */
  #expect(id: RequestId, context: RequestContext): Promise<void> {
    const answer = new Promise<void>((resolve, reject) => this.#waiting.set(id, { context, resolve, reject }));
    answer.catch(() => undefined); // The post may fail first, and then nobody waits for this.
    return answer;
  }

  async #postRequest(request: JSONRPCRequest, context: RequestContext, over: AbortSignal): Promise<void> {
    const response = await this.#post(request, context.headers, [context.signal, over], () => {
      this.#inFlight.unanswered.add(request.id);
      context.onSent?.();
    });
    if (response.status >= 200 && response.status < 300) return response.discard();
    this.#inFlight.unanswered.delete(request.id);
    throw await refusal(response, true);
  }

  async #tell(message: JSONRPCMessage, { headers }: RequestContext): Promise<void> {
    await withDeadline({ timeoutMs: NOTIFY_TIMEOUT_MS }, async (signal) => {
      const response = await this.#post(message, headers, [signal]);
      response.discard();
      if (response.status < 200 || response.status > 299) throw httpFailed(response.status);
    });
  }

  async #post(
    message: JSONRPCMessage,
    headers: Readonly<Record<string, string>>,
    signals: AbortSignal[],
    onSent?: () => void,
  ): Promise<HttpResponse> {
    if (this.#endpoint === undefined || this.#closed) throw disconnected('The session with the MCP server has ended');
    const version = this.#protocolVersion === undefined ? {} : { 'mcp-protocol-version': this.#protocolVersion };
    return this.#http.send({
      method: 'POST',
      url: this.#endpoint,
      headers: { ...headers, ...version, 'content-type': 'application/json' },
      body: JSON.stringify(message),
      signals: [...signals, this.#inFlight.closing],
      ...(onSent === undefined ? {} : { onSent }),
    });
  }

  /** Reads the stream to its end, which is never a good one. @throws UpstreamFailure */
  async #read(response: HttpResponse): Promise<never> {
    try {
      for await (const item of readEvents(response.chunks(), this.#budget)) this.#take(item);
      throw disconnected('The MCP server ended its event stream');
    } catch (error) {
      for (const { reject } of this.#waiting.values()) reject(error); // S2
      throw error;
    } finally {
      response.discard();
      void this.close();
    }
  }

  #take(item: SseItem): void {
    if (item.kind !== 'event') return;
    if (item.type === 'endpoint') this.#learnEndpoint(item.data);
    for (const message of messagesOf(item, this.#budget)) this.#deliver(message, item.data.length);
  }

  /** S3 */
  #learnEndpoint(data: string): void {
    const endpoint = URL.canParse(data, this.#url.href) ? new URL(data, this.#url.href) : undefined;
    if (endpoint?.origin !== this.#url.origin) throw notMcp('named an endpoint of another origin');
    this.#endpoint ??= endpoint;
    this.#onEndpoint?.();
  }

  #deliver(message: JSONRPCMessage, size: number): void {
    if (!isResponse(message)) return this.onmessage?.(message);
    if (message.id === undefined) return;
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined) return; // S1: an answer that nobody waits for.
    this.#budget.renew();
    const { answerBytesMax, onAnswered } = waiting.context;
    if (size > answerBytesMax) return waiting.reject(tooLarge(`more than ${answerBytesMax} bytes`));
    this.#inFlight.unanswered.delete(message.id); // Before anybody can react to it.
    onAnswered?.();
    this.onmessage?.(message);
    waiting.resolve();
  }
}
