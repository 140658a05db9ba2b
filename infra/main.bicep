// Entente in one resource group. Everything is reached by managed identities: no connection string, no shared key.
// docs/deploy.md says what each parameter means in practice.
targetScope = 'resourceGroup'

@description('Beginning of all names; lower-case letters and digits.')
@minLength(3)
@maxLength(11)
param name string = 'entente'

@description('Azure region of everything.')
param location string = resourceGroup().location

@description('Directory id of the tenant that is changed.')
@minLength(36)
@maxLength(36)
param tenantId string = tenant().tenantId

@description('Several tenants in one app: objects with name, tenantId, and where wanted reportOnly and settings. Empty: the one of tenantId.')
param tenants array = []

@description('Client id of the app registration that the identities vouch for: the app in each of several tenants. Empty: the identities themselves.')
param appClientId string = ''

@description('One app with every power (small installations), or one app and identity each for guests, tenant settings and mail.')
@allowed([
  'one'
  'split'
])
param apps string = 'one'

@description('Requests are planned and shown, and nothing is changed. Switch off once you trust what you see.')
param reportOnly bool = true

@description('Client id of the app registration by which people sign in; empty: nobody can sign in.')
param signInClientId string = ''

@description('Address of the shared mailbox that mails are sent from; empty: none are.')
param mailbox string = ''

@description('More app settings by name, as docs/settings.md has them. They win over the ones made here.')
param settings object = {}

@description('Instances of the HTTP functions that are always running: 1 keeps the webhook within the 3 s that Graph allows.')
@minValue(0)
@maxValue(10)
param alwaysReady int = 0

@description('Most instances of one app.')
@minValue(40)
@maxValue(1000)
param mostInstances int = 40

@description('Memory of an instance in MB.')
@allowed([
  512
  2048
  4096
])
param instanceMemory int = 2048

@description('Spread over availability zones, where the region has them.')
param zoneRedundant bool = false

@description('How the tables are kept: copies in one place, in three zones, or in a second region too.')
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
  'Standard_GZRS'
])
param tablesRedundancy string = 'Standard_ZRS'

@description('Days for which the exported head of a seal of the journal can be neither changed nor deleted.')
@minValue(1)
@maxValue(146000)
param sealDays int = 1095

@description('Somebody has locked the policy that says so: it is left as it is.')
param sealsLocked bool = false

@description('Private endpoints for tables, queues and keys, in a network of their own. Service Bus is then Premium, which costs.')
param privateNetwork bool = false

@description('Address space of that network, /24 or larger: a /26 subnet for each app and one for the endpoints are cut from it.')
param networkPrefix string = '10.90.0.0/24'

@description('Let the scale controller read queue lengths as Data Owner of the queues that an app listens on.')
param exactScaling bool = false

@description('Object ids of identities of other systems that may put partner requests on the queue.')
param requesters array = []

@description('Mail addresses of those who run this; they get the alerts.')
param operators array = []

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logDays int = 90

@description('Sponsors may answer by a signed link in their mail, without signing in: whoever reads the mail can.')
param sponsorLinks bool = false

@description('Name of the Event Grid partner topic by which Microsoft Graph tells of changes; empty: it tells the webhook, or nobody.')
param partnerTopic string = ''

@description('The partner topic is there and active, so that it can be led to the queue.')
param partnerTopicActive bool = false

@description('Tags of every resource.')
param tags object = {}

var topology = loadJsonContent('topology.json')
// Of several tenants, each has its own tables, keys, container of seals and settings, by its name.
var each = map(tenants, one => union({
  reportOnly: true
  settings: {}
}, one))
var tables = empty(each) ? topology.tables : flatten(map(each, one => map(topology.tables, table => '${one.name}${table}')))
var secrets = empty(each) ? topology.secrets : toObject(flatten(map(each, one => map(items(topology.secrets), secret => {
  key: '${secret.key}__${one.name}'
  value: '${secret.value}-${one.name}'
}))), secret => secret.key, secret => secret.value)
var sealContainers = empty(each) ? [
  'seals'
] : map(each, one => 'seals-${one.name}')
var token = take(uniqueString(subscription().id, resourceGroup().id, name), 8)
var prefix = '${name}-${token}'
var appList = (apps == 'one') ? [
  {
    name: 'all'
    powers: [
      'guests'
      'settings'
      'mail'
    ]
    setting: {}
  }
] : [
  {
    name: 'guests'
    powers: [
      'guests'
    ]
    setting: {
      ENTENTE_POWERS: 'guests'
    }
  }
  {
    name: 'settings'
    powers: [
      'settings'
    ]
    setting: {
      ENTENTE_POWERS: 'settings'
    }
  }
  {
    name: 'mail'
    powers: [
      'mail'
    ]
    setting: {
      ENTENTE_POWERS: 'mail'
    }
  }
]

module watch 'modules/watch.bicep' = {
  name: 'watch'
  params: {
    prefix: prefix
    location: location
    tags: tags
    logDays: logDays
    operators: operators
  }
}

module bus 'modules/bus.bicep' = {
  name: 'bus'
  params: {
    prefix: prefix
    location: location
    tags: tags
    queues: topology.queues
    isolated: privateNetwork
    requesters: requesters
    workspaceId: watch.outputs.workspaceId
  }
}

