using 'main.bicep'

// Each can be set in the environment (`azd env set NAME VALUE`), or here. docs/deploy.md describes them.
param name = readEnvironmentVariable('ENTENTE_NAME', 'entente')
param tenants = json(readEnvironmentVariable('ENTENTE_TENANT_LIST', '[]'))
param appClientId = readEnvironmentVariable('ENTENTE_APP_CLIENT_ID', '')
param apps = readEnvironmentVariable('ENTENTE_APPS_KIND', 'one')
param reportOnly = bool(readEnvironmentVariable('ENTENTE_REPORT_ONLY', 'true'))
param signInClientId = readEnvironmentVariable('ENTENTE_SIGN_IN_CLIENT_ID', '')
param mailbox = readEnvironmentVariable('ENTENTE_MAILBOX', '')
param settings = json(readEnvironmentVariable('ENTENTE_SETTINGS', '{}'))
param alwaysReady = int(readEnvironmentVariable('ENTENTE_ALWAYS_READY', '0'))
param zoneRedundant = bool(readEnvironmentVariable('ENTENTE_ZONE_REDUNDANT', 'false'))
param sealsLocked = bool(readEnvironmentVariable('ENTENTE_SEALS_LOCKED', 'false'))
param privateNetwork = bool(readEnvironmentVariable('ENTENTE_PRIVATE_NETWORK', 'false'))
param exactScaling = bool(readEnvironmentVariable('ENTENTE_EXACT_SCALING', 'false'))
param sponsorLinks = bool(readEnvironmentVariable('ENTENTE_SPONSOR_LINKS', 'false'))
param operators = json(readEnvironmentVariable('ENTENTE_OPERATORS', '[]'))
