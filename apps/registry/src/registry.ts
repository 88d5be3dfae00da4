// The registry as this process has it: the latest generation of every resource, read from the REGISTRY stream.
//
//   R1. A resource is known by kind and name; of its generations the highest counts. A deleted one stays known, so that
//       its name is not taken by somebody else unnoticed and its generations go on.
//   R2. `seq` is the sequence up to which the copy is complete; waiting for a sequence is how writers read their writes.

import {
  LIMITS,
  decode,
  expectType,
  HEADERS,
  parseResourceSubject,
  resourceChangedV1,
  type Actor,
  type Resource,
  type ResourceKind,
} from '@flow-mcp/contracts';
import type { EpochMs, Name } from '@flow-mcp/kernel';
import type { StoredFact } from '@flow-mcp/messaging';

/** The latest generation of a resource. */
export interface Entry {
  readonly kind: ResourceKind;
  readonly name: Name;
  readonly generation: number;
  readonly seq: number;
  readonly change: 'applied' | 'deleted';
  /** The last version that it had, when deleted. */
  readonly resource: Resource;
  readonly changedBy: Actor;
  readonly changedAtMs: EpochMs;
  readonly diff: readonly string[];
}

/** What planning needs to know of the registry. */
export interface RegistryView {
  /** The latest generation, even of a deleted resource. */
  latest(kind: ResourceKind, name: Name): Entry | undefined;
  /** Resources that are there, by name. */
  list(kind: ResourceKind): Entry[];
}

/** See the head of this file. */
export class Registry implements RegistryView {
  #seq = 0;
  readonly #entries = new Map<string, Entry>();
  readonly #waiting = new Set<() => void>();

  get seq(): number {
    return this.#seq;
  }

  latest(kind: ResourceKind, name: Name): Entry | undefined {
    return this.#entries.get(`${kind} ${name}`);
  }

  /** The resource, unless it is deleted. */
  live(kind: ResourceKind, name: Name): Entry | undefined {
    const entry = this.latest(kind, name);
    return entry?.change === 'applied' ? entry : undefined;
  }

  list(kind: ResourceKind): Entry[] {
    const entries = [...this.#entries.values()].filter((entry) => entry.kind === kind && entry.change === 'applied');
    return entries.sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** The latest change of every resource that changed after a sequence, in order. */
  changedSince(seq: number): Entry[] {
    return [...this.#entries.values()].filter((entry) => entry.seq > seq).sort((one, other) => one.seq - other.seq);
  }

  /** Takes the next fact of the stream. @throws what makes the fact unreadable; the copy goes on without it */
  take(fact: StoredFact): Entry | undefined {
    try {
      const entry = entryOf(fact);
      if (entry === undefined || entry.generation <= (this.latest(entry.kind, entry.name)?.generation ?? 0))
        return undefined;
      this.#entries.set(`${entry.kind} ${entry.name}`, entry);
      return entry;
    } finally {
      this.#seq = fact.seq;
      for (const wake of [...this.#waiting]) wake();
    }
  }

  /** R2: resolves with whether the copy holds everything up to `seq` before `signal` aborts. */
  async waitFor(seq: number, signal: AbortSignal): Promise<boolean> {
    while (this.#seq < seq && !signal.aborted) await this.#change(signal);
    return this.#seq >= seq;
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

function entryOf({ subject, seq, storedAtMs, payload, headers }: StoredFact): Entry | undefined {
  const parsed = parseResourceSubject(subject);
  if (parsed === undefined) return undefined;
  expectType(resourceChangedV1, headers.get(HEADERS.type));
  return { ...parsed, seq, changedAtMs: storedAtMs, ...decode(resourceChangedV1, payload, LIMITS.messageBytes) };
}
