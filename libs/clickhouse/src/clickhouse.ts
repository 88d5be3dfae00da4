// The audit trail in ClickHouse, as the rest of Flow MCP sees it.

import type { CallRow } from '@flow-mcp/contracts';
import type { Block, StreamIdentity } from './block.js';
import { callFacts, calls, type CallFactRow, type CallsFilter } from './calls.js';
import { Connection, type ClickHouseOptions } from './connection.js';
import { hasBlock, insertBlock, position, type Position } from './ledger-table.js';
import { migrate, pendingMigrations } from './migrations.js';

/** Every method throws RetryableError `ERR_DATABASE_UNAVAILABLE` or RefusedError `ERR_CONFIG_INVALID`. */
export interface ClickHouse {
  /** Resolves when ClickHouse answers and knows us. */
  ping(): Promise<void>;
  /** Brings the schema up to date; returns what was applied. Also throws RetryableError `ERR_CONFLICT`, see `migrate`. */
  migrate(): Promise<string[]>;
  /** Names of what `migrate` would apply; for services that may not change the schema. */
  pendingMigrations(): Promise<string[]>;
  /** Inserts a block: once, however often and by whomever it is sent within the last 10,000 blocks. */
  insertBlock(block: Block): Promise<void>;
  /** Whether a block is there, whole; asked before a block is sent that others may have inserted long ago. */
  hasBlock(block: Block): Promise<boolean>;
  /** How far a stream lies here without a gap, from `firstSeq` on, and where to go on. */
  position(stream: StreamIdentity, firstSeq: number): Promise<Position>;
  /** Calls, newest first. */
  calls(filter: CallsFilter): Promise<CallRow[]>;
  /** The facts of one call, in the order of the ledger. */
  callFacts(flow: string, callId: string): Promise<CallFactRow[]>;
  close(): Promise<void>;
}

/** Connects when first used. */
export function createClickHouse(options: ClickHouseOptions): ClickHouse {
  const connection = new Connection(options);
  return {
    ping: () => connection.ping(),
    migrate: () => migrate(connection),
    pendingMigrations: () => pendingMigrations(connection),
    insertBlock: (block) => insertBlock(connection, block),
    hasBlock: (block) => hasBlock(connection, block),
    position: (stream, firstSeq) => position(connection, stream, firstSeq),
    calls: (filter) => calls(connection, filter),
    callFacts: (flow, callId) => callFacts(connection, flow, callId),
    close: () => connection.close(),
  };
}
