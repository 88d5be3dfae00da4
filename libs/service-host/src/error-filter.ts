// What callers are told of an error. Over the broker it travels as it was thrown; over HTTP as RFC 9457 problem+json.

import { FlowMcpError, RefusedError, RetryableError, type ErrorCode } from '@flow-mcp/kernel';
import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { throwError, type Observable } from 'rxjs';

/** The part of an HTTP response that is needed here, whatever serves HTTP. */
interface HttpResponse {
  readonly headersSent: boolean;
  status(code: number): this;
  setHeader(name: string, value: string): this;
  send(body: string): this;
}

/** RFC 9457 §3.1, with our code. */
export interface Problem {
  readonly status: number;
  readonly title: string;
  readonly code?: ErrorCode;
  readonly field?: string;
}

/** Errors of every handler pass here. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): Observable<never> | undefined {
    if (host.getType() !== 'http') return throwError(() => error);
    answer(host.switchToHttp().getResponse<HttpResponse>(), error);
    return undefined;
  }
}

/** An error as HTTP tells it; a bug without detail. */
export function problemOf(error: unknown): Problem {
  if (error instanceof HttpException) return { status: error.getStatus(), title: error.message };
  if (!(error instanceof FlowMcpError) || error.code === 'ERR_INTERNAL') {
    return { status: 500, title: 'The service failed at this request; its log says why.', code: 'ERR_INTERNAL' };
  }
  const { code, message: title, field } = error;
  return { status: statusOf(error), title, code, ...(field === undefined ? {} : { field }) };
}

const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  ERR_TOKEN_INVALID: 401,
  ERR_TOKEN_EXPIRED: 401,
  ERR_PASS_INVALID: 401,
  ERR_NOT_PERMITTED: 403,
  ERR_NOT_FOUND: 404,
  ERR_CONFLICT: 409,
  ERR_MESSAGE_TOO_LARGE: 413,
  ERR_RATE_LIMITED: 429,
};

function statusOf(error: FlowMcpError): number {
  if (error instanceof RetryableError) return 503;
  return STATUS[error.code] ?? (error instanceof RefusedError ? 400 : 500);
}

function answer(response: HttpResponse, error: unknown): void {
  if (response.headersSent) return;
  const problem = problemOf(error);
  if (error instanceof RetryableError) {
    response.setHeader('retry-after', String(Math.ceil((error.retryAfterMs ?? 1000) / 1000)));
  }
  response.status(problem.status).setHeader('content-type', 'application/problem+json').send(JSON.stringify(problem));
}
