// Writes planned changes as facts of the REGISTRY stream.
//
//   X1. The generation in the subject is the compare-and-set: whoever is second is told who was first.
//   X2. It returns when this process has read its own writes, so that the next request sees them.

import {
  CLOUDEVENTS_VERSION,
  HEADERS,
  LIMITS,
  decode,
  encode,
  resourceChangedV1,
  resourceSubject,
  type Actor,
} from '@flow-mcp/contracts';
import type { Ledger, StoredFact } from '@flow-mcp/messaging';
import { RefusedError } from '@flow-mcp/kernel';
import { writingOrder, type PlannedChange } from './plan.js';
import type { Registry } from './registry.js';

const READ_BACK_MS = 5_000;

/** Writes to the registry. */
export class RegistryWriter {
  readonly #ledger: Ledger;
  readonly #registry: Registry;

  constructor(ledger: Ledger, registry: Registry) {
    this.#ledger = ledger;
    this.#registry = registry;
  }

  /** Writes what changes. @throws RefusedError `ERR_CONFLICT`; what `append` throws */
  async write(changes: readonly PlannedChange[], changedBy: Actor): Promise<void> {
    const written: string[] = [];
    let seq = 0;
    for (const change of writingOrder(changes).filter(({ action }) => action !== 'unchanged')) {
      seq = await this.#append(change, changedBy, written);
      written.push(labelOf(change));
    }
    await this.#registry.waitFor(seq, AbortSignal.timeout(READ_BACK_MS));
  }

  /** X1. */
  async #append(change: PlannedChange, changedBy: Actor, written: readonly string[]): Promise<number> {
    const { action, resource, generation, diff } = change;
    const subject = resourceSubject(resource.kind, resource.metadata.name, generation);
    const payload = encode(resourceChangedV1, {
      change: action === 'deleted' ? 'deleted' : 'applied',
      resource,
      changedBy,
      diff: [...diff],
    });
    const appended = await this.#ledger.append(subject, payload, envelope());
    if (appended.result === 'mine') return appended.seq;
    throw conflict(change, appended.fact, written);
  }
}

function envelope(): [string, string][] {
  return [
    [HEADERS.specVersion, CLOUDEVENTS_VERSION],
    [HEADERS.type, resourceChangedV1.type],
    [HEADERS.source, '/flow-mcp/registry'],
    [HEADERS.time, new Date().toISOString()],
  ];
}

function conflict(change: PlannedChange, fact: StoredFact, written: readonly string[]): RefusedError {
  const done =
    written.length === 0
      ? ''
      : ` ${written.join(', ')} of this manifest is written already and will be found unchanged.`;
  const message = `${writerOf(fact)} changed ${labelOf(change)} to generation ${change.generation} at the same time; look at it and apply again.${done}`;
  return new RefusedError('ERR_CONFLICT', message, { field: 'generation' });
}

/** Whatever was written first is in the way, readable or not. */
function writerOf({ payload }: StoredFact): string {
  try {
    const { changedBy } = decode(resourceChangedV1, payload, LIMITS.messageBytes);
    return changedBy.email ?? changedBy.sub;
  } catch {
    return 'Somebody';
  }
}

function labelOf({ resource }: PlannedChange): string {
  return `${resource.kind} ${resource.metadata.name}`;
}
