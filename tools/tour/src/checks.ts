// A step of the tour checks itself: what is not as it should be ends the step with a sentence that says so.

import type { CallOutcome } from '@flow-mcp/client';
import { isJsonObject } from '@flow-mcp/kernel';
import type { MadeCall } from './system.js';
import { aside, held, plain, type Print } from './terminal.js';

/** What a step found not to be so. */
export class CheckFailed extends Error {
  override readonly name = 'CheckFailed';
}

/** Ends the step unless `condition` holds. */
export function check(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new CheckFailed(sentence);
}

/** Checks outcome and row of a call, and prints both. */
export function checkCall(
  { outcome, ms, row }: MadeCall,
  expected: CallOutcome['outcome'],
  sentence: string,
  print: Print,
): void {
  const said = textOf(outcome);
  check(
    outcome.outcome === expected,
    `${sentence}: expected ${expected}, got ${outcome.outcome} (${outcome.code ?? 'no code'}: ${outcome.message ?? said})`,
  );
  check(row.outcome === expected, `${sentence}: ClickHouse says ${row.outcome} instead of ${expected}`);
  print(held(`${sentence}: ${outcome.outcome} in ${Math.round(ms)} ms`));
  if (said !== '') print(aside(`answer: ${plain(said)}`));
  if (outcome.error !== undefined) print(aside(`error of the server: ${plain(outcome.error.message)}`));
  if (outcome.message !== undefined) print(aside(`message: ${plain(outcome.message, 240)}`));
  const decided = row.decision === '' ? '' : ` · ${row.decision} by ${row.voters.join(', ') || 'nobody'}`;
  print(
    aside(
      `ClickHouse: ${row.actor} → ${row.server}/${row.tool} · rule ${row.rule}${decided} · ${row.outcome} · upstream ${row.upstream_ms ?? 0} ms`,
    ),
  );
}

/** The text content of a call's result, joined. */
export function textOf({ result }: CallOutcome): string {
  const content = result?.['content'];
  if (!Array.isArray(content)) return '';
  const texts = content.filter(isJsonObject).map(({ text }) => text);
  return texts.filter((text) => typeof text === 'string').join(' ');
}
