// Which tools of a server are offered, which need a person, and which may be retried.

import picomatch from 'picomatch';
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

const matchers = new Map<string, (text: string) => boolean>();

/** Globs hold `*` and `?` only, which contracts make sure of; a dot or slash is a character like any other. */
function matchesAny(tool: string, globs: readonly string[]): boolean {
  return globs.some((glob) => matcher(glob)(tool.replaceAll('/', ':')));
}

function matcher(glob: string): (text: string) => boolean {
  let match = matchers.get(glob);
  if (match === undefined) {
    if (matchers.size >= 10_000) matchers.clear();
    match = picomatch(glob.replaceAll('/', ':'), {
      dot: true,
      noextglob: true,
      nobrace: true,
      nobracket: true,
      nonegate: true,
    });
    matchers.set(glob, match);
  }
  return match;
}
