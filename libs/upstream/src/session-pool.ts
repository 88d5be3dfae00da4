// Keeps sessions open between calls.
//
//   P1. A session is used under the key it was opened for and no other; the key names the person.
//   P2. Whoever asks while a session is being opened waits for the same one.
//   P3. At most `max` sessions are kept: the longest unused one makes room. One in use is never closed, so there are
//       more only while more are in use.
//   P4. A session that was unused for `idleMs`, has ended or was discarded is never handed out again.

import type { Session } from './session.js';

interface Entry {
  readonly opening: Promise<Session>;
  session: Session | undefined;
  users: number;
  idle: NodeJS.Timeout | undefined;
}

/** See the header of this file. */
export class SessionPool {
  readonly #max: number;
  readonly #idleMs: number;
  /** In order of last use. */
  readonly #entries = new Map<string, Entry>();

  constructor({ max, idleMs }: { readonly max: number; readonly idleMs: number }) {
    this.#max = max;
    this.#idleMs = idleMs;
  }

  /** Sessions open or being opened. */
  get size(): number {
    return this.#entries.size;
  }

  /** Runs `work` in the session under `key`; `open` is asked for one if there is none. */
  async use<T>(key: string, open: () => Promise<Session>, work: (session: Promise<Session>) => Promise<T>): Promise<T> {
    const entry = this.#acquire(key, open);
    try {
      return await work(entry.opening);
    } finally {
      this.#release(key, entry);
    }
  }

  /** Forgets a session that the server no longer knows. Others in it will find out by themselves. */
  discard(key: string, session: Session): void {
    if (this.#entries.get(key)?.session === session) this.#entries.delete(key);
  }

  /** Closes all sessions. */
  async close(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const { idle } of entries) clearTimeout(idle);
    await Promise.allSettled(entries.map(async ({ opening }) => (await opening).close()));
  }

  #acquire(key: string, open: () => Promise<Session>): Entry {
    const known = this.#entries.get(key);
    const entry = known === undefined || known.session?.closed === true ? this.#open(key, open) : known;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    clearTimeout(entry.idle);
    entry.users += 1;
    this.#makeRoom();
    return entry;
  }

  #open(key: string, open: () => Promise<Session>): Entry {
    const entry: Entry = { opening: open(), session: undefined, users: 0, idle: undefined };
    entry.opening.then(
      (session) => (entry.session = session),
      () => this.#forget(key, entry),
    );
    return entry;
  }

  #release(key: string, entry: Entry): void {
    entry.users -= 1;
    if (entry.users > 0) return;
    if (this.#entries.get(key) !== entry) return closeQuietly(entry); // It was discarded while in use.
    entry.idle = setTimeout(() => this.#retire(key, entry), this.#idleMs).unref();
    this.#makeRoom();
  }

  /** P3 */
  #makeRoom(): void {
    for (const [key, entry] of this.#entries) {
      if (this.#entries.size <= this.#max) return;
      if (entry.users === 0) this.#retire(key, entry);
    }
  }

  #retire(key: string, entry: Entry): void {
    clearTimeout(entry.idle);
    this.#forget(key, entry);
    closeQuietly(entry);
  }

  #forget(key: string, entry: Entry): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }
}

function closeQuietly({ opening }: Entry): void {
  opening.then((session) => session.close()).catch(() => undefined);
}
