// Runs a prepared request and answers it: rows of an INSERT, a stream of rows, or a whole result.

import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerResponse } from 'node:http';
import type { Session } from 'chdb';
import { badRequest } from './errors.js';
import type { StatementRequest } from './request.js';
import { respond, respondInChunks } from './respond.js';

/** Formats whose pieces, put together, are what the whole would be. */
const CHUNKED = new Set([
  'JSONEachRow',
  'JSONStringsEachRow',
  'JSONCompactEachRow',
  'JSONCompactStringsEachRow',
  'NDJSON',
  'TabSeparated',
  'TSV',
  'TabSeparatedRaw',
  'TSVRaw',
  'CSV',
  'RowBinary',
  'Native',
]);
const SELECT = /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*(?:select|with|\()/i;
const FORMAT = /\bFORMAT\s+(\w+)\s*(?:SETTINGS\b[^;]*)?;?\s*$/i;
const INSERT = /^([\s\S]*?)(\sSETTINGS\s+\w+\s*=[\s\S]*?)?\s(?:FORMAT\s+(\w+)|VALUES)[\s;]*$/i;

export class Statements {
  /** Rows on their way in, as files: the engine reads any format from one, and faster than from SQL text. */
  constructor(private readonly incoming: string) {
    rmSync(incoming, { recursive: true, force: true });
    mkdirSync(incoming, { recursive: true, mode: 0o700 });
  }

  /** Answers `request` on a session that was prepared for it. */
  async run(session: Session, request: StatementRequest, response: ServerResponse): Promise<void> {
    if (request.data !== undefined) return this.insert(session, request, request.data, response);
    const format = FORMAT.exec(request.sql)?.[1] ?? request.defaultFormat;
    if (CHUNKED.has(format) && SELECT.test(request.sql) && !request.waitsForEnd) {
      return respondInChunks(response, { request, format }, session.queryStream(request.sql, { format }));
    }
    const result = await session.queryAsync(request.sql, { format });
    const summary = { read_rows: result.rowsRead, read_bytes: result.bytesRead, elapsed_ns: nanoseconds(result) };
    await respond(response, { request, format, summary }, result.bytes());
  }

  private async insert(
    session: Session,
    request: StatementRequest,
    data: Buffer,
    response: ServerResponse,
  ): Promise<void> {
    const result = await this.withFile(data, (file) => session.queryAsync(insertFrom(file, request.sql)));
    const summary = { written_rows: result.rowsRead, written_bytes: data.length, elapsed_ns: nanoseconds(result) };
    await respond(response, { request, format: 'TabSeparated', summary }, new Uint8Array());
  }

  private async withFile<T>(data: Buffer, work: (file: string) => Promise<T>): Promise<T> {
    const file = join(this.incoming, randomUUID());
    try {
      await writeFile(file, data, { mode: 0o600 });
      return await work(file);
    } finally {
      await rm(file, { force: true });
    }
  }
}

/** The INSERT with its rows from a file. */
function insertFrom(file: string, sql: string): string {
  const [, into, settings = '', format = 'Values'] = INSERT.exec(sql) ?? [];
  if (into === undefined) throw badRequest('The body holds rows, so the INSERT must end in FORMAT <name> or VALUES.');
  return `${into} FROM INFILE '${file.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'${settings} FORMAT ${format}`;
}

function nanoseconds(result: { readonly elapsed: number }): number {
  return Math.round(result.elapsed * 1e9);
}
