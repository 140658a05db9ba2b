#!/bin/sh
# Every Entente app of the resource group runs the package.
# usage: infra/publish.sh RESOURCE-GROUP [PACKAGE]
set -eu
group=${1:?usage: infra/publish.sh RESOURCE-GROUP [PACKAGE]}
package=${2:-dist/entente.zip}
test -f "$package" || { echo "there is no $package: run make package first" >&2; exit 1; }

apps=$(az functionapp list --resource-group "$group" --query "[?starts_with(name, 'func-')].name" --output tsv)
test -n "$apps" || { echo "there is no function app in $group" >&2; exit 1; }
for app in $apps; do
  # The package has its requirements in it, and pruned: nothing is built over there.
  az functionapp deployment source config-zip --resource-group "$group" --name "$app" --src "$package" --build-remote false --output none
  echo "$app runs $package"
done
