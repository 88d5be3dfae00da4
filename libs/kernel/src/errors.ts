// Errors, by what the runtime must do about them (see docs/errors.md).
// Outcomes such as denied, held or declined are values, never errors.

/** Every stable error code. The only error label on metrics; released codes never change their meaning. */
export const ERROR_CODES = [
  // What the caller must change.
  'ERR_TOKEN_INVALID',
  'ERR_TOKEN_EXPIRED',
  'ERR_PASS_INVALID',
  'ERR_NOT_FOUND',
  'ERR_NOT_PERMITTED',
  'ERR_TOOL_NOT_VISIBLE',
  'ERR_TOOL_DENIED',
  'ERR_ARGUMENTS_INVALID',
  'ERR_ARGUMENTS_TOO_LARGE',
  'ERR_TOOL_SCHEMA_UNUSABLE',
  'ERR_MESSAGE_INVALID',
  'ERR_MESSAGE_TOO_LARGE',
  'ERR_VERSION_UNKNOWN',
  'ERR_CALL_ID_INVALID',
  'ERR_CALL_ID_REUSED',
  'ERR_CALL_DUPLICATE',
  'ERR_DEADLINE_PASSED',
  'ERR_MANIFEST_INVALID',
  'ERR_KIND_UNKNOWN',
  'ERR_CONFLICT',
  'ERR_NOT_PENDING',
  'ERR_ALREADY_VOTED',
  'ERR_DIGEST_MISMATCH',
  // What happened to a call.
  'ERR_BUSY',
  'ERR_RATE_LIMITED',
  'ERR_LEDGER_FULL',
  'ERR_RECEIPT_INVALID',
  'ERR_CHANGED_SINCE_HELD',
  'ERR_EXPIRED',
  'ERR_DECLINED',
  'ERR_CANCELLED',
  'ERR_UNDELIVERABLE',
  'ERR_OWNER_LOST',
  'ERR_RESULT_TOO_LARGE',
  'ERR_RESULT_LOST',
  // What an upstream MCP server did.
  'ERR_UPSTREAM_DNS',
  'ERR_UPSTREAM_REFUSED',
  'ERR_UPSTREAM_TLS',
  'ERR_UPSTREAM_UNAUTHORIZED',
  'ERR_UPSTREAM_NOT_MCP',
  'ERR_UPSTREAM_TIMEOUT',
  'ERR_UPSTREAM_EMPTY',
  'ERR_UPSTREAM_TOO_LARGE',
  'ERR_UPSTREAM_FORBIDDEN_ADDRESS',
  'ERR_UPSTREAM_HTTP',
  'ERR_UPSTREAM_ERROR',
  'ERR_UPSTREAM_DISCONNECTED',
  // What our own parts could not do; try again later.
  'ERR_BROKER_UNAVAILABLE',
  'ERR_BROKER_NOT_OURS',
  'ERR_STREAM_NOT_WRITE_ONCE',
  'ERR_DATABASE_UNAVAILABLE',
  'ERR_SERVICE_UNAVAILABLE',
  'ERR_CONFIG_INVALID',
  'ERR_INTERNAL',
] as const;

/** A stable code, e.g. `ERR_TOOL_NOT_VISIBLE`. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** What every error of ours has. `message` says what to do and never repeats `cause`. */
export class FlowMcpError extends Error {
  override readonly name: string = 'FlowMcpError';
  readonly code: ErrorCode;
  /** The field at fault, as a path such as `spec.url`, where one is. */
  readonly field: string | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; field?: string } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.field = options.field;
  }
}

/** The caller must change something; asking again unchanged is useless. HTTP 4xx. */
export class RefusedError extends FlowMcpError {
  override readonly name = 'RefusedError';
}

/** Broker, database or upstream away; the same request may work later. HTTP 503, JetStream nak. */
export class RetryableError extends FlowMcpError {
  override readonly name = 'RetryableError';
  /** Milliseconds to wait before the next try, where known. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; field?: string; retryAfterMs?: number } = {},
  ) {
    super(code, message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** A message that can never be handled: unreadable, or of an unknown version. */
export class PoisonError extends FlowMcpError {
  override readonly name = 'PoisonError';
}

/** Our errors keep their code; anything else is a bug. */
export function errorCode(error: unknown): ErrorCode {
  return error instanceof FlowMcpError ? error.code : 'ERR_INTERNAL';
}

/** The messages of an error and its causes, outermost first, joined by `: `. For logs; holds no stack. */
export function describeError(error: unknown): string {
  const messages: string[] = [];
  let current: unknown = error;
  while (current !== undefined && current !== null && messages.length < 8) {
    messages.push(current instanceof Error ? current.message : typeof current === 'string' ? current : 'unknown error');
    current = current instanceof Error ? current.cause : undefined;
  }
  return messages.map((text, at) => (at < messages.length - 1 ? text.replace(/\.$/, '') : text)).join(': ');
}
