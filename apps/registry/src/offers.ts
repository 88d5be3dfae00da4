// What each server offers, as this process has it: the tools bucket, kept in memory.

import { LIMITS, decode, discoveredV1, type Discovered } from '@flow-mcp/contracts';
import type { Name } from '@flow-mcp/kernel';

/** Every server's last discovery. */
export class Offers {
  readonly #entries = new Map<Name, Discovered>();

  get(server: Name): Discovered | undefined {
    return this.#entries.get(server);
  }

  /** Takes an entry of the bucket; `undefined` for a deleted one. @throws RefusedError for one that is not ours */
  take(server: Name, value: Uint8Array | undefined): void {
    if (value === undefined) this.#entries.delete(server);
    else this.#entries.set(server, decode(discoveredV1, value, LIMITS.messageBytes));
  }
}
