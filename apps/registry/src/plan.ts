// What an apply or a delete would do, decided before anything is written: all of a manifest or nothing.
//
//   A1. Every resource is checked before the first is written; servers come first, since Flows refer to them.
//   A2. The next generation is one above the last one seen, deleted or not: it is the compare-and-set.
//   A3. Nothing changes, nothing is written.

import type { Actor, Flow, MCPServer, Resource, ResourceKind } from '@flow-mcp/contracts';
import { RefusedError, type Name } from '@flow-mcp/kernel';
import { describeChanges } from './diff.js';
import {
  checkAudience,
  checkMayApply,
  checkMayBind,
  checkMayWrite,
  checkNameIsFree,
  visible,
  type RegistryRules,
} from './permissions.js';
import type { Entry, RegistryView } from './registry.js';

/** One resource's change, planned. */
export interface PlannedChange {
  readonly action: 'created' | 'changed' | 'unchanged' | 'deleted';
  readonly resource: Resource;
  /** The generation that it will have, or has when unchanged. */
  readonly generation: number;
  readonly diff: readonly string[];
}

/** Who asks for a change, of what registry, under which rules. */
export interface PlanContext {
  readonly person: Actor;
  readonly view: RegistryView;
  readonly rules: RegistryRules;
  /** Refuse unless the resource is at this generation; 0: unless it is not there. */
  readonly expectedGeneration: number | undefined;
}

/** Plans against today's registry. */
export class Planner {
  readonly #view: RegistryView;
  readonly #rules: RegistryRules;

  constructor(view: RegistryView, rules: RegistryRules) {
    this.#view = view;
    this.#rules = rules;
  }

  /** See `planApply`. */
  apply(person: Actor, resources: readonly Resource[], expectedGeneration?: number): PlannedChange[] {
    return planApply(resources, this.#context(person, expectedGeneration));
  }

  /** See `planDelete`. */
  delete(
    person: Actor,
    { kind, name }: { kind: ResourceKind; name: Name },
    expectedGeneration?: number,
  ): PlannedChange {
    return planDelete(kind, name, this.#context(person, expectedGeneration));
  }

  #context(person: Actor, expectedGeneration: number | undefined): PlanContext {
    return { person, view: this.#view, rules: this.#rules, expectedGeneration };
  }
}

/** The changes that a manifest makes, in its order. @throws RefusedError for the first resource that may not be */
export function planApply(resources: readonly Resource[], context: PlanContext): PlannedChange[] {
  if (context.expectedGeneration !== undefined && resources.length !== 1) {
    throw new RefusedError(
      'ERR_MANIFEST_INVALID',
      'An expected generation is for one resource; apply them one by one.',
      {
        field: 'expectedGeneration',
      },
    );
  }
  for (const resource of resources) checkResource(resource, resources, context);
  return resources.map((resource) => planOne(resource, context));
}

/** The deletion of a resource. @throws RefusedError `ERR_NOT_FOUND`, `ERR_NOT_PERMITTED`, `ERR_CONFLICT` */
export function planDelete(kind: ResourceKind, name: Name, context: PlanContext): PlannedChange {
  const { resource, ...entry } = visible(context.person, kind, name, context.view);
  checkMayWrite(context.person, resource, 'Deleting');
  checkGeneration({ resource, ...entry }, context.expectedGeneration);
  return { action: 'deleted', resource, generation: entry.generation + 1, diff: ['deleted'] };
}

/** The order in which changes are written (A1). */
export function writingOrder(changes: readonly PlannedChange[]): PlannedChange[] {
  const isServer = ({ resource }: PlannedChange): boolean => resource.kind === 'MCPServer';
  return [...changes.filter(isServer), ...changes.filter((change) => !isServer(change))];
}

function checkResource(next: Resource, manifest: readonly Resource[], context: PlanContext): void {
  const { person, view, rules } = context;
  const last = view.latest(next.kind, next.metadata.name);
  checkMayApply(person, next, last, rules);
  checkGeneration(last, context.expectedGeneration);
  const current = last?.change === 'applied' ? last.resource : undefined;
  if (next.kind === 'Flow') {
    checkMayBind(person, current as Flow | undefined, next, (name) => serverAfter(name, manifest, view));
    return;
  }
  if (current === undefined) checkNameIsFree(person, next, last, view);
  checkAudience(person, current as MCPServer | undefined, next, { others: otherServers(next, manifest, view), rules });
}

function checkGeneration(last: Entry | undefined, expected: number | undefined): void {
  if (expected === undefined) return;
  const current = last?.change === 'applied' ? last : undefined;
  const generation = current?.generation ?? 0;
  if (generation !== expected) throw conflict(current, `is at generation ${generation}, not ${expected}`);
}

/** Somebody else was first. */
export function conflict(last: Entry | undefined, what: string): RefusedError {
  const who = last === undefined ? '' : `, changed last by ${last.changedBy.email ?? last.changedBy.sub}`;
  return new RefusedError('ERR_CONFLICT', `The resource ${what}${who}; look at it and apply your change again.`, {
    field: 'expectedGeneration',
  });
}

/** A server as it will be once the manifest is applied. */
function serverAfter(name: Name, manifest: readonly Resource[], view: RegistryView): MCPServer | undefined {
  const next = manifest.find((resource) => resource.kind === 'MCPServer' && resource.metadata.name === name);
  if (next !== undefined) return next as MCPServer;
  const entry = view.latest('MCPServer', name);
  return entry?.change === 'applied' ? (entry.resource as MCPServer) : undefined;
}

function otherServers(server: MCPServer, manifest: readonly Resource[], view: RegistryView): MCPServer[] {
  const names = new Set([
    ...view.list('MCPServer').map(({ name }) => name),
    ...manifest.map(({ metadata }) => metadata.name),
  ]);
  names.delete(server.metadata.name);
  return [...names].flatMap((name) => serverAfter(name, manifest, view) ?? []);
}

function planOne(resource: Resource, { view }: PlanContext): PlannedChange {
  const last = view.latest(resource.kind, resource.metadata.name);
  const generation = view.lastGeneration(resource.kind, resource.metadata.name) + 1;
  if (last?.change !== 'applied')
    return { action: 'created', resource, generation, diff: describeChanges(undefined, resource) };
  const diff = describeChanges(last.resource, resource);
  if (diff.length === 0) return { action: 'unchanged', resource: last.resource, generation: last.generation, diff };
  return { action: 'changed', resource, generation, diff };
}
