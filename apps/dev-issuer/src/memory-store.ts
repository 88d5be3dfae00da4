// Sessions, codes and grants of the provider, in memory: a restart signs everybody out of the browser, no more.

import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider';

/** How many entries are kept; the oldest go first. */
const ENTRIES_MAX = 10_000;

interface Entry {
  readonly model: string;
  readonly payload: AdapterPayload;
  readonly expiresAtMs: number;
}

/** The storage that `oidc-provider` asks for; see its `Adapter`. */
export function createMemoryStore(): AdapterFactory {
  const entries = new Map<string, Entry>();

  function alive(entry: Entry | undefined): AdapterPayload | undefined {
    return entry !== undefined && entry.expiresAtMs > Date.now() ? entry.payload : undefined;
  }

  function put(key: string, entry: Entry): void {
    entries.set(key, entry);
    const [oldest] = entries.keys();
    if (entries.size > ENTRIES_MAX && oldest !== undefined) entries.delete(oldest);
  }

  function findBy(model: string, matches: (payload: AdapterPayload) => boolean): AdapterPayload | undefined {
    return alive([...entries.values()].find((entry) => entry.model === model && matches(entry.payload)));
  }

  return (model): Adapter => ({
    upsert: async (id, payload, expiresIn = Infinity) =>
      put(`${model}:${id}`, { model, payload, expiresAtMs: Date.now() + expiresIn * 1000 }),
    find: async (id) => alive(entries.get(`${model}:${id}`)),
    findByUid: async (uid) => findBy(model, (payload) => payload.uid === uid),
    findByUserCode: async (userCode) => findBy(model, (payload) => payload.userCode === userCode),
    consume: async (id) => {
      const payload = alive(entries.get(`${model}:${id}`));
      if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1000);
    },
    destroy: async (id) => void entries.delete(`${model}:${id}`),
    revokeByGrantId: async (grantId) => {
      for (const [key, { payload }] of entries) if (payload.grantId === grantId) entries.delete(key);
    },
  });
}
