// A resource as `get` and `list` show it.

import { termsOf, type Health, type MCPServer, type Registered } from '@flow-mcp/contracts';
import type { Name } from '@flow-mcp/kernel';
import type { JsonObject } from '@flow-mcp/kernel';
import { offeredTools } from './list-tools.js';
import type { Offers } from './offers.js';
import type { Entry } from './registry.js';

/** What is known of servers besides their registration. */
export interface ServerFacts {
  readonly offers: Offers;
  readonly healthOf: (server: Name) => Health;
}

/** See the head of this file. */
export function show(entry: Entry, facts: ServerFacts): Registered {
  const { kind, name, generation, changedAtMs, changedBy, resource } = entry;
  const shown = {
    kind,
    name,
    generation,
    changedAtMs,
    changedBy: changedBy.email ?? changedBy.sub,
    resource: resource as unknown as JsonObject,
  };
  if (resource.kind === 'Flow') return shown;
  return { ...shown, health: facts.healthOf(name), toolCount: toolCount(resource, facts) };
}

function toolCount(server: MCPServer, { offers }: ServerFacts): number {
  return offeredTools(termsOf(server), offers.get(server.metadata.name)).length;
}
