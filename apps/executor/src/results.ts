// Results over 256 KiB: in the object store, named by the call, found again by the reference in `settled`.

import { createHash } from 'node:crypto';
import type { Settled } from '@flow-mcp/contracts';

/** Where a large result lies. */
export type ResultRef = NonNullable<Settled['resultRef']>;

/** What is needed of the object store. */
export interface Objects {
  put(name: string, bytes: Uint8Array): Promise<unknown>;
}

/** Keeps large results. */
export class Results {
  readonly #objects: Objects;

  constructor(objects: Objects) {
    this.#objects = objects;
  }

  /** Stores a result. @throws RetryableError when the store is away */
  async put(object: string, bytes: Uint8Array): Promise<ResultRef> {
    await this.#objects.put(object, bytes);
    return { object, sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.byteLength };
  }
}
