// Every message and request handled: its trace, its duration, and its error under its code, in one place.

import { FlowMcpError, type ErrorCode } from '@flow-mcp/kernel';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { Observable, tap } from 'rxjs';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';
import { withTrace } from './trace.js';

type Handled = 'ok' | ErrorCode;

/** Measures and logs what handlers do; never what was in the message. */
export class WatchInterceptor implements NestInterceptor {
  private readonly logger: Logger;
  private readonly metrics: Metrics;
  private readonly seconds: ReturnType<Metrics['histogram']>;

  constructor(logger: Logger, metrics: Metrics) {
    this.logger = logger;
    this.metrics = metrics;
    this.seconds = metrics.histogram<string>({
      name: 'flowmcp_handling_seconds',
      help: 'How long handlers took, by handler and by ok or error code.',
      labels: ['handler', 'result'],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    });
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const handler = `${context.getClass().name}.${context.getHandler().name}`;
    const startedAt = performance.now();
    const done = (result: Handled): void =>
      this.seconds.observe({ handler, result }, (performance.now() - startedAt) / 1000);
    return new Observable((subscriber) =>
      withTrace(handler, traceparentOf(context), () =>
        next
          .handle()
          .pipe(tap({ complete: () => done('ok'), error: (error: unknown) => done(this.failed(error)) }))
          .subscribe(subscriber),
      ),
    );
  }

  /** A bug is logged here, within its trace; what else went wrong is told to the caller, and logged by the transport. */
  private failed(error: unknown): ErrorCode {
    const level = error instanceof FlowMcpError ? 'debug' : 'error';
    this.logger[level]({ err: error }, 'A handler failed.');
    return this.metrics.countError(error);
  }
}

interface Headers {
  get(name: string): string | undefined;
}

/** From an HTTP request's headers, an rpc's context, or the fact that is delivered. */
function traceparentOf(context: ExecutionContext): string | undefined {
  if (context.getType() === 'http') {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, unknown> }>();
    return typeof headers.traceparent === 'string' ? headers.traceparent : undefined;
  }
  const rpc = context.switchToRpc();
  const carrier = rpc.getContext<{ headers?: Headers } | undefined>()?.headers;
  return (carrier ?? rpc.getData<{ fact?: { headers?: Headers } }>().fact?.headers)?.get('traceparent');
}
