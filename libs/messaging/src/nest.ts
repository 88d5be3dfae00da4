// NestJS on our one connection to the broker. The part of this library that needs Nest: `@flow-mcp/messaging/nest`.
//
//     @EventPattern<string>(CONSUMERS.executorRequested.durable)
//     onRequested(@Payload() delivery: Delivery): Promise<Disposition>
//
//     @MessagePattern<string>(RPCS.apply.subject)
//     apply(@Payload() request: ApplyRequest, @Ctx() context: RpcContext): Promise<ApplyAnswer>
//
// 1. An event handler belongs to a durable consumer that the provisioner made; the pattern is its name.
// 2. A message handler belongs to an rpc contract; the pattern is its subject. It gets and returns typed values, which
//    the contract checked.
// 3. Errors reach the transport as they were thrown (`ErrorPassThrough`), else Nest would hide their codes.
// 4. `close()` drains: consumers and rpc first, then the connection. What handlers use must outlive it, so release it in
//    `onApplicationShutdown`, which Nest calls afterwards, not in `onModuleDestroy`.

import { Catch, type ExceptionFilter } from '@nestjs/common';
import { BaseRpcContext, Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import { CONSUMERS, RPCS, type RpcContract } from '@flow-mcp/contracts';
import { isObservable, lastValueFrom, throwError, type Observable } from 'rxjs';
import type { BrokerConnection } from './connection.js';
import { consume, type Consumption, type Delivery, type Disposition } from './consume.js';
import type { MessageHeaders } from './message-headers.js';
import { serveRpc, type ServedRpc } from './serve-rpc.js';

const IN_FLIGHT_MAX = 256;
const DRAIN_WITHIN_MS = 20_000;

/** How a service takes its work. */
export interface JetStreamStrategyOptions {
  readonly connection: BrokerConnection;
  /** The service's name, e.g. `executor`: its replicas share rpc requests. */
  readonly service: string;
  /** Messages held at once, by consumer name; 256 unless told. */
  readonly inFlightMax?: Readonly<Record<string, number>>;
  /** Requests answered at once, for each rpc subject; 256 unless told. */
  readonly rpcInFlightMax?: number;
  /** How long running handlers may take to finish on shutdown, in milliseconds; 20 s unless told. */
  readonly drainWithinMs?: number;
  /** Durable consumers that may be bound, by name; those of the contracts unless told. */
  readonly consumers?: readonly { readonly stream: string; readonly durable: string; readonly filter: string }[];
  /** Rpcs that may be served; those of the contracts unless told. */
  readonly rpcs?: readonly RpcContract<unknown, unknown>[];
}

/** What an rpc handler can ask about its request, by `@Ctx()`. */
export class RpcContext extends BaseRpcContext<[MessageHeaders]> {
  /** Headers of the request, e.g. `traceparent`. */
  get headers(): MessageHeaders {
    return this.getArgs()[0];
  }
}

/** Lets errors of rpc and event handlers through to the transport: `app.useGlobalFilters(new ErrorPassThrough())`. */
@Catch()
export class ErrorPassThrough implements ExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}

/** The custom transport; see the head of this file. */
export class JetStreamStrategy extends Server implements CustomTransportStrategy {
  private readonly options: JetStreamStrategyOptions;
  private readonly consumptions: Consumption[] = [];
  private readonly services: ServedRpc[] = [];

  constructor(options: JetStreamStrategyOptions) {
    super();
    this.options = options;
  }

  /** Binds every handler; the callback gets the error when one cannot be bound. */
  async listen(callback: (error?: unknown) => void): Promise<void> {
    try {
      for (const [pattern, handler] of this.messageHandlers) {
        if (handler.isEventHandler === true) await this.bindConsumer(pattern, handler);
        else this.bindRpc(pattern, handler);
      }
      await this.options.connection.nats.flush(); // whoever is told that we are ready may ask at once
      callback();
    } catch (error) {
      callback(error);
    }
  }

  /** How many messages of consumers are being handled now. */
  held(): number {
    return this.consumptions.reduce((sum, consumption) => sum + consumption.held(), 0);
  }

  /** Invariant 4. */
  async close(): Promise<void> {
    const { connection, drainWithinMs = DRAIN_WITHIN_MS } = this.options;
    const services = this.services.map((service) => service.drain(drainWithinMs));
    const unfinished = await Promise.all(this.consumptions.map((consumption) => consumption.drain(drainWithinMs)));
    await Promise.all(services);
    const left = unfinished.reduce((sum, count) => sum + count, 0);
    if (left > 0) this.logger.warn(`${left} messages did not finish within ${drainWithinMs} ms; others get them.`);
    await connection.drain();
  }

  /** Nest asks for it; this transport has no events. */
  on(): void {}

  /** The connection to the broker. */
  unwrap<T>(): T {
    return this.options.connection as T;
  }

  /** Invariant 1. */
  private async bindConsumer(pattern: string, handler: MessageHandler): Promise<void> {
    const { connection, consumers = Object.values(CONSUMERS), inFlightMax = {} } = this.options;
    const found = consumers.find(({ durable }) => durable === pattern);
    if (found === undefined) throw new Error(`@EventPattern('${pattern}') names no durable consumer of the contracts.`);
    if (handler.next !== undefined) throw new Error(`@EventPattern('${pattern}') stands twice; one handler answers.`);
    const consumption = await consume(connection, {
      stream: found.stream,
      consumer: pattern,
      filter: found.filter,
      inFlightMax: inFlightMax[pattern] ?? IN_FLIGHT_MAX,
      handler: (delivery) => call<Delivery, Disposition>(handler, delivery),
    });
    this.consumptions.push(consumption);
  }

  /** Invariant 2. */
  private bindRpc(pattern: string, handler: MessageHandler): void {
    const { connection, service, rpcs = Object.values(RPCS), rpcInFlightMax = IN_FLIGHT_MAX } = this.options;
    const contract = rpcs.find(({ subject }) => subject === pattern);
    if (contract === undefined) throw new Error(`@MessagePattern('${pattern}') names no rpc of the contracts.`);
    const served = serveRpc(connection, {
      contract,
      queue: service,
      inFlightMax: rpcInFlightMax,
      handler: (request, headers) => call(handler, request, new RpcContext([headers])),
    });
    this.services.push(served);
  }
}

/** Nest hands back a value, a promise or an observable of it. */
async function call<T, R>(handler: MessageHandler, data: T, context?: RpcContext): Promise<R> {
  const result: unknown = await handler(data, context);
  return (isObservable(result) ? await lastValueFrom(result, { defaultValue: undefined }) : result) as R;
}
