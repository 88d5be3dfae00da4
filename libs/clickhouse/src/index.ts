export { type Block, type RecordedFact, type StreamIdentity } from './block.js';
export { type CallFactRow, type CallsFilter } from './calls.js';
export { createClickHouse, type ClickHouse } from './clickhouse.js';
export { type ClickHouseOptions } from './connection.js';
export { type Position } from './ledger-table.js';
