// The registry as this process has it: the latest generation of every resource, read from the REGISTRY stream.
//
//   R1. A resource is known by kind and name; of its generations the highest counts. A deleted one stays known, so that
//       its name is not taken by somebody else unnoticed and its generations go on.
//   R2. `seq` is the sequence up to which the copy is complete; waiting for a sequence is how writers read their writes.
//   R3. A generation that cannot be read is taken all the same: the resource counts as deleted, as it does for
//       executors, and whoever applies it again writes the next one.

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
  /** The highest generation that is written, readable or not; 0 for none. */
  lastGeneration(kind: ResourceKind, name: Name): number;
  /** Resources that are there, by name. */
  list(kind: ResourceKind): Entry[];
}

/** See the head of this file. */
export class Registry implements RegistryView {
  #seq = 0;
  readonly #entries = new Map<string, Entry>();
  readonly #generations = new Map<string, number>();
  readonly #waiting = new Set<() => void>();

  get seq(): number {
    return this.#seq;
  }

  latest(kind: ResourceKind, name: Name): Entry | undefined {
    return this.#entries.get(`${kind} ${name}`);
  }

  lastGeneration(kind: ResourceKind, name: Name): number {
    return this.#generations.get(`${kind} ${name}`) ?? 0;
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

  /** Takes the next fact of the stream. @throws what makes the fact unreadable; the copy goes on without it (R3) */
  take(fact: StoredFact): Entry | undefined {
    const place = parseResourceSubject(fact.subject);
    try {
      if (place === undefined || place.generation <= this.lastGeneration(place.kind, place.name)) return undefined;
      this.#generations.set(keyOf(place), place.generation);
      this.#markDeleted(place, fact.seq);
      const entry = { ...place, ...readEntry(fact) };
      this.#entries.set(keyOf(place), entry);
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

  /** R3, until it has been read. */
  #markDeleted({ kind, name, generation }: Place, seq: number): void {
    const before = this.latest(kind, name);
    if (before !== undefined) {
      this.#entries.set(keyOf(before), { ...before, generation, seq, change: 'deleted' });
    }
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

type Place = Pick<Entry, 'kind' | 'name' | 'generation'>;

function keyOf({ kind, name }: Place): string {
  return `${kind} ${name}`;
}

function readEntry({ seq, storedAtMs, payload, headers }: StoredFact): Omit<Entry, keyof Place> {
  expectType(resourceChangedV1, headers.get(HEADERS.type));
  return { seq, changedAtMs: storedAtMs, ...decode(resourceChangedV1, payload, LIMITS.messageBytes) };
}
