#!/bin/sh
# Makes every key and password of a deployment that is not there yet, below /keys, and gives each service a copy of what
# it needs, and of nothing else, below /for/<service>. Run it again after a key was rotated: services notice by themselves.
# The service `keys` of compose.yaml: root in the provisioner's image, without a network.
set -eu
umask 077

node /flow-mcp/main.js keys /keys

for user in provisioner writer reader; do
  password=/keys/clickhouse-$user
  test -s "$password" || node -p 'require("node:crypto").randomBytes(24).toString("base64url")' > "$password"
done

# give <service> <name> <file>
give() {
  chmod 755 "/for/$1"
  install -m 400 -o node "$3" "/for/$1/$2"
}

give nats nats.env /keys/nats.env
for service in provisioner registry executor confirmation audit-ingester cli; do
  give "$service" nats.nk "/keys/nats/$service.nk"
done
for user in provisioner writer reader; do
  give clickhouse "$user-password" "/keys/clickhouse-$user"
done
give provisioner clickhouse-password /keys/clickhouse-provisioner
give audit-ingester clickhouse-password /keys/clickhouse-writer
give executor call-signing.jwks.json /keys/call-signing.jwks.json
give executor pass.jwks.json /keys/pass.jwks.json
give executor receipt.public.jwks.json /keys/receipt.public.jwks.json
give confirmation receipt.jwks.json /keys/receipt.jwks.json
