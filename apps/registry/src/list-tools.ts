// What a person may call through a Flow, and why a server lists nothing. Pure.

import {
  LIMITS,
  termsOf,
  type Discovered,
  type Flow,
  type Health,
  type MCPServer,
  type RpcAnswer,
  type ServerTerms,
  type toolsRpc,
} from '@flow-mcp/contracts';
import type { Actor, ToolDefinition } from '@flow-mcp/contracts';
import type { Name } from '@flow-mcp/kernel';
import { holdRule, isOffered, isVisible } from '@flow-mcp/policy';
import { listedTools } from './health.js';
import { flowNow } from './permissions.js';
import { nameTools } from './tool-names.js';

type ToolsAnswer = RpcAnswer<typeof toolsRpc>;

/** An answer must fit into one message; servers whose tools do not are listed without them. */
const TOOLS_BYTES_MAX = LIMITS.rpcBytes * 0.8;

/** What is known of a bound server. */
export interface BoundServer {
  readonly resource: MCPServer;
  readonly entry: Discovered | undefined;
  readonly health: Health;
}

/** The tools of a Flow that the person may read, servers in the order in which it names them. */
export function listTools(person: Actor, flow: Flow, serverOf: (name: Name) => BoundServer | undefined): ToolsAnswer {
  const now = flowNow(flow);
  const offers = [...new Set(now.servers)]
    .flatMap((name) => serverOf(name) ?? [])
    .map((server) => ({ ...server, terms: termsOf(server.resource) }))
    .filter(({ terms }) => isVisible(person, now, terms))
    .map((server) => ({ ...server, tools: offeredTools(server.terms, server.entry) }));
  const fitting = withinBytes(offers);
  const tools = fitting.flatMap(({ terms, tools }) => tools.map((definition) => ({ terms, definition })));
  const names = nameTools(tools.map(({ terms, definition }) => ({ server: terms.name, tool: definition.name })));
  return {
    tools: tools.map(({ terms, definition }, index) => ({
      name: names[index] ?? '',
      server: terms.name,
      confirmation: needsPerson(definition, terms),
      definition,
    })),
    servers: fitting.map(({ terms, tools, health }) => ({
      name: terms.name,
      displayName: terms.displayName,
      toolCount: tools.length,
      health,
    })),
  };
}

/** Tools of a healthy server that its owner allows. */
export function offeredTools(terms: ServerTerms, entry: Discovered | undefined): ToolDefinition[] {
  return listedTools(entry)
    .map(({ definition }) => definition)
    .filter(({ name }) => isOffered(name, terms));
}

function needsPerson({ name, annotations }: ToolDefinition, terms: ServerTerms): boolean {
  return holdRule({ name, readOnlyHint: annotations?.readOnlyHint === true }, terms) !== undefined;
}

interface Offer {
  readonly terms: ServerTerms;
  readonly tools: ToolDefinition[];
  readonly health: Health;
}

function withinBytes(offers: readonly Offer[]): Offer[] {
  let left = TOOLS_BYTES_MAX;
  return offers.map((offer) => {
    const bytes = Buffer.byteLength(JSON.stringify(offer.tools));
    if (bytes <= left) {
      left -= bytes;
      return offer;
    }
    const message =
      'The tools of this Flow are more than one answer can hold; connect fewer servers, or allow fewer tools.';
    return { ...offer, tools: [], health: { ...offer.health, reason: 'too_large', message } };
  });
}
