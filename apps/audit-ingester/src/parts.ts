// The injection tokens of what this service works with.

import type { ClickHouse } from '@flow-mcp/clickhouse';
import type { PersonVerifier } from '@flow-mcp/identity';

/** Verifies people's tokens. */
export type People = Pick<PersonVerifier, 'verify'>;

/** Its injection token. */
export const PEOPLE = Symbol('people');

/** The audit trail, for reading. */
export type Audit = Pick<ClickHouse, 'calls' | 'callFacts'>;

/** Its injection token. */
export const AUDIT = Symbol('audit');
