-- Users on a ClickHouse server of your own (the embedded engine brings its own). Run it once as an administrator, with
-- passwords of your own:
--   clickhouse-client --param_provisioner=… --param_writer=… --param_reader=… --queries-file users.sql
CREATE DATABASE IF NOT EXISTS flowmcp;

-- The provisioner changes the schema, and nothing else does.
CREATE USER IF NOT EXISTS provisioner IDENTIFIED WITH sha256_password BY {provisioner:String};
GRANT SELECT, INSERT, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP TABLE ON flowmcp.* TO provisioner;
GRANT SELECT ON system.tables TO provisioner;

-- audit-ingester inserts facts and answers audit queries. Nobody may change or delete a row day to day.
CREATE USER IF NOT EXISTS flowmcp IDENTIFIED WITH sha256_password BY {writer:String};
GRANT SELECT ON flowmcp.* TO flowmcp;
GRANT INSERT ON flowmcp.ledger TO flowmcp;

-- People, dashboards and the console read the audit trail and nothing else.
CREATE SETTINGS PROFILE IF NOT EXISTS flowmcp_reader SETTINGS
    readonly = 1,
    max_execution_time = 30,
    max_memory_usage = 500000000,
    max_result_rows = 1000000,
    max_result_bytes = 268435456;
CREATE USER IF NOT EXISTS reader IDENTIFIED WITH sha256_password BY {reader:String} SETTINGS PROFILE flowmcp_reader;
GRANT SELECT ON flowmcp.* TO reader;
