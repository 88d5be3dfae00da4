// Who a person is to a resource. Deny by default; admins may do all; write implies read.

import type { Rule } from './rule.js';

/** A verified person, as far as policy needs one. */
export interface Person {
  readonly iss: string;
  readonly sub: string;
  readonly email?: string;
  readonly groups: readonly string[];
  readonly admin: boolean;
}

/** Names a group, a person by e-mail, or a person by OIDC subject. */
export interface Binding {
  readonly groupName?: string;
  readonly userEmail?: string;
  readonly id?: string;
}

/** Who may read and write a resource. */
export interface Bindings {
  readonly read: readonly Binding[];
  readonly write: readonly Binding[];
}

/** Whether something is allowed, and the rule that said so. */
export interface Permission {
  readonly allowed: boolean;
  readonly rule: Rule;
}

/** Read on a Flow: a read or write binding. A Flow without bindings is for admins. */
export function mayReadFlow(person: Person, flow: Bindings): Permission {
  return byBindings(person, 'flow.read', [...flow.read, ...flow.write]);
}

/** Write on a Flow: a write binding. */
export function mayWriteFlow(person: Person, flow: Bindings): Permission {
  return byBindings(person, 'flow.write', flow.write);
}

/** Read on a server: a read or write binding; a server without read bindings may be read by whoever signed in. */
export function mayReadServer(person: Person, server: Bindings): Permission {
  if (server.read.length === 0)
    return { allowed: true, rule: { id: 'server.read.open', text: 'The server names nobody under bindings.read.' } };
  return byBindings(person, 'server.read', [...server.read, ...server.write]);
}

/** Write on a server: change it, and bind it to Flows. No write binding means admins only. */
export function mayWriteServer(person: Person, server: Bindings): Permission {
  return byBindings(person, 'server.write', server.write);
}

/** Create a server or a Flow: the creator groups of the deployment. */
export function mayCreate(person: Person, creatorGroups: readonly string[]): Permission {
  return byBindings(
    person,
    'create',
    creatorGroups.map((groupName) => ({ groupName })),
  );
}

/** Whether `person` is the one that `binding` names. */
export function matches(person: Person, binding: Binding): boolean {
  if (binding.groupName !== undefined) return person.groups.includes(binding.groupName);
  if (binding.userEmail !== undefined) return person.email?.toLowerCase() === binding.userEmail.toLowerCase();
  return binding.id !== undefined && person.sub === binding.id;
}

/** Whether two people are the same: issuer and subject, never a display name. */
export function samePerson(one: Person, other: Person): boolean {
  return one.iss === other.iss && one.sub === other.sub;
}

function byBindings(person: Person, id: string, bindings: readonly Binding[]): Permission {
  const binding = bindings.find((candidate) => matches(person, candidate));
  if (binding !== undefined) return { allowed: true, rule: { id, text: `Bound by ${describe(binding)}.` } };
  if (person.admin) return { allowed: true, rule: { id: 'admin', text: 'The person is an administrator.' } };
  const asked =
    bindings.length === 0
      ? 'No binding is set, so only administrators may.'
      : `Needs ${bindings.map(describe).join(' or ')}.`;
  return { allowed: false, rule: { id, text: asked.slice(0, 1000) } };
}

function describe(binding: Binding): string {
  if (binding.groupName !== undefined) return `group ${binding.groupName}`;
  return binding.userEmail === undefined ? `person ${binding.id}` : `person ${binding.userEmail}`;
}
