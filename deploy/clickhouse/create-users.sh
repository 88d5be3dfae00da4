#!/bin/sh
# Runs users.sql with the passwords of a deployment. The ClickHouse image does this at every start, before it listens to
# anybody but itself: see compose.yaml.
set -eu

clickhouse-client --host 127.0.0.1 \
  --param_provisioner "$(cat /run/flow-mcp/provisioner-password)" \
  --param_writer "$(cat /run/flow-mcp/writer-password)" \
  --param_reader "$(cat /run/flow-mcp/reader-password)" \
  --queries-file /etc/flow-mcp/users.sql
