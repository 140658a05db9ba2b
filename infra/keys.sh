#!/bin/sh
# Makes each key that the vault does not have yet. A key that is there is never replaced: with another person key nobody would be recognized.
# It goes through Azure Resource Manager, so it works with a vault that the network is closed around.
# Of an app for several tenants each has keys of its own, whose names end with the tenant's.
# usage: infra/keys.sh RESOURCE-GROUP [TENANT ...]
set -eu
group=${1:?usage: infra/keys.sh RESOURCE-GROUP [TENANT ...]}
shift
version=2025-05-01

id=$(az keyvault list --resource-group "$group" --query "[?starts_with(name, 'kv-')].id | [0]" --output tsv)
test -n "$id" || { echo "there is no key vault in $group: deploy infra/main.bicep first" >&2; exit 1; }
# A list that cannot be read ends the script: it does not mean that there are none.
there=$(az rest --method get --url "$id/secrets?api-version=$version" --query 'value[].name' --output tsv)
body=$(mktemp)
trap 'rm -f "$body"' EXIT
chmod 600 "$body"

# As infra/main.bicepparam has them; without tenants, the names end with nothing.
names='import json, os; print(*(one["name"] for one in json.loads(os.environ.get("ENTENTE_TENANT_LIST") or "[]")))'
# In a statement of its own, so that a list that cannot be read ends the script.
listed=$(python3 -c "$names")
test $# -gt 0 || set -- $listed
test $# -gt 0 || set -- ''
for tenant; do for secret in person-key client-state-key link-key; do
  secret=$secret${tenant:+-$tenant}
  if printf '%s\n' "$there" | grep -qx "$secret"; then
    echo "$secret is there already"
  else
    printf '{"properties": {"value": "%s"}}' "$(openssl rand -base64 32)" > "$body"
    az rest --method put --url "$id/secrets/$secret?api-version=$version" --body "@$body" --output none
    echo "$secret was made"
  fi
done; done
