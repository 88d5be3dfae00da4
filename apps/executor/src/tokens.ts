// What is injected by token rather than by class.

/** `Steps` of advance.ts. */
export const STEPS = Symbol('STEPS');
/** `PersonVerifier`. */
export const PEOPLE = Symbol('PEOPLE');
/** `PassAuthority`. */
export const PASSES = Symbol('PASSES');
/** `DiscoveryKeys`. */
export const CALL_KEYS = Symbol('CALL_KEYS');
/** `Upstream`. */
export const UPSTREAM = Symbol('UPSTREAM');
/** The object store of large results. */
export const OBJECTS = Symbol('OBJECTS');
/** Aborts when the service stops. */
export const STOPPING = Symbol('STOPPING');
