// Asks the policy about a call in today's registry: when it is made, and again when a held one is about to run.

import type { Actor, Requested } from '@flow-mcp/contracts';
import { RefusedError, type Name } from '@flow-mcp/kernel';
import { NOT_VISIBLE, decide, type Decision } from '@flow-mcp/policy';
import type { OfferedTool, RegisteredServer, RegistryCopy } from './registry-copy.js';

/** A decision that lets the call through or holds it, and what it was made upon. */
export interface Answer {
  readonly decision: Exclude<Decision, { effect: 'refuse' }>;
  readonly flowGeneration: number;
  readonly server: RegisteredServer;
  readonly offered: OfferedTool;
}

/** @throws RefusedError `ERR_TOOL_NOT_VISIBLE`, the same for all that this person cannot see, whether it exists or not */
export function askPolicy(
  registry: RegistryCopy,
  person: Actor,
  flow: Name,
  wanted: Pick<Requested, 'server' | 'tool'>,
): Answer {
  const registeredFlow = registry.flow(flow);
  const server = registry.server(wanted.server);
  const offered = registry.tool(wanted.server, wanted.tool);
  const tool = offered && {
    name: wanted.tool,
    readOnlyHint: offered.definition.annotations?.['readOnlyHint'] === true,
  };
  const decision = decide({ person, flow: registeredFlow, server: server?.terms, tool });
  if (decision.effect === 'refuse' || registeredFlow === undefined || server === undefined || offered === undefined) {
    throw new RefusedError('ERR_TOOL_NOT_VISIBLE', `${NOT_VISIBLE.text} List the tools again.`);
  }
  return { decision, flowGeneration: registeredFlow.generation, server, offered };
}
