// Answers the requests to one rpc subject; replicas share them by a queue group.
//
// 1. Every request gets exactly one answer: what the handler returned, or the error that was thrown.
// 2. No more than `inFlightMax` run at once; what is beyond is answered `ERR_BUSY` at once.
// 3. On drain no more requests are taken, those running are answered.

import { LIMITS, decode, encode, type RpcContract } from '@flow-mcp/contracts';
import { RefusedError, RetryableError, errorCode } from '@flow-mcp/kernel';
import type { Msg, Subscription } from 'nats';
import type { BrokerConnection } from './connection.js';
import { readHeaders, type MessageHeaders } from './message-headers.js';
import { encodeError } from './rpc.js';

/** How one subject is served. */
export interface ServeRpcOptions<Q, A> {
  readonly contract: RpcContract<Q, A>;
  /** The replicas that share the requests: the service's name. */
  readonly queue: string;
  readonly inFlightMax: number;
  readonly handler: (request: Q, headers: MessageHeaders) => Promise<A>;
}

/** A subject that is being served. */
export interface ServedRpc {
  /** Invariant 3. */
  drain(withinMs: number): Promise<void>;
}

/** Starts answering. */
export function serveRpc<Q, A>(connection: BrokerConnection, options: ServeRpcOptions<Q, A>): ServedRpc {
  return new Serving(connection, options);
}

class Serving<Q, A> implements ServedRpc {
  private readonly connection: BrokerConnection;
  private readonly options: ServeRpcOptions<Q, A>;
  private readonly subscription: Subscription;
  private readonly running = new Set<Promise<void>>();

  constructor(connection: BrokerConnection, options: ServeRpcOptions<Q, A>) {
    this.connection = connection;
    this.options = options;
    this.subscription = connection.nats.subscribe(options.contract.subject, {
      queue: options.queue,
      callback: (error, message) => error === null && this.receive(message),
    });
  }

  async drain(withinMs: number): Promise<void> {
    if (this.connection.isConnected()) await this.subscription.drain().catch(() => undefined);
    await Promise.race([Promise.all(this.running), timeout(withinMs)]);
  }

  private receive(message: Msg): void {
    const running = this.answer(message).finally(() => this.running.delete(running));
    this.running.add(running);
  }

  /** Invariant 1. Never throws. */
  private async answer(message: Msg): Promise<void> {
    try {
      this.respond(message, await this.run(message));
    } catch (error) {
      if (errorCode(error) === 'ERR_INTERNAL') this.connection.report(`${message.subject} failed.`, error);
      this.respond(message, encodeError(error));
    }
  }

  private async run(message: Msg): Promise<Uint8Array> {
    const { contract, inFlightMax, handler } = this.options;
    if (this.running.size >= inFlightMax) throw busy();
    const request = decode(contract.request, message.data, LIMITS.rpcBytes);
    const value = await handler(request, readHeaders(message).headers);
    return encodeAnswer(contract, value);
  }

  private respond(message: Msg, payload: Uint8Array): void {
    if (message.reply !== undefined && message.reply !== '') this.connection.publish(message.reply, payload);
  }
}

/** An answer that breaks our own contract is a bug of ours, not the requester's fault. */
function encodeAnswer<Q, A>(contract: RpcContract<Q, A>, value: A): Uint8Array {
  let answer: Uint8Array;
  try {
    answer = encode(contract.response, value);
  } catch (cause) {
    throw new Error('The answer breaks the contract.', { cause });
  }
  if (answer.byteLength > LIMITS.rpcBytes) throw tooLarge(answer.byteLength);
  return answer;
}

function busy(): RetryableError {
  return new RetryableError('ERR_BUSY', 'The service has too many requests at once; try again.', { retryAfterMs: 500 });
}

function tooLarge(bytes: number): RefusedError {
  const message = `The answer has ${bytes} bytes, more than ${LIMITS.rpcBytes}; ask for less.`;
  return new RefusedError('ERR_MESSAGE_TOO_LARGE', message);
}

function timeout(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
