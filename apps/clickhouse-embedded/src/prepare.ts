// Makes a fresh session that of a request: its database, settings, parameters, and what its user may do.

import type { Session } from 'chdb';
import { allowReader, readerSettings } from './reader.js';
import type { StatementRequest } from './request.js';

/** @throws ClickHouseException or the engine's error when something of it is refused. */
export async function prepare(session: Session, request: StatementRequest): Promise<void> {
  if (request.database !== undefined) await session.queryAsync(`USE ${identifier(request.database)}`);
  const isReader = request.user === 'reader';
  await set(session, isReader ? readerSettings(request.settings) : request.settings);
  await set(session, request.params);
  // Last, since nothing can be set after it.
  if (isReader) await session.queryAsync('SET readonly = 1');
  else if (request.isGet) await session.queryAsync('SET readonly = 2');
  if (isReader) await allowReader(session, request.sql);
}

async function set(session: Session, values: ReadonlyMap<string, string>): Promise<void> {
  if (values.size === 0) return;
  const assignments = [...values].map(([name, value]) => `${name} = ${literal(value)}`);
  await session.queryAsync(`SET ${assignments.join(', ')}`);
}

function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

function identifier(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}
