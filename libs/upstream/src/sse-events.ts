// Server-sent events (WHATWG HTML §9.2) from a server that may be hostile: everything is counted.

import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { tooLarge, type UpstreamFailure } from './failure.js';

/** How much a stream may send before something useful has arrived. */
export interface StreamLimits {
  readonly eventBytesMax: number;
  readonly eventsMax: number;
  readonly bytesMax: number;
}

/** What a server may ask of us in one stream; each costs us a post. */
const REQUESTS_MAX = 100;

/** Counts what a stream sends. */
export class StreamBudget {
  readonly limits: StreamLimits;
  #bytes = 0;
  #events = 0;
  #requests = 0;

  constructor(limits: StreamLimits) {
    this.limits = limits;
  }

  /** Something useful has arrived on a stream that lives on. */
  renew(): void {
    this.#bytes = 0;
    this.#events = 0;
    this.#requests = 0;
  }

  /** @throws UpstreamFailure */
  spendBytes(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.limits.bytesMax) throw tooLarge(`more than ${this.limits.bytesMax} bytes in one stream`);
  }

  /** @throws UpstreamFailure */
  spendEvent(size: number): void {
    this.#events += 1;
    if (this.#events > this.limits.eventsMax) throw tooLarge(`more than ${this.limits.eventsMax} events in one stream`);
    if (size > this.limits.eventBytesMax) throw this.eventTooLarge();
  }

  /** @throws UpstreamFailure */
  spendRequest(): void {
    this.#requests += 1;
    if (this.#requests > REQUESTS_MAX) throw tooLarge(`more than ${REQUESTS_MAX} requests of its own in one stream`);
  }

  eventTooLarge(): UpstreamFailure {
    return tooLarge(`more than ${this.limits.eventBytesMax} bytes in one event`);
  }
}

/** What a stream yields: events, and the reconnection time it asks for. */
export type SseItem =
  | { readonly kind: 'event'; readonly type: string; readonly data: string; readonly id: string | undefined }
  | { readonly kind: 'retry'; readonly afterMs: number };

/** Reads items until the stream ends. @throws UpstreamFailure beyond the budget, and what `chunks` throws */
export async function* readEvents(chunks: AsyncIterable<Uint8Array>, budget: StreamBudget): AsyncGenerator<SseItem> {
  const arrived: SseItem[] = [];
  const parser = createParser({
    maxBufferSize: budget.limits.eventBytesMax,
    onEvent: (event) => arrived.push(eventItem(event, budget)),
    onRetry: (afterMs) => arrived.push({ kind: 'retry', afterMs }),
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') throw budget.eventTooLarge();
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of chunks) {
    budget.spendBytes(chunk.length);
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* arrived.splice(0);
  }
}

function eventItem({ event, data, id }: EventSourceMessage, budget: StreamBudget): SseItem {
  budget.spendEvent(data.length);
  return { kind: 'event', type: event ?? 'message', data, id };
}
