// What the user `reader` may do: one SELECT, within limits, reaching nothing but the tables.
//
//   R1. `readonly = 1`: the engine itself refuses writes, DDL, changed settings, and file(), url(), s3(), remote() and
//       the like as tables. It can not be undone within the session.
//   R2. What the engine lets through all the same is refused here: INTO OUTFILE writes a file, the *scalar*
//       file('/etc/…') reads any, DESCRIBE of s3() opens a connection, KILL QUERY stops somebody else's work.
//   R3. We do not parse SQL: the engine's own parser says what a statement is (EXPLAIN AST), so the two cannot
//       disagree. Only a second statement and OUTFILE are looked for in the text, strings and comments included, since
//       EXPLAIN AST would execute them.

import type { Session } from 'chdb';
import { refusedToReader } from './errors.js';

/** Functions that reach files, the network or the parser from within a SELECT. */
const FORBIDDEN =
  /^(file|catboostEvaluate|eval|hasColumnInTable|viewIfPermitted|clusterAllReplicas|cluster|ai[A-Z]\w*)$/i;

/** Settings that shape output; they reach nothing. */
const HARMLESS =
  /^(output_format_(json|csv|tsv|pretty|decimal|write_statistics)\w*|date_time_output_format|join_use_nulls|session_timezone|result_overflow_mode)$/;

/** What a reader may lower but not raise. */
const CEILINGS: Readonly<Record<string, number>> = {
  max_execution_time: 30,
  max_memory_usage: 500_000_000,
  max_result_rows: 1_000_000,
  max_result_bytes: 256 * 1024 * 1024,
  max_threads: 2,
};

/** The settings of a reader's session. @throws ClickHouseException naming a setting that readers may not change. */
export function readerSettings(asked: ReadonlyMap<string, string>): Map<string, string> {
  const settings = new Map(Object.entries(CEILINGS).map(([name, ceiling]) => [name, String(ceiling)]));
  for (const [name, value] of asked) {
    const ceiling = CEILINGS[name];
    if (ceiling !== undefined) settings.set(name, lower(value, ceiling));
    else if (HARMLESS.test(name)) settings.set(name, value);
    else if (name !== 'readonly') throw refusedToReader(`Cannot modify '${name}' setting as a reader.`);
  }
  return settings;
}

/** @throws ClickHouseException unless `sql` is one SELECT that reads tables only. */
export async function allowReader(session: Session, sql: string): Promise<void> {
  const single = sql.replace(/;\s*$/, '');
  if (single.includes(';')) {
    throw refusedToReader('Send one statement. Text that holds a semicolon goes into a query parameter.');
  }
  if (/outfile/i.test(single)) {
    throw refusedToReader('INTO OUTFILE is not for readers. Text that holds the word goes into a query parameter.');
  }
  const ast = await session.queryAsync(`EXPLAIN AST ${single}`, { format: 'TabSeparatedRaw' });
  allowTree(ast.text());
}

function allowTree(ast: string): void {
  if (!ast.startsWith('SelectWithUnionQuery')) throw refusedToReader('A reader may only SELECT.');
  if (ast.includes('ColumnsApplyTransformer')) {
    throw refusedToReader('APPLY hides which function it calls; write the columns out.');
  }
  for (const [, name = ''] of ast.matchAll(/^\s*(?:Function|Identifier) (\S+)/gm)) {
    if (FORBIDDEN.test(name)) throw refusedToReader(`${name} is not for readers.`);
  }
}

function lower(asked: string, ceiling: number): string {
  const value = Number(asked);
  return value > 0 && value <= ceiling ? asked : String(ceiling);
}
