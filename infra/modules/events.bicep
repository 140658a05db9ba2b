// Changes told by Event Grid: Microsoft Graph may make a partner topic here, and what it delivers may be sent to one queue.
param prefix string
param location string
param tags object
param busName string
param topic string
param active bool

var dataSender = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39')

// One in a resource group, always of this name. https://learn.microsoft.com/azure/event-grid/subscribe-to-partner-events
resource partners 'Microsoft.EventGrid/partnerConfigurations@2025-02-15' = {
  name: 'default'
  location: 'global'
  tags: tags
  properties: {
    partnerAuthorization: {
      authorizedPartnersList: [
        {
          partnerName: 'MicrosoftGraphAPI'
        }
      ]
    }
  }
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-${prefix}-events'
  location: location
  tags: tags
}

resource namespace 'Microsoft.ServiceBus/namespaces@2026-01-01' existing = {
  name: busName
}

resource queue 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' existing = {
  parent: namespace
  name: 'graph-notifications'
}

resource sends 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(queue.id, identity.id, dataSender)
  scope: queue
  properties: {
    roleDefinitionId: dataSender
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

// Graph makes it with the first subscription; a person activates it and gives it the identity.
resource made 'Microsoft.EventGrid/partnerTopics@2025-02-15' existing = {
  name: topic
}

resource delivery 'Microsoft.EventGrid/partnerTopics/eventSubscriptions@2025-02-15' = if (active) {
  parent: made
  name: 'entente'
  properties: {
    eventDeliverySchema: 'CloudEventSchemaV1_0'
    deliveryWithResourceIdentity: {
      identity: {
        type: 'UserAssigned'
        userAssignedIdentity: identity.id
      }
      destination: {
        endpointType: 'ServiceBusQueue'
        properties: {
          resourceId: queue.id
        }
      }
    }
    retryPolicy: {
      eventTimeToLiveInMinutes: 1440
      maxDeliveryAttempts: 30
    }
  }
  dependsOn: [
    sends
  ]
}

output identityId string = identity.id
