// What one app's identity may do: receive from its own queues, send to those it hands work to, use the tables, read the keys;
// and, for the app that seals the journal, put the heads of its seals.
param principalId string
param busName string
param receives array
param sends array
param exactScaling bool
param accountName string
param tables array
param vaultName string
param secrets array
param insightsName string
param seals array

var roles = {
  dataReceiver: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0')
  dataSender: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39')
  dataOwner: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '090c5cfd-751d-490a-894a-3ce6f1109419')
  tableContributor: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3')
  blobContributor: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'ba92f5b4-2d11-453d-a403-e96b0029c9fe')
  secretsUser: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-b874-0445c86b69e6')
  metricsPublisher: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '3913510d-42f4-4e42-8a64-420c390055eb')
}
// Target-based scaling reads queue lengths, which Microsoft documents to need manage rights; without, it goes by what it sees.
var listening = exactScaling ? roles.dataOwner : roles.dataReceiver

resource namespace 'Microsoft.ServiceBus/namespaces@2026-01-01' existing = {
  name: busName
}

resource received 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' existing = [for queue in receives: {
  parent: namespace
  name: queue
}]

resource sent 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' existing = [for queue in sends: {
  parent: namespace
  name: queue
}]

resource receiving 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (queue, i) in receives: {
  name: guid(received[i].id, principalId, listening)
  scope: received[i]
  properties: {
    roleDefinitionId: listening
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}]

resource sending 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (queue, i) in sends: {
  name: guid(sent[i].id, principalId, roles.dataSender)
  scope: sent[i]
  properties: {
    roleDefinitionId: roles.dataSender
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}]

resource account 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: accountName
}

resource service 'Microsoft.Storage/storageAccounts/tableServices@2025-08-01' existing = {
  parent: account
  name: 'default'
}

resource table 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-08-01' existing = [for one in tables: {
  parent: service
  name: one
}]

resource writing 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (one, i) in tables: {
  name: guid(table[i].id, principalId, roles.tableContributor)
  scope: table[i]
  properties: {
    roleDefinitionId: roles.tableContributor
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}]

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-08-01' existing = {
  parent: account
  name: 'default'
}

resource heads 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-08-01' existing = [for one in seals: {
  parent: blobs
  name: one
}]

// No built-in role may add and not replace; that nothing is replaced is for the container's policy to see to.
resource keeping 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (one, i) in seals: {
  name: guid(heads[i].id, principalId, roles.blobContributor)
  scope: heads[i]
  properties: {
    roleDefinitionId: roles.blobContributor
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}]

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: vaultName
}

// A secret need not be there yet for a role on it: the scope is a name.
resource secret 'Microsoft.KeyVault/vaults/secrets@2025-05-01' existing = [for one in secrets: {
  parent: vault
  name: one
}]

resource reading 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (one, i) in secrets: {
  name: guid(secret[i].id, principalId, roles.secretsUser)
  scope: secret[i]
  properties: {
    roleDefinitionId: roles.secretsUser
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}]

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource publishing 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(insights.id, principalId, roles.metricsPublisher)
  scope: insights
  properties: {
    roleDefinitionId: roles.metricsPublisher
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
