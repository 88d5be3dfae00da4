// What specs register: MCP servers with different rules, and one Flow that is connected to them.

import { stringify } from 'yaml';

/** `spec` of each server by name; bindings and our JWT are added. */
export type Servers = Readonly<Record<string, { readonly url: string } & Readonly<Record<string, unknown>>>>;

const API_VERSION = 'deployments.plural.sh/v1alpha1';
const BINDINGS = { read: [{ groupName: 'support' }], write: [{ groupName: 'sre' }] };

/** Who decides where four eyes are asked: somebody of sre, not the requester. */
export const FOUR_EYES = { approvers: [{ groupName: 'sre' }], requesterMayDecide: false };

/** One counting server under several names: `url` with a query of its own, because audiences are unique. */
export function variantsOf(url: string, specs: Readonly<Record<string, Readonly<Record<string, unknown>>>>): Servers {
  return Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, { url: `${url}?as=${name}`, ...spec }]));
}

/** The servers, and the Flow `payments` that may use them. */
export function manifestOf(servers: Servers): string {
  const documents = Object.entries(servers).map(([name, spec]) => ({
    ...{ apiVersion: API_VERSION, kind: 'MCPServer', metadata: { name } },
    spec: { bindings: BINDINGS, authentication: { plural: true }, ...spec },
  }));
  const refs = Object.keys(servers).map((name) => ({ mcpServerRef: { name } }));
  const flow = {
    ...{ apiVersion: API_VERSION, kind: 'Flow', metadata: { name: 'payments' } },
    spec: { bindings: BINDINGS, serverAssociations: refs },
  };
  return [...documents, flow].map((document) => stringify(document)).join('---\n');
}
