// The injection token of what verifies people's tokens.

import type { PersonVerifier } from '@flow-mcp/identity';

/** What verifies people's tokens. */
export type People = Pick<PersonVerifier, 'verify'>;

/** Its injection token. */
export const PEOPLE = Symbol('people');