module state 'modules/state.bicep' = {
  name: 'state'
  params: {
    accountName: 'st${take(name, 9)}${token}data'
    location: location
    tags: tags
    tables: tables
    sealContainers: sealContainers
    redundancy: tablesRedundancy
    isolated: privateNetwork
    workspaceId: watch.outputs.workspaceId
    sealDays: sealDays
    sealsLocked: sealsLocked
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  params: {
    vaultName: 'kv-${prefix}'
    location: location
    tags: tags
    isolated: privateNetwork
    workspaceId: watch.outputs.workspaceId
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'network'
  params: {
    prefix: prefix
    location: location
    tags: tags
    networkPrefix: networkPrefix
    appNames: map(appList, one => one.name)
    targets: [
      {
        name: 'tables'
        id: state.outputs.id
        part: 'table'
        zone: 'privatelink.table.${environment().suffixes.storage}'
      }
      {
        name: 'bus'
        id: bus.outputs.id
        part: 'namespace'
        zone: 'privatelink.servicebus.windows.net'
      }
      {
        name: 'keys'
        id: vault.outputs.id
        part: 'vault'
        zone: 'privatelink.vaultcore.azure.net'
      }
    ]
  }
}

module sealsEndpoint 'modules/endpoint.bicep' = if (privateNetwork) {
  name: 'endpoint-seals'
  params: {
    name: 'pe-${prefix}-seals'
    location: location
    tags: tags
    subnetId: privateNetwork ? network.outputs.endpointSubnet : ''
    targetId: state.outputs.id
    part: 'blob'
    zoneId: privateNetwork ? network.outputs.blobZone : ''
  }
}

module app 'modules/app.bicep' = [for (one, i) in appList: {
  name: 'app-${one.name}'
  params: {
    name: one.name
    prefix: prefix
    location: location
    tags: tags
    front: contains(one.powers, 'guests')
    storageName: 'st${take(name, 9)}${token}${take(one.name, 5)}'
    subnetId: privateNetwork ? network.outputs.appSubnets[i] : ''
    endpointSubnetId: privateNetwork ? network.outputs.endpointSubnet : ''
    blobZoneId: privateNetwork ? network.outputs.blobZone : ''
    zoneRedundant: zoneRedundant
    alwaysReady: alwaysReady
    mostInstances: mostInstances
    instanceMemory: instanceMemory
    tenantId: tenantId
    signInClientId: signInClientId
    sponsorLinks: sponsorLinks
    vaultUri: vault.outputs.uri
    secrets: secrets
    workspaceId: watch.outputs.workspaceId
    insightsName: watch.outputs.insightsName
    settings: union(topology.schedules, empty(each) ? {
      ENTENTE_TENANT_ID: tenantId
      ENTENTE_REPORT_ONLY: string(reportOnly)
      ENTENTE_MAILBOX: mailbox
    } : {
      ENTENTE_TENANTS: join(map(each, it => it.name), ',')
    }, toObject(each, it => 'ENTENTE_TENANT_ID__${it.name}', it => it.tenantId), toObject(each, it => 'ENTENTE_REPORT_ONLY__${it.name}', it => string(it.reportOnly)), {
      ENTENTE_APP_CLIENT_ID: appClientId
      ENTENTE_APP_URL: 'https://func-${prefix}-${appList[0].name}.azurewebsites.net'
      ENTENTE_SPONSOR_LINKS: string(sponsorLinks)
      // In bytes: a little more than the largest request. Strangers may post to the webhook, and 100 MB would be let in.
      FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '20000000'
      ServiceBus__fullyQualifiedNamespace: '${bus.outputs.name}.servicebus.windows.net'
      Tables__endpoint: state.outputs.endpoint
    }, (contains(one.powers, 'guests') && empty(each)) ? {
      ENTENTE_SEAL_CONTAINER: '${state.outputs.blobs}seals'
    } : {}, contains(one.powers, 'guests') ? toObject(each, it => 'ENTENTE_SEAL_CONTAINER__${it.name}', it => '${state.outputs.blobs}seals-${it.name}') : {}, toObject(flatten(map(each, it => map(items(it.settings), setting => {
      key: '${setting.key}__${it.name}'
      value: setting.value
    }))), setting => setting.key, setting => setting.value), one.setting, settings)
  }
}]

module roles 'modules/roles.bicep' = [for (one, i) in appList: {
  name: 'roles-${one.name}'
  params: {
    principalId: app[i].outputs.principalId
    busName: bus.outputs.name
    receives: map(filter(topology.queues, queue => contains(one.powers, queue.power)), queue => queue.name)
    sends: map(filter(topology.queues, queue => (queue.name != 'parked') && (contains(one.powers, 'guests') || (queue.name != 'partner-requests'))), queue => queue.name)
    exactScaling: exactScaling
    accountName: state.outputs.name
    tables: tables
    vaultName: vault.outputs.name
    secrets: map(items(secrets), secret => secret.value)
    insightsName: watch.outputs.insightsName
    seals: contains(one.powers, 'guests') ? sealContainers : []
  }
}]

module events 'modules/events.bicep' = if (!empty(partnerTopic)) {
  name: 'events'
  params: {
    prefix: prefix
    location: location
    tags: tags
    busName: bus.outputs.name
    topic: partnerTopic
    active: partnerTopicActive
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  params: {
    prefix: prefix
    location: location
    tags: tags
    workspaceId: watch.outputs.workspaceId
    actionGroupId: watch.outputs.actionGroupId
    busId: bus.outputs.id
  }
}

// The ends of the names of the keys that infra/keys.sh makes; none where there is one tenant.
output tenantNames array = map(each, one => one.name)
output eventIdentity string = (!empty(partnerTopic)) ? events.outputs.identityId : ''
output url string = app[0].outputs.url
// Who needs which permissions in the tenant: docs/deploy.md.
output apps array = [for (one, i) in appList: {
  name: app[i].outputs.name
  powers: one.powers
  clientId: app[i].outputs.clientId
  principalId: app[i].outputs.principalId
}]
