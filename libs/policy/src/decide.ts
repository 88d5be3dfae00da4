// Run, hold or refuse one call, with the rule that said so.
//
//   P1. Deny by default: a call runs only if every condition below is met now, in today's registry.
//   P2. What a person may not see is refused in the same words as what does not exist.
//   P3. No clock, id, random or I/O.

import { mayReadFlow, mayReadServer, type Bindings, type Person } from './bindings.js';
import type { Rule } from './rule.js';
import { holdRule, isOffered, isRetrySafe, type Tool, type ToolRules } from './tools.js';

/** A Flow as the registry has it now. */
export interface FlowNow extends Bindings {
  readonly servers: readonly string[];
}

/** A server as the registry has it now. */
export interface ServerNow extends Bindings, ToolRules {
  readonly name: string;
}

/** What is asked, and what the registry says today; `undefined` for what is not there. */
export interface Question {
  readonly person: Person;
  readonly flow: FlowNow | undefined;
  readonly server: ServerNow | undefined;
  readonly tool: Tool | undefined;
}

/** The answer of `decide`. */
export type Decision =
  | { readonly effect: 'refuse'; readonly rule: Rule }
  | { readonly effect: 'hold'; readonly rule: Rule; readonly retrySafe: boolean }
  | { readonly effect: 'run'; readonly rule: Rule; readonly retrySafe: boolean };

/** Said of all that is not there for this person, whatever the reason (P2). */
export const NOT_VISIBLE: Rule = {
  id: 'not_visible',
  text: 'No such tool is visible to this person through this Flow.',
};

/** Decides one call. */
export function decide({ person, flow, server, tool }: Question): Decision {
  if (flow === undefined || server === undefined || tool === undefined) return { effect: 'refuse', rule: NOT_VISIBLE };
  const read = mayReadFlow(person, flow);
  if (!read.allowed || !isVisible(person, flow, server) || !isOffered(tool.name, server))
    return { effect: 'refuse', rule: NOT_VISIBLE };
  const retrySafe = isRetrySafe(tool.name, server);
  const held = holdRule(tool, server);
  return held === undefined ? { effect: 'run', rule: read.rule, retrySafe } : { effect: 'hold', rule: held, retrySafe };
}

/** Whether a person who may read the Flow sees this server through it. */
export function isVisible(person: Person, flow: FlowNow, server: ServerNow): boolean {
  return flow.servers.includes(server.name) && mayReadServer(person, server).allowed;
}
