import { createUser, fromSeed } from 'nkeys.js';

/** The key pair of a NATS user (nkeys): the broker knows `publicKey`, only the user's service has `seed`. */
export interface UserKey {
  /** `U…` */
  readonly publicKey: string;
  /** `SU…` */
  readonly seed: string;
}

/** A fresh key pair. */
export function createUserKey(): UserKey {
  const pair = createUser();
  return { publicKey: pair.getPublicKey(), seed: new TextDecoder().decode(pair.getSeed()) };
}

/** The public key that belongs to a seed. @throws Error when it is not a user's seed */
export function publicKeyOf(seed: string): string {
  return fromSeed(new TextEncoder().encode(seed.trim())).getPublicKey();
}
