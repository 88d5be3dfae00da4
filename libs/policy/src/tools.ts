// Which tools of a server are offered, which need a person, and which may be retried.

import type { Rule } from './rule.js';

/** What a server's owner says about its tools. */
export interface ToolRules {
  readonly tools: { readonly allow: readonly string[]; readonly deny: readonly string[] };
  readonly retrySafe: readonly string[];
  readonly confirmation: {
    readonly all: boolean;
    readonly tools: readonly { readonly match: string; readonly require: boolean }[];
    readonly annotations: boolean;
  };
}

/** What a server says about one of its tools; annotations are hints, never trusted to widen anything. */
export interface Tool {
  readonly name: string;
  readonly readOnlyHint: boolean;
}

/** Whether a tool is offered at all: allowed and not denied; deny wins. */
export function isOffered(tool: string, { tools }: ToolRules): boolean {
  return matchesAny(tool, tools.allow) && !matchesAny(tool, tools.deny);
}

/** Whether the owner marked a tool safe to run twice. */
export function isRetrySafe(tool: string, { retrySafe }: ToolRules): boolean {
  return matchesAny(tool, retrySafe);
}

/** The rule that holds a call of `tool` for a person; `undefined` when none does. The first matching tool rule wins. */
export function holdRule(tool: Tool, { confirmation }: ToolRules): Rule | undefined {
  const at = confirmation.tools.findIndex(({ match }) => matchesAny(tool.name, [match]));
  const named = confirmation.tools[at];
  if (named !== undefined) {
    return named.require
      ? { id: `confirmation.tools[${at}]`, text: `Tools that match ${named.match} need a person.` }
      : undefined;
  }
  if (confirmation.all) return { id: 'confirm', text: 'Every tool of this server needs a person.' };
  if (confirmation.annotations && !tool.readOnlyHint) {
    return { id: 'confirmation.annotations', text: 'Tools that the server does not mark read-only need a person.' };
  }
  return undefined;
}

function matchesAny(tool: string, globs: readonly string[]): boolean {
  return globs.some((glob) => matchesGlob(tool, glob));
}

/**
 * Whether `*` (any characters) and `?` (one character) make `glob` fit the whole of `text`. Its time is at most the
 * product of both lengths: a server's owner writes globs, and must not be able to stall everybody with one.
 */
export function matchesGlob(text: string, glob: string): boolean {
  let [at, place, star, resume] = [0, 0, -1, 0];
  while (at < text.length) {
    if (glob[place] === '*') {
      star = place++;
      resume = at;
    } else if (place < glob.length && (glob[place] === '?' || glob[place] === text[at])) {
      place += 1;
      at += 1;
    } else if (star >= 0) {
      place = star + 1;
      at = ++resume;
    } else return false;
  }
  while (glob[place] === '*') place += 1;
  return place === glob.length;
}
