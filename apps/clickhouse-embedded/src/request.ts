// What a request asks, after ClickHouse's HTTP interface: the statement in `query` or in the body, data of an INSERT
// in the body, parameters as `param_<name>`, everything else in the URL a setting.

import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';
import { ClickHouseException, badRequest, notImplemented } from './errors.js';
import { authenticate, type Passwords, type User } from './users.js';

/** One request, read and checked. */
export interface StatementRequest {
  readonly queryId: string;
  readonly user: User;
  readonly sql: string;
  /** The rows of an INSERT, in the format that it names. */
  readonly data: Buffer | undefined;
  readonly database: string | undefined;
  readonly settings: ReadonlyMap<string, string>;
  /** Values as the wire has them: escaped like a field of TabSeparated. */
  readonly params: ReadonlyMap<string, string>;
  /** Used when the statement has no FORMAT. */
  readonly defaultFormat: string;
  /** A GET changes nothing, whoever sends it. */
  readonly isGet: boolean;
  readonly acceptsGzip: boolean;
  /** Send nothing before the statement succeeded. */
  readonly waitsForEnd: boolean;
}

const BODY_BYTES_MAX = 256 * 1024 * 1024;
const INSERT = /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*insert\s/i;

/** Names in the URL that are no settings. */
const CONTROL = new Set(
  (
    'query query_id user password quota_key database default_format enable_http_compression wait_end_of_query ' +
    'buffer_size send_progress_in_http_headers http_headers_progress_interval_ms client_protocol_version ' +
    'add_http_cors_header cancel_http_readonly_queries_on_client_close http_write_exception_in_output_format'
  ).split(' '),
);
const UNSUPPORTED = new Set(['session_id', 'session_timeout', 'session_check', 'role', 'compress', 'decompress']);

/** @throws ClickHouseException when the user is not known, or the request cannot be read. */
export async function readRequest(message: IncomingMessage, passwords: Passwords): Promise<StatementRequest> {
  const url = new URL(message.url ?? '/', 'http://localhost').searchParams;
  const user = authenticate(passwords, message.headers, url);
  const body = await readBody(message);
  const fields = await formFields(message, body);
  for (const [name, value] of fields) url.append(name, value);
  return {
    queryId: url.get('query_id') ?? randomUUID(),
    user,
    ...statement(url.get('query') ?? '', fields.length > 0 ? Buffer.alloc(0) : body),
    database: url.get('database') ?? header(message, 'x-clickhouse-database'),
    ...settingsAndParams(url),
    defaultFormat: url.get('default_format') ?? header(message, 'x-clickhouse-format') ?? 'TabSeparated',
    isGet: message.method !== 'POST',
    acceptsGzip: isOn(url, 'enable_http_compression') && /\bgzip\b/.test(header(message, 'accept-encoding') ?? ''),
    waitsForEnd: isOn(url, 'wait_end_of_query'),
  };
}

function statement(query: string, body: Buffer): Pick<StatementRequest, 'sql' | 'data'> {
  if (INSERT.test(query) && body.length > 0) return { sql: query, data: body };
  const sql = `${query}\n${body.toString()}`.trim();
  if (sql === '') throw new ClickHouseException(62, 'SYNTAX_ERROR', 'Empty query.');
  return { sql, data: undefined };
}

function settingsAndParams(url: URLSearchParams): Pick<StatementRequest, 'settings' | 'params'> {
  const settings = new Map<string, string>();
  const params = new Map<string, string>();
  for (const [name, value] of url) {
    if (UNSUPPORTED.has(name) && value !== '0') throw notImplemented(`The embedded engine does not take ${name}.`);
    if (CONTROL.has(name) || UNSUPPORTED.has(name)) continue;
    if (!/^[A-Za-z_]\w{0,127}$/.test(name)) throw badRequest('A name in the URL is neither a setting nor a parameter.');
    if (name.startsWith('param_')) params.set(name, value);
    else settings.set(name, value);
  }
  return { settings, params };
}

async function readBody(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of decoded(message)) {
    bytes += (chunk as Buffer).length;
    if (bytes > BODY_BYTES_MAX) throw new ClickHouseException(291, 'QUERY_IS_TOO_LARGE', 'Send at most 256 MiB.');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

function decoded(message: IncomingMessage): Readable {
  switch (message.headers['content-encoding'] ?? 'identity') {
    case 'identity':
      return message;
    case 'gzip':
      return inflated(message, createGunzip());
    case 'deflate':
      return inflated(message, createInflate());
    default:
      throw notImplemented('Send the body plain, or encoded as gzip or deflate.');
  }
}

function inflated(message: IncomingMessage, inflate: ReturnType<typeof createGunzip>): Readable {
  message.on('error', (error) => inflate.destroy(error));
  inflate.on('error', () => message.unpipe(inflate).resume());
  return message.pipe(inflate);
}

/** `multipart/form-data`, which clients send when parameters are too long for a URL. */
async function formFields(message: IncomingMessage, body: Buffer): Promise<[string, string][]> {
  const type = header(message, 'content-type') ?? '';
  if (!type.startsWith('multipart/form-data')) return [];
  const form = await new Response(body, { headers: { 'content-type': type } }).formData().catch(() => undefined);
  if (form === undefined) throw badRequest('The multipart body is malformed.');
  return [...form].filter((field): field is [string, string] => typeof field[1] === 'string');
}

function header(message: IncomingMessage, name: string): string | undefined {
  const value = message.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function isOn(url: URLSearchParams, name: string): boolean {
  return url.get(name) === '1' || url.get(name) === 'true';
}
