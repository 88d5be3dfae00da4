// What the tour prints: sentences, colours that respect NO_COLOR, nothing that a server could use to steer the terminal.

import colors from 'picocolors';

/** Where lines go. */
export type Print = (line: string) => void;

/** A heading of the tour. */
export function heading(at: number, of: number, text: string): string {
  return `\n${colors.bold(colors.cyan(`${at}/${of}`))} ${colors.bold(text)}`;
}

/** A check that held. */
export function held(text: string): string {
  return `  ${colors.green('✓')} ${text}`;
}

/** A check that did not hold, or a failure. */
export function broken(text: string): string {
  return `  ${colors.red('✗')} ${text}`;
}

/** Something to read along. */
export function aside(text: string): string {
  return `    ${colors.dim(text)}`;
}

/** Progress of something slow. */
export function step(text: string): string {
  return `${colors.cyan('▸')} ${text}`;
}

/** Text from outside, on one line, without control characters, at most `max` characters. */
export function plain(text: string, max = 160): string {
  const line = text.replaceAll(/\p{C}+/gu, ' ').trim();
  return line.length > max ? `${line.slice(0, max - 1)}…` : line;
}
