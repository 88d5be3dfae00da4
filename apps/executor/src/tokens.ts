// What is injected by token rather than by class.

/** `Steps` of advance.ts. */
export const STEPS = Symbol('STEPS');
/** `PersonVerifier`. */
export const PEOPLE = Symbol('PEOPLE');
/** `PassAuthority`. */
export const PASSES = Symbol('PASSES');
/** `Upstream`. */
export const UPSTREAM = Symbol('UPSTREAM');
/** The object store of large results. */
export const OBJECTS = Symbol('OBJECTS');
/** Aborts when the service begins to stop. */
export const DRAINING = Symbol('DRAINING');
/** `Clock`. */
export const CLOCK = Symbol('CLOCK');
