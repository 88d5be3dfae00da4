// Answers as ClickHouse's HTTP interface words them.

import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { ChdbQueryStream, StreamChunk } from 'chdb';
import { asException } from './errors.js';
import type { StatementRequest } from './request.js';

/** What an answer says of itself. */
export interface Answer {
  readonly request: StatementRequest;
  readonly format: string;
  readonly summary?: Readonly<Record<string, number>>;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  JSON: 'application/json; charset=UTF-8',
  JSONCompact: 'application/json; charset=UTF-8',
  JSONStrings: 'application/json; charset=UTF-8',
  JSONEachRow: 'application/x-ndjson; charset=UTF-8',
  JSONCompactEachRow: 'application/x-ndjson; charset=UTF-8',
  JSONStringsEachRow: 'application/x-ndjson; charset=UTF-8',
  CSV: 'text/csv; charset=UTF-8',
  CSVWithNames: 'text/csv; charset=UTF-8',
  TabSeparated: 'text/tab-separated-values; charset=UTF-8',
  TabSeparatedWithNames: 'text/tab-separated-values; charset=UTF-8',
};
const SUMMARY =
  'read_rows read_bytes written_rows written_bytes total_rows_to_read result_rows result_bytes elapsed_ns';

/** Sends a whole result. */
export async function respond(response: ServerResponse, answer: Answer, body: Uint8Array): Promise<void> {
  response.writeHead(200, headers(answer));
  await send([body], answer, response);
  response.end();
}

/**
 * Sends rows as the engine makes them. What fails before the first rows is an ordinary error; what fails later is told
 * at the end of the rows, as servers from 25.11 on tell it, and the connection is cut, so that nobody takes them for all.
 */
export async function respondInChunks(response: ServerResponse, answer: Answer, rows: ChdbQueryStream): Promise<void> {
  const chunks = rows[Symbol.asyncIterator]();
  const tag = randomUUID().slice(0, 16);
  let failure: string | undefined;
  const body = async function* (first: IteratorResult<StreamChunk>): AsyncGenerator<Uint8Array> {
    try {
      for (let chunk = first; chunk.done !== true; chunk = await chunks.next()) yield Buffer.from(chunk.value.raw());
    } catch (error) {
      failure = asException(error).text;
      yield exceptionBlock(failure, tag);
    }
  };
  try {
    const first = await chunks.next();
    response.writeHead(200, { ...headers(answer), 'X-ClickHouse-Exception-Tag': tag });
    await send(body(first), answer, response);
  } finally {
    rows.cancel();
  }
  if (failure === undefined) response.end();
  else response.socket?.destroySoon();
}

/** Sends an error, or cuts the answer off when its head is out already. */
export function respondWithError(response: ServerResponse, error: unknown, queryId: string): void {
  const exception = asException(error);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(exception.status, {
    ...identity(queryId),
    'Content-Type': 'text/plain; charset=UTF-8',
    'X-ClickHouse-Exception-Code': String(exception.code),
    ...(exception.status === 401 ? { 'WWW-Authenticate': 'Basic realm="ClickHouse"' } : {}),
  });
  response.end(exception.text);
}

function exceptionBlock(text: string, tag: string): Buffer {
  const end = `${Buffer.byteLength(text)} ${tag}\r\n__exception__\r\n`;
  return Buffer.from(`\r\n__exception__\r\n${tag}\r\n${text}${end}`);
}

async function send(
  body: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  answer: Answer,
  response: Writable,
): Promise<void> {
  const source = Readable.from(body);
  if (answer.request.acceptsGzip) await pipeline(source, createGzip({ level: 1 }), response, { end: false });
  else await pipeline(source, response, { end: false });
}

function headers({ request, format, summary }: Answer): Record<string, string> {
  return {
    ...identity(request.queryId),
    'Content-Type': CONTENT_TYPES[format] ?? 'application/octet-stream',
    'X-ClickHouse-Format': format,
    'X-ClickHouse-Timezone': 'UTC',
    ...(summary === undefined ? {} : { 'X-ClickHouse-Summary': summaryText(summary) }),
    ...(request.acceptsGzip ? { 'Content-Encoding': 'gzip' } : {}),
  };
}

function summaryText(known: Readonly<Record<string, number>>): string {
  return JSON.stringify(Object.fromEntries(SUMMARY.split(' ').map((name) => [name, String(known[name] ?? 0)])));
}

function identity(queryId: string): Record<string, string> {
  return { 'X-ClickHouse-Query-Id': queryId, 'X-ClickHouse-Server-Display-Name': 'flow-mcp' };
}
