// How text looks on this terminal: colours where they are wanted, tables without borders.

import Table from 'cli-table3';
import picocolors from 'picocolors';
import type { Terminal } from './io.js';
import { safeLine } from './safe-text.js';

type Colors = ReturnType<typeof picocolors.createColors>;

/** Text for one terminal. */
export interface Style {
  readonly colors: Colors;
  /** Rows under headings; cells are made safe, and the last column is cut to fit. */
  table(head: readonly string[], rows: readonly (readonly Cell[])[]): string;
  /** `name   value` lines, indented. */
  fields(fields: readonly (readonly [string, string])[]): string;
}

/** Text from anywhere, and how to colour it once it is safe. */
export type Cell = string | { readonly text: string; readonly color: (safe: string) => string };

const GAP = 2;
/** As long as a call id, which is of no use when cut. */
const LAST_COLUMN_MIN = 36;
const NO_BORDERS = Object.fromEntries(
  ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right', 'left', 'left-mid']
    .concat(['mid', 'mid-mid', 'right', 'right-mid', 'middle'])
    .map((name) => [name, '']),
);

/** The style of a terminal. */
export function styleOf({ columns, colors: wanted }: Terminal): Style {
  const colors = picocolors.createColors(wanted);
  const textOf = (cell: Cell): string => safeLine(typeof cell === 'string' ? cell : cell.text);
  const shown = (cell: Cell, width: number): string => {
    const text = cut(textOf(cell), width);
    return typeof cell === 'string' ? text : cell.color(text);
  };
  return {
    colors,
    table: (head, rows) => {
      const widths = head.map((title, at) =>
        Math.max(title.length, ...rows.map((row) => textOf(row[at] ?? '').length)),
      );
      const before = widths.slice(0, -1).reduce((sum, width) => sum + width + GAP, 0);
      const room = Math.max(LAST_COLUMN_MIN, columns - before);
      const table = new Table({
        head: head.map((title) => colors.dim(title)),
        chars: NO_BORDERS,
        style: { head: [], border: [], 'padding-left': 0, 'padding-right': GAP },
      });
      const last = head.length - 1;
      for (const row of rows) table.push(row.map((cell, at) => shown(cell, at === last ? room : Infinity)));
      return lines(table.toString());
    },
    fields: (fields) => {
      const width = Math.max(0, ...fields.map(([name]) => name.length));
      return lines(fields.map(([name, value]) => `  ${colors.dim(name.padEnd(width))}  ${safeLine(value)}`).join('\n'));
    },
  };
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** Without the padding at the ends of lines, with a line feed at the end. */
function lines(text: string): string {
  return text === '' ? '' : `${text.replace(/[ \t]+$/gm, '')}\n`;
}
