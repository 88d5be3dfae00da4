// The stream that answers one Streamable HTTP request, and its continuations by `Last-Event-ID`.

import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/sdk/types.js';
import { disconnected, UpstreamFailure } from './failure.js';
import type { HttpResponse } from './http-response.js';
import { isResponse, messagesOf } from './messages.js';
import { readEvents, type SseItem, type StreamBudget } from './sse-events.js';

const RESUME_DELAY_MS = 500;
const RESUME_DELAY_MAX_MS = 10_000;
/** In a row, with no event in between. */
const RESUMES_MAX = 3;

/** Delivers what a server sends for one request, until its response was among it. */
export class AnswerStream {
  readonly #id: RequestId;
  readonly #deliver: (message: JSONRPCMessage) => void;
  readonly #budget: StreamBudget;
  #lastEventId: string | undefined;
  #resumeDelayMs = RESUME_DELAY_MS;
  #resumes = 0;

  constructor(id: RequestId, deliver: (message: JSONRPCMessage) => void, budget: StreamBudget) {
    this.#id = id;
    this.#deliver = deliver;
    this.#budget = budget;
  }

  /**
   * Reads until the response was delivered; false if the stream ended before and can be resumed.
   * @throws UpstreamFailure on garbage, beyond a limit, or if it cannot be resumed
   */
  async read(response: HttpResponse): Promise<boolean> {
    try {
      for await (const item of readEvents(response.chunks(), this.#budget)) if (this.#take(item)) return true;
    } catch (error) {
      if (!isDisconnect(error)) throw error;
    } finally {
      response.discard();
    }
    if (this.#lastEventId === undefined) throw disconnected('The MCP server ended its answer before it was complete');
    return false;
  }

  /** Where and when to go on. @throws UpstreamFailure if that was tried in vain */
  resumption(): { readonly lastEventId: string; readonly delayMs: number } {
    this.#resumes += 1;
    if (this.#lastEventId === undefined || this.#resumes > RESUMES_MAX)
      throw disconnected('The MCP server keeps ending its answer before it is complete');
    return { lastEventId: this.#lastEventId, delayMs: Math.min(this.#resumeDelayMs, RESUME_DELAY_MAX_MS) };
  }

  #take(item: SseItem): boolean {
    if (item.kind === 'retry') {
      this.#resumeDelayMs = item.afterMs;
      return false;
    }
    this.#resumes = 0;
    this.#lastEventId = item.id ?? this.#lastEventId;
    return deliverAnswer(messagesOf(item, this.#budget), this.#id, this.#deliver);
  }
}

/** Delivers `messages` except responses to other requests; true if the response to `id` was among them. */
export function deliverAnswer(
  messages: readonly JSONRPCMessage[],
  id: RequestId,
  deliver: (message: JSONRPCMessage) => void,
): boolean {
  const ours = messages.filter((message) => !isResponse(message) || message.id === id);
  ours.forEach(deliver);
  return ours.some(isResponse);
}

function isDisconnect(error: unknown): boolean {
  return error instanceof UpstreamFailure && error.code === 'ERR_UPSTREAM_DISCONNECTED';
}
