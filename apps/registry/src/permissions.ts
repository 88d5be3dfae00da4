// Who may do what to the registry (design section 4); every decision is one of libs/policy.
//
//   W1. What a person may not see is answered exactly like what is not there.
//   W2. Connecting or disconnecting needs write on that server, and only on those that the change adds or removes.
//   W3. Whoever receives tokens for an audience must be who it was meant for: an audience other than the url is set by
//       administrators, and none is used twice.

import { termsOf, type Actor, type Flow, type MCPServer, type Resource, type ResourceKind } from '@flow-mcp/contracts';
import { RefusedError, type Name } from '@flow-mcp/kernel';
import {
  mayCreate,
  mayReadFlow,
  mayReadServer,
  mayWriteFlow,
  mayWriteServer,
  type Bindings,
  type FlowNow,
  type Permission,
} from '@flow-mcp/policy';
import type { Entry, RegistryView } from './registry.js';

/** What the deployment says. */
export interface RegistryRules {
  readonly creatorGroups: readonly string[];
  /** Audiences and issuers of our own, which no MCP server may have. */
  readonly ownAudiences: readonly string[];
}

/** A Flow as policy sees it. */
export function flowNow({ spec }: Flow): FlowNow {
  return { read: [], write: [], ...spec.bindings, servers: serversOf(spec) };
}

/** Whether the person may know of this resource. */
export function maySee(person: Actor, resource: Resource): boolean {
  const permission =
    resource.kind === 'Flow' ? mayReadFlow(person, flowNow(resource)) : mayReadServer(person, termsOf(resource));
  return permission.allowed;
}

/** Said of what is not there and of what the person may not see (W1). */
export function notFound(kind: ResourceKind, name: Name): RefusedError {
  return new RefusedError('ERR_NOT_FOUND', `There is no ${kind} ${name} that you may see.`, { field: 'name' });
}

/** The resource, if the person may see it. @throws RefusedError `ERR_NOT_FOUND` */
export function visible(person: Actor, kind: ResourceKind, name: Name, view: RegistryView): Entry {
  const entry = view.latest(kind, name);
  if (entry?.change !== 'applied' || !maySee(person, entry.resource)) throw notFound(kind, name);
  return entry;
}

/**
 * Refuses who may not create this resource, or may not change the one that is there.
 * @throws RefusedError `ERR_NOT_PERMITTED`
 */
export function checkMayApply(person: Actor, next: Resource, current: Entry | undefined, rules: RegistryRules): void {
  const create = mayCreate(person, rules.creatorGroups);
  const isThere = current?.change === 'applied';
  if (isThere && maySee(person, current.resource)) return checkMayWrite(person, current.resource, 'Changing');
  if (!create.allowed)
    refuse(`There is no ${labelOf(next)} that you may change, and creating one is not yours: ${create.rule.text}`);
  if (isThere) refuse(`The name ${next.metadata.name} is taken; choose another one.`);
}

/** @throws RefusedError `ERR_NOT_PERMITTED` */
export function checkMayWrite(person: Actor, resource: Resource, doing: string): void {
  const { allowed, rule } = writePermission(person, resource);
  if (!allowed) refuse(`${doing} ${labelOf(resource)} is not yours: ${rule.text}`);
}

/** W2. `serverOf` knows the servers as they will be. @throws RefusedError `ERR_NOT_PERMITTED`, `ERR_NOT_FOUND` */
export function checkMayBind(
  person: Actor,
  before: Flow | undefined,
  after: Flow,
  serverOf: (name: Name) => MCPServer | undefined,
): void {
  const had = serversOf(before?.spec);
  const has = serversOf(after.spec);
  for (const name of has.filter((server) => !had.includes(server))) {
    const server = serverOf(name);
    if (server === undefined || !maySee(person, server)) throw notFound('MCPServer', name);
    checkMayWrite(person, server, `Connecting ${labelOf(after)} to`);
  }
  for (const name of had.filter((server) => !has.includes(server))) {
    const server = serverOf(name);
    if (server !== undefined) checkMayWrite(person, server, `Disconnecting ${labelOf(after)} from`);
  }
}

/**
 * A name that Flows are still connected to is given only to who had it, or by an administrator: calls of those Flows
 * would go to its new owner. @throws RefusedError `ERR_NOT_PERMITTED`
 */
export function checkNameIsFree(
  person: Actor,
  { metadata }: MCPServer,
  last: Entry | undefined,
  view: RegistryView,
): void {
  const isConnected = view
    .list('Flow')
    .some(({ resource }) => serversOf((resource as Flow).spec).includes(metadata.name));
  const isTheirs = last !== undefined && writePermission(person, last.resource).allowed;
  if (isConnected && !isTheirs && !person.admin) {
    refuse(
      `Flows are still connected to an earlier MCPServer ${metadata.name}; choose another name, or ask an administrator.`,
    );
  }
}

/** W3. @throws RefusedError `ERR_NOT_PERMITTED`, `ERR_MANIFEST_INVALID` */
export function checkAudience(
  person: Actor,
  before: MCPServer | undefined,
  after: MCPServer,
  { others, rules }: { others: readonly MCPServer[]; rules: RegistryRules },
): void {
  const audience = audienceOf(after);
  if (audience === undefined || (before !== undefined && isSameTarget(before, after))) return;
  const field = 'spec.authentication.audience';
  if (audience !== canonical(after.spec.url) && !person.admin) {
    refuse(
      'An audience other than the url, or another url under it, is set by an administrator; leave it out or ask one.',
      field,
    );
  }
  if (others.some((other) => audienceOf(other) === audience) || rules.ownAudiences.map(canonical).includes(audience)) {
    const message = 'The audience is already in use: a token for the one would be good for the other. Use another url.';
    throw new RefusedError('ERR_MANIFEST_INVALID', message, { field });
  }
}

function isSameTarget(before: MCPServer, after: MCPServer): boolean {
  return before.spec.url === after.spec.url && audienceOf(before) === audienceOf(after);
}

/** The audience of the JWTs that a server gets, if it gets any. */
function audienceOf(server: MCPServer): string | undefined {
  const { plural, audience } = termsOf(server).authentication;
  return plural ? canonical(audience) : undefined;
}

function canonical(audience: string): string {
  return URL.canParse(audience) ? new URL(audience).href : audience;
}

function writePermission(person: Actor, resource: Resource): Permission {
  const bindings: Bindings = resource.kind === 'Flow' ? flowNow(resource) : termsOf(resource);
  return resource.kind === 'Flow' ? mayWriteFlow(person, bindings) : mayWriteServer(person, bindings);
}

function serversOf(spec: Flow['spec'] | undefined): Name[] {
  return (spec?.serverAssociations ?? []).map(({ mcpServerRef }) => mcpServerRef.name);
}

function labelOf({ kind, metadata }: Resource): string {
  return `${kind} ${metadata.name}`;
}

function refuse(message: string, field?: string): never {
  throw new RefusedError('ERR_NOT_PERMITTED', message, field === undefined ? {} : { field });
}
