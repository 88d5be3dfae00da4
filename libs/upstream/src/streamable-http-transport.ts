// MCP Streamable HTTP (2025-03-26 to 2025-11-25), client side, under the SDK's Client.
//
// The SDK's own transport tells neither whether a call was sent nor that a stream ended unanswered. This one does:
//
//   T1. `send` of a request lasts until its response has been delivered, and throws an UpstreamFailure if there is
//       none: a status, garbage, another request's response, the end of the stream, a limit, or the context's signal.
//   T2. Only the response with the request's own id counts, and only in the exchange that asked for it.
//   T3. `notifications/cancelled` goes out for a request that was sent and not answered, and for no other.
//   T4. A stream that ends early is resumed where the server gave event ids. Resuming is a GET: it runs nothing again.
//   T5. No stream is opened unasked; `listen` opens the one for the server's own messages.

import { setTimeout as delay } from 'node:timers/promises';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage, JSONRPCRequest } from '@modelcontextprotocol/sdk/types.js';
import { AnswerStream, deliverAnswer } from './answer-stream.js';
import { untilAborted, withDeadline } from './deadline.js';
import { disconnected, httpFailed, notMcp } from './failure.js';
import type { HttpClient } from './http-client.js';
import type { HttpResponse } from './http-response.js';
import { abandonedId, InFlight, NOTIFY_TIMEOUT_MS } from './in-flight.js';
import { STREAM_SLACK_BYTES, type UpstreamLimits } from './limits.js';
import { asRequest, isResponse, messagesOf, parseMessages } from './messages.js';
import { refusal } from './refusal.js';
import { currentContext, inContext, type RequestContext } from './request-context.js';
import { readEvents, StreamBudget } from './sse-events.js';

type Headers = Readonly<Record<string, string>>;

const EVENT_STREAM = 'text/event-stream';

/** See the header of this file. Made for one session. */
export class StreamableHttpTransport implements Transport {
  onclose?: () => void;
  onmessage?: (message: JSONRPCMessage) => void;
  sessionId?: string;
  readonly #url: URL;
  readonly #http: HttpClient;
  readonly #limits: UpstreamLimits;
  readonly #inFlight = new InFlight();
  #protocolVersion: string | undefined;
  #listening = false;

  constructor(url: URL, http: HttpClient, limits: UpstreamLimits) {
    this.#url = url;
    this.#http = http;
    this.#limits = limits;
  }

  async start(): Promise<void> {}

  get closed(): boolean {
    return this.#inFlight.closing.aborted;
  }

