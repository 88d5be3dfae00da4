// ClickHouse's own error codes and what HTTP says of them (ClickHouse: src/Common/ErrorCodes.cpp,
// src/Server/HTTP/exceptionCodeToHTTPStatus.cpp). Clients read `Code: N. DB::Exception: … (TYPE)`.

const STATUS: Readonly<Record<number, number>> = {
  6: 400, // CANNOT_PARSE_TEXT
  26: 400, // CANNOT_PARSE_QUOTED_STRING
  27: 400, // CANNOT_PARSE_INPUT_ASSERTION_FAILED
  36: 400, // BAD_ARGUMENTS
  38: 400, // CANNOT_PARSE_DATE
  41: 400, // CANNOT_PARSE_DATETIME
  46: 404, // UNKNOWN_FUNCTION
  47: 404, // UNKNOWN_IDENTIFIER
  48: 501, // NOT_IMPLEMENTED
  53: 400, // TYPE_MISMATCH
  60: 404, // UNKNOWN_TABLE
  62: 400, // SYNTAX_ERROR
  72: 400, // CANNOT_PARSE_NUMBER
  73: 404, // UNKNOWN_FORMAT
  81: 404, // UNKNOWN_DATABASE
  115: 404, // UNKNOWN_SETTING
  117: 400, // INCORRECT_DATA
  159: 408, // TIMEOUT_EXCEEDED
  164: 403, // READONLY
  202: 503, // TOO_MANY_SIMULTANEOUS_QUERIES
  291: 413, // QUERY_IS_TOO_LARGE
  456: 400, // UNKNOWN_QUERY_PARAMETER
  457: 400, // BAD_QUERY_PARAMETER
  497: 403, // ACCESS_DENIED
  516: 401, // AUTHENTICATION_FAILED
};

const UNKNOWN = { code: 1002, type: 'UNKNOWN_EXCEPTION' };

/** An error as ClickHouse tells it. */
export class ClickHouseException extends Error {
  override readonly name = 'ClickHouseException';
  readonly code: number;
  readonly type: string;

  constructor(code: number, type: string, message: string) {
    super(message);
    this.code = code;
    this.type = type;
  }

  /** What HTTP calls it. */
  get status(): number {
    return STATUS[this.code] ?? 500;
  }

  /** What a client parses. */
  get text(): string {
    return `Code: ${this.code}. DB::Exception: ${this.message} (${this.type})\n`;
  }
}

/** No such user, or another password. */
export function authenticationFailed(user: string): ClickHouseException {
  const message = `${user}: Authentication failed: password is incorrect, or there is no user with such name.`;
  return new ClickHouseException(516, 'AUTHENTICATION_FAILED', message);
}

/** The user may not do this. */
export function refusedToReader(message: string): ClickHouseException {
  return new ClickHouseException(164, 'READONLY', message);
}

/** The request makes no sense. */
export function badRequest(message: string): ClickHouseException {
  return new ClickHouseException(36, 'BAD_ARGUMENTS', message);
}

/** A server has it, the embedded engine does not. */
export function notImplemented(message: string): ClickHouseException {
  return new ClickHouseException(48, 'NOT_IMPLEMENTED', message);
}

/** Whatever was thrown, as ClickHouse would tell it. The engine's own errors keep code, type and message. */
export function asException(error: unknown): ClickHouseException {
  if (error instanceof ClickHouseException) return error;
  const text = error instanceof Error ? error.message : '';
  const told = /^Code: (\d+)\. DB::Exception: ([\s\S]*?)\s*\(([A-Z_0-9]{3,})\)\s*$/.exec(text);
  if (told !== null) return new ClickHouseException(Number(told[1]), told[3] ?? UNKNOWN.type, told[2] ?? '');
  return new ClickHouseException(UNKNOWN.code, UNKNOWN.type, 'The embedded engine failed; its log may say why.');
}
