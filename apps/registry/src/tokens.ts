// What Nest injects by name rather than by class.

/** A `PersonVerifier`. */
export const PEOPLE = Symbol('people');

/** An `AbortSignal` that aborts when the service begins to stop. */
export const DRAINING = Symbol('draining');
