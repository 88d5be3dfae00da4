// Why an exchange with an MCP server failed, in sentences that tell its owner what to check.
// No sentence repeats what the server sent: an error body may echo credentials or arguments.

import { FlowMcpError, type ErrorCode } from '@flow-mcp/kernel';

/** A failed exchange. Whether the call was sent by then is known to whoever sent it, not here. */
export class UpstreamFailure extends FlowMcpError {
  override readonly name = 'UpstreamFailure';
  /** The server answered that it will not do it, as opposed to no answer. */
  readonly answered: boolean;
  /** The HTTP status, where there was one. */
  readonly status: number | undefined;
  /** The server no longer knows the session, so it did not run what was asked in it. */
  readonly sessionLost: boolean;

  constructor(code: ErrorCode, message: string, details: FailureDetails = {}) {
    super(code, message, { cause: details.cause });
    this.answered = details.answered ?? false;
    this.status = details.status;
    this.sessionLost = details.sessionLost ?? false;
  }
}

interface FailureDetails {
  readonly cause?: unknown;
  readonly answered?: boolean;
  readonly status?: number;
  readonly sessionLost?: boolean;
}

export const cancelled = () =>
  new UpstreamFailure('ERR_CANCELLED', 'The call was cancelled before the MCP server answered.');

export const timedOut = (timeoutMs: number) =>
  new UpstreamFailure(
    'ERR_UPSTREAM_TIMEOUT',
    `The MCP server did not answer within ${timeoutMs} ms; check that it is up and not overloaded, or raise spec.limits.timeout.`,
  );

export const stalled = (idleMs: number) =>
  new UpstreamFailure(
    'ERR_UPSTREAM_TIMEOUT',
    `The MCP server began to answer and then sent nothing for ${idleMs} ms; check the server and proxies before it.`,
  );

export const disconnected = (what: string, cause?: unknown) =>
  new UpstreamFailure(
    'ERR_UPSTREAM_DISCONNECTED',
    `${what}; check the MCP server's log for a crash or a restart, and the timeouts of proxies before it.`,
    { cause },
  );

export const tooLarge = (what: string) =>
  new UpstreamFailure(
    'ERR_UPSTREAM_TOO_LARGE',
    `The MCP server sent ${what}; make its answer smaller, or raise spec.limits.resultBytes.`,
  );

export const notMcp = (what: string, cause?: unknown) =>
  new UpstreamFailure(
    'ERR_UPSTREAM_NOT_MCP',
    `The server ${what}, which is not MCP; check that spec.url is the address of its MCP endpoint, often /mcp or /sse.`,
    { cause },
  );

export const badUrl = (what: string) =>
  new UpstreamFailure('ERR_UPSTREAM_FORBIDDEN_ADDRESS', `The server's address ${what}; correct spec.url.`);

export const forbiddenAddress = () =>
  new UpstreamFailure(
    'ERR_UPSTREAM_FORBIDDEN_ADDRESS',
    "The MCP server's address is not a public one; have the operator allow it if it is meant to be reached.",
  );

export const dnsFailed = (cause: unknown) =>
  new UpstreamFailure(
    'ERR_UPSTREAM_DNS',
    "The MCP server's host name does not resolve; check spec.url, and that DNS here knows the name.",
    { cause },
  );

const NO_ROUTE = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'EADDRNOTAVAIL', 'EACCES', 'EPERM'];

/** A socket that could not be connected; for https that includes the TLS handshake. */
export function connectFailed(cause: unknown, secure: boolean): UpstreamFailure {
  const code = errnoOf(cause);
  if (code === 'ETIMEDOUT' || code === 'UND_ERR_CONNECT_TIMEOUT')
    return new UpstreamFailure(
      'ERR_UPSTREAM_TIMEOUT',
      'The MCP server does not accept connections in time; check the port in spec.url, the firewall, and that it is up.',
      { cause },
    );
  if (secure && !NO_ROUTE.includes(code))
    return new UpstreamFailure(
      'ERR_UPSTREAM_TLS',
      `TLS with the MCP server failed (${code}); check that its certificate is valid for this name and signed by an authority we trust, and that the port speaks TLS.`,
      { cause },
    );
  return new UpstreamFailure(
    'ERR_UPSTREAM_REFUSED',
    'Nothing accepts connections at the MCP server’s address; check the port in spec.url, the firewall, and that it is up.',
    { cause },
  );
}

/** An HTTP exchange that broke after it was handed to a connection. */
export function exchangeFailed(error: Error): UpstreamFailure {
  if (error instanceof UpstreamFailure) return error;
  const code = errnoOf(error);
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return tooLarge('too many or too long HTTP headers');
  if (code === 'UND_ERR_INVALID_ARG')
    return new UpstreamFailure(
      'ERR_CONFIG_INVALID',
      'A header for the MCP server holds characters that HTTP forbids; correct spec.authentication.headers.',
    );
  if (error.name === 'HTTPParserError') return notMcp('sent something that is not HTTP', error);
  return disconnected('The connection to the MCP server broke before it answered', error);
}

/** A status that is no success. 4xx is the server's word that it did not run the call; 3xx and 5xx are not. */
export function httpFailed(status: number, sessionLost = false): UpstreamFailure {
  const answered = (status >= 400 && status < 500) || status === 307 || status === 308;
  const [code, advice] = httpAdvice(status);
  return new UpstreamFailure(code, `The MCP server answered HTTP ${status}; ${advice}.`, {
    answered,
    status,
    sessionLost,
  });
}

function httpAdvice(status: number): readonly [ErrorCode, string] {
  if (status === 401 || status === 403)
    return [
      'ERR_UPSTREAM_UNAUTHORIZED',
      'check spec.authentication, and that the server trusts our issuer and audience',
    ];
  if (status === 429) return ['ERR_RATE_LIMITED', 'try again later, or raise its rate limit'];
  if (status >= 300 && status < 400)
    return ['ERR_UPSTREAM_HTTP', 'redirects are not followed, so set spec.url to where it points'];
  if (status === 404 || status === 405)
    return ['ERR_UPSTREAM_HTTP', 'check the path in spec.url, often /mcp or /sse, and spec.protocol'];
  if (status >= 500) return ['ERR_UPSTREAM_HTTP', "check the server's own log, and proxies before it"];
  return ['ERR_UPSTREAM_HTTP', "check spec.url and the server's log"];
}

function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error';
}