  setProtocolVersion(version: string): void {
    this.#protocolVersion = version;
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const request = asRequest(message);
    if (request !== undefined) return this.#inFlight.track(this.#ask(request, currentContext()));
    const cancelledId = abandonedId(message);
    if (cancelledId !== undefined && !this.#inFlight.unanswered.delete(cancelledId)) return; // T3
    await this.#tell(message, currentContext());
  }

  /** Opens the stream for the server's own messages, where it has one, and reads it in the background until it ends. */
  listen(context: RequestContext): void {
    if (this.#listening) return;
    this.#listening = true;
    void this.#inFlight
      .track(inContext(context, () => this.#overhear(context)))
      .finally(() => (this.#listening = false));
  }

  /** Tells the server that the session is over. Best effort. */
  async terminate(headers: Headers): Promise<void> {
    if (this.sessionId === undefined) return;
    await withDeadline({ timeoutMs: NOTIFY_TIMEOUT_MS }, async (signal) => {
      const request = { url: this.#url, headers: this.#headers(headers), signals: [signal] };
      (await this.#http.send({ method: 'DELETE', ...request })).discard();
    }).catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.#inFlight.close(disconnected('The session with the MCP server was closed'));
    this.onclose?.();
  }

  async #ask(request: JSONRPCRequest, context: RequestContext): Promise<void> {
    const response = await this.#post(request, context.headers, [context.signal], () => {
      this.#inFlight.unanswered.add(request.id);
      context.onSent?.();
    });
    if (response.status < 200 || response.status > 299) {
      this.#inFlight.unanswered.delete(request.id);
      throw await refusal(response, this.sessionId !== undefined);
    }
    if (request.method === 'initialize') this.#rememberSession(response);
    await this.#readAnswer(request, response, context);
  }

  async #readAnswer(request: JSONRPCRequest, response: HttpResponse, context: RequestContext): Promise<void> {
    const deliver = (message: JSONRPCMessage) => {
      if (isResponse(message)) {
        this.#inFlight.unanswered.delete(request.id); // T3: before anybody can react to it.
        context.onAnswered?.();
      }
      this.onmessage?.(message);
    };
    if (response.mediaType === EVENT_STREAM) {
      const budget = new StreamBudget(this.#streamLimits(context.answerBytesMax));
      return this.#readStreams(new AnswerStream(request.id, deliver, budget), response, context);
    }
    if (response.mediaType !== 'application/json') {
      response.discard();
      throw notMcp('answered with neither JSON nor an event stream');
    }
    const text = await response.text({ bytesMax: context.answerBytesMax, idleMs: this.#limits.idleMs });
    if (!deliverAnswer(parseMessages(text), request.id, deliver)) throw notMcp('answered something that was not asked'); // T2
  }

  /** T4 */
  async #readStreams(answer: AnswerStream, first: HttpResponse, context: RequestContext): Promise<void> {
    let response = first;
    while (!(await answer.read(response))) {
      const { lastEventId, delayMs } = answer.resumption();
      await untilAborted(delay(delayMs, undefined, { ref: false }), context.signal);
      response = await this.#get({ ...context.headers, 'last-event-id': lastEventId }, [context.signal]);
      if (response.status === 200 && response.mediaType === EVENT_STREAM) continue;
      response.discard();
      throw disconnected('The MCP server ended its answer before it was complete and would not resume it');
    }
  }

  /** Nobody waits for this; where it fails, the next discovery listens again. */
  async #overhear({ headers, signal }: RequestContext): Promise<void> {
    const response = await this.#get(headers, [signal]).catch(() => undefined);
    try {
      if (response?.status !== 200 || response.mediaType !== EVENT_STREAM) return;
      const budget = new StreamBudget(this.#streamLimits(this.#limits.messageBytesMax));
      for await (const item of readEvents(response.chunks(), budget)) this.#hear(messagesOf(item, budget));
    } catch {
      // A broken stream is an ended one.
    } finally {
      response?.discard();
    }
  }

  /** T2 */
  #hear(messages: readonly JSONRPCMessage[]): void {
    for (const message of messages) if (!isResponse(message)) this.onmessage?.(message);
  }

  async #tell(message: JSONRPCMessage, { headers }: RequestContext): Promise<void> {
    await withDeadline({ timeoutMs: NOTIFY_TIMEOUT_MS }, async (signal) => {
      const response = await this.#post(message, headers, [signal]);
      response.discard();
      if (response.status < 200 || response.status > 299) throw httpFailed(response.status);
    });
  }

  #post(message: JSONRPCMessage, headers: Headers, signals: AbortSignal[], onSent?: () => void): Promise<HttpResponse> {
    return this.#http.send({
      method: 'POST',
      url: this.#url,
      headers: {
        ...this.#headers(headers),
        accept: `application/json, ${EVENT_STREAM}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(message),
      signals: [...signals, this.#inFlight.closing],
      ...(onSent === undefined ? {} : { onSent }),
    });
  }

  #get(headers: Headers, signals: AbortSignal[]): Promise<HttpResponse> {
    return this.#http.send({
      method: 'GET',
      url: this.#url,
      headers: { ...this.#headers(headers), accept: EVENT_STREAM },
      signals: [...signals, this.#inFlight.closing],
    });
  }

  #headers(headers: Headers): Headers {
    return {
      ...headers,
      ...(this.sessionId === undefined ? {} : { 'mcp-session-id': this.sessionId }),
      ...(this.#protocolVersion === undefined ? {} : { 'mcp-protocol-version': this.#protocolVersion }),
    };
  }

  #rememberSession(response: HttpResponse): void {
    const sessionId = response.header('mcp-session-id');
    if (sessionId !== undefined) this.sessionId = sessionId;
  }

  #streamLimits(eventBytesMax: number) {
    return { eventBytesMax, eventsMax: this.#limits.eventsMax, bytesMax: eventBytesMax + STREAM_SLACK_BYTES };
  }
}
