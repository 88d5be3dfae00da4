// Requests over core NATS: one subscription per connection, one token per request.
//
// 1. A request ends in exactly one answer or one `NoAnswer`.
// 2. A lost connection ends every open request at once.
// 3. "No responders" is the broker's own message: no payload, no headers. Anything else is an answer, whatever status
//    line its author put on top.

import { RefusedError } from '@flow-mcp/kernel';
import { ErrorCode, NatsError, createInbox, headers as natsHeaders, type Msg, type NatsConnection } from 'nats';
import { readHeaders, type MessageHeaders } from './message-headers.js';

/** Why there is no answer. Only `no-responders` and `not-permitted` mean that nobody received the request. */
export type NoAnswerReason = 'timeout' | 'disconnected' | 'no-responders' | 'not-permitted';

/** There is no answer, and why. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  readonly reason: NoAnswerReason;

  constructor(subject: string, reason: NoAnswerReason) {
    super(`${subject}: ${reason}`);
    this.reason = reason;
  }
}

/** An answer as it came. */
export interface Answer {
  readonly subject: string;
  readonly headers: MessageHeaders;
  /** NATS status of the answer, e.g. 404; 0 for none. */
  readonly status: number;
  readonly payload: Uint8Array;
}

/** What a request may carry. */
export interface RequestOptions {
  readonly timeoutMs: number;
  readonly headers?: Iterable<readonly [string, string]> | undefined;
}

interface Open {
  readonly subject: string;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (reason: NoAnswerReason) => void;
}

/** The open requests of one connection. */
export class Inbox {
  private readonly open = new Map<string, Open>();
  private readonly prefix: string;
  private readonly nats: NatsConnection;
  private count = 0;

  constructor(nats: NatsConnection, inboxPrefix?: string) {
    this.nats = nats;
    this.prefix = `${createInbox(inboxPrefix)}.`;
    nats.subscribe(`${this.prefix}*`, { callback: (error, message) => error === null && this.receive(message) });
  }

  /** Sends a request. @throws NoAnswer */
  request(subject: string, payload: Uint8Array, { timeoutMs, headers }: RequestOptions): Promise<Answer> {
    const token = String(this.count++);
    return new Promise<Answer>((resolve, reject) => {
      const timer = setTimeout(() => this.open.get(token)?.reject('timeout'), timeoutMs);
      const end = (): void => {
        clearTimeout(timer);
        this.open.delete(token);
      };
      this.open.set(token, {
        subject,
        resolve: (answer) => (end(), resolve(answer)),
        reject: (reason) => (end(), reject(new NoAnswer(subject, reason))),
      });
      try {
        this.nats.publish(subject, payload, { reply: this.prefix + token, ...natsHeadersOf(headers) });
      } catch (error) {
        end();
        reject(unsent(subject, payload, error));
      }
    });
  }

  /** Ends every open request to `subject`. */
  reject(subject: string, reason: NoAnswerReason): void {
    for (const request of [...this.open.values()]) if (request.subject === subject) request.reject(reason);
  }

  /** Ends every open request. */
  rejectAll(reason: NoAnswerReason): void {
    for (const request of [...this.open.values()]) request.reject(reason);
  }

  private receive(message: Msg): void {
    const request = this.open.get(message.subject.slice(this.prefix.length));
    if (request === undefined) return;
    const { headers, status } = readHeaders(message);
    if (status === 503 && message.data.length === 0 && headers.size === 0) request.reject('no-responders');
    else request.resolve({ subject: message.subject, headers, status, payload: message.data });
  }
}

function unsent(subject: string, payload: Uint8Array, error: unknown): Error {
  if (error instanceof NatsError && error.code === (ErrorCode.MaxPayloadExceeded as string)) {
    return new RefusedError('ERR_MESSAGE_TOO_LARGE', `The broker does not take a message of ${payload.length} bytes.`);
  }
  return new NoAnswer(subject, 'disconnected');
}

/** Headers as the `nats` package wants them. */
export function natsHeadersOf(
  entries: Iterable<readonly [string, string]> | undefined,
): { headers: ReturnType<typeof natsHeaders> } | undefined {
  if (entries === undefined) return undefined;
  const headers = natsHeaders();
  for (const [name, value] of entries) headers.set(name, value);
  return { headers };
}
