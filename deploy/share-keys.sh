#!/bin/sh
# Makes every key and password of a deployment that is not there yet, below /keys, and gives each service a copy of its
# own, and of nothing else, below /for/<service>. Run it again after a key was rotated: services notice by themselves.
# The service `keys` of compose.yaml: root in the provisioner's image, without a network.
set -eu
umask 077

node /flow-mcp/main.js keys /keys
for user in provisioner writer reader; do
  password=/keys/clickhouse-$user
  test -s "$password" || node -p 'require("node:crypto").randomBytes(24).toString("base64url")' > "$password"
done

# service, its name for the file, the file
while read -r service name file; do
  chmod 755 "/for/$service"
  install -m 400 -o node "/keys/$file" "/for/$service/$name"
done <<'LIST'
nats            nats.env                  nats.env
clickhouse      provisioner-password      clickhouse-provisioner
clickhouse      writer-password           clickhouse-writer
clickhouse      reader-password           clickhouse-reader
provisioner     nats.nk                   nats/provisioner.nk
provisioner     clickhouse-password       clickhouse-provisioner
registry        nats.nk                   nats/registry.nk
executor        nats.nk                   nats/executor.nk
executor        call-signing.jwks.json    call-signing.jwks.json
executor        pass.jwks.json            pass.jwks.json
executor        receipt.public.jwks.json  receipt.public.jwks.json
confirmation    nats.nk                   nats/confirmation.nk
confirmation    receipt.jwks.json         receipt.jwks.json
audit-ingester  nats.nk                   nats/audit-ingester.nk
audit-ingester  clickhouse-password       clickhouse-writer
cli             nats.nk                   nats/cli.nk
LIST
