-- Users on a ClickHouse server of your own (the embedded engine brings both). Run it once as an administrator,
-- with passwords of your own: clickhouse-client --param_writer=… --param_reader=… --queries-file users.sql
CREATE DATABASE IF NOT EXISTS flowmcp;

-- audit-ingester: changes the schema when it starts, inserts facts, answers audit queries.
CREATE USER IF NOT EXISTS flowmcp IDENTIFIED WITH sha256_password BY {writer:String};
GRANT SELECT, INSERT, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP TABLE ON flowmcp.* TO flowmcp;
GRANT SELECT ON system.tables TO flowmcp;

-- People, dashboards and the console: they read the audit trail and nothing else.
CREATE SETTINGS PROFILE IF NOT EXISTS flowmcp_reader SETTINGS
    readonly = 1,
    max_execution_time = 30,
    max_memory_usage = 500000000,
    max_result_rows = 1000000,
    max_result_bytes = 268435456;
CREATE USER IF NOT EXISTS reader IDENTIFIED WITH sha256_password BY {reader:String} SETTINGS PROFILE flowmcp_reader;
GRANT SELECT ON flowmcp.* TO reader;
