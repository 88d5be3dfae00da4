// What a command shows: its answer on stdout in the wanted format, everything for people on stderr.

import { stringify } from 'yaml';
import type { Io } from './io.js';
import { safeJson, safeLine, safeValue } from './safe-text.js';
import { styleOf, type Style } from './style.js';

/** Formats of `-o`. */
export const FORMATS = ['table', 'json', 'yaml'] as const;

/** One of `FORMATS`. */
export type Format = (typeof FORMATS)[number];

/** See the file's header. */
export class Screen {
  readonly format: Format;
  readonly style: Style;
  readonly #io: Io;

  constructor(io: Io, format: Format) {
    this.format = format;
    this.style = styleOf(io.terminal);
    this.#io = io;
  }

  /** The answer: as data for `-o json` and `-o yaml`, else as text that is already safe. */
  answer(data: unknown, text: (style: Style) => string): void {
    if (this.format === 'json') this.#io.stdout(`${safeJson(data)}\n`);
    else if (this.format === 'yaml') this.#io.stdout(stringify(safeValue(data)));
    else this.#io.stdout(text(this.style));
  }

  /** Several values as YAML documents. */
  documents(values: readonly unknown[]): void {
    this.#io.stdout(values.map((value) => stringify(safeValue(value))).join('---\n'));
  }

  /** Text that is already safe, as it is. */
  print(text: string): void {
    this.#io.stdout(text);
  }

  /** A line for the person, beside the answer. */
  note(line: string): void {
    this.#io.stderr(`${safeLine(line)}\n`);
  }

  /** Text for the person that is already safe. */
  aside(text: string): void {
    this.#io.stderr(text);
  }
}
