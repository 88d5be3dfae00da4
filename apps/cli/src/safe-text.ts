// Text from servers, arguments and other people, made harmless for a terminal.
//
// 1. Nothing but printable characters gets through: no escape sequence, no control of C0 or C1, nothing that turns the
//    direction of text or hides some of it. What is taken out is shown as `\u001b`.
// 2. JSON stays JSON, with the same meaning.

const UNSAFE = /[\p{Cc}\p{Cs}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]/gu;

/** One line: line feeds and tabs are taken out as well. */
export function safeLine(text: string): string {
  return text.replace(UNSAFE, escapeOf);
}

/** Several lines: line feeds stay, tabs become two spaces. */
export function safeBlock(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replaceAll('\t', '  ')
    .replace(UNSAFE, (character) => (character === '\n' ? character : escapeOf(character)));
}

/** Invariant 2: a value as JSON over several lines. */
export function safeJson(value: unknown): string {
  return safeBlock(JSON.stringify(value, undefined, 2));
}

/** Every string of a value as `safeBlock`, names included; for YAML. */
export function safeValue(value: unknown): unknown {
  if (typeof value === 'string') return safeBlock(value);
  if (Array.isArray(value)) return value.map(safeValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [safeLine(name), safeValue(member)]));
}

function escapeOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
