// The queues, as shared/topology.py defines them.
param prefix string
param location string
param tags object
param queues array
param isolated bool
param requesters array
param workspaceId string

var dataSender = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39')

resource namespace 'Microsoft.ServiceBus/namespaces@2026-01-01' = {
  name: 'sb-${prefix}'
  location: location
  tags: tags
  // Private endpoints are a feature of Premium alone.
  sku: isolated ? {
    name: 'Premium'
    tier: 'Premium'
    capacity: 1
  } : {
    name: 'Standard'
    tier: 'Standard'
  }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: isolated ? 'Disabled' : 'Enabled'
  }
}

// First, because the others forward to it.
resource parked 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' = [for queue in filter(queues, one => !one.forwardDeadLetters): {
  parent: namespace
  name: queue.name
  properties: {
    lockDuration: queue.lockDuration
    maxDeliveryCount: queue.maxDeliveryCount
    requiresSession: queue.requiresSession
    requiresDuplicateDetection: true
    duplicateDetectionHistoryTimeWindow: queue.duplicateDetectionHistoryTimeWindow
    // Nobody keeps a guest's address waiting for longer: who is still on a queue then is parked.
    defaultMessageTimeToLive: queue.defaultMessageTimeToLive
    deadLetteringOnMessageExpiration: true
  }
}]

@batchSize(8)
resource forwarding 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' = [for queue in filter(queues, one => one.forwardDeadLetters): {
  parent: namespace
  name: queue.name
  properties: {
    lockDuration: queue.lockDuration
    maxDeliveryCount: queue.maxDeliveryCount
    requiresSession: queue.requiresSession
    requiresDuplicateDetection: true
    duplicateDetectionHistoryTimeWindow: queue.duplicateDetectionHistoryTimeWindow
    // Nobody keeps a guest's address waiting for longer: who is still on a queue then is parked.
    defaultMessageTimeToLive: queue.defaultMessageTimeToLive
    deadLetteringOnMessageExpiration: true
    forwardDeadLetteredMessagesTo: 'parked'
  }
  dependsOn: [
    parked
  ]
}]

resource intake 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' existing = {
  parent: namespace
  name: 'partner-requests'
}

resource requesterRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principal in requesters: {
  name: guid(intake.id, principal, dataSender)
  scope: intake
  properties: {
    roleDefinitionId: dataSender
    principalId: principal
    principalType: 'ServicePrincipal'
  }
  dependsOn: [
    forwarding
  ]
}]

resource log 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: namespace
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
  }
}

output id string = namespace.id
output name string = namespace.name
