// One function app on Flex Consumption, with an identity and a storage account of its own: whoever may write the package may act as the app.
param name string
param prefix string
param location string
param tags object
param front bool
param storageName string
param subnetId string
param endpointSubnetId string
param blobZoneId string
param zoneRedundant bool
param alwaysReady int
param mostInstances int
param instanceMemory int
param tenantId string
param signInClientId string
param sponsorLinks bool
param vaultUri string
param secrets object
param workspaceId string
param insightsName string
param settings object

var isolated = !empty(subnetId)
var blobOwner = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b')
var connections = {
  AzureWebJobsStorage__accountName: storage.name
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.properties.clientId
  ServiceBus__credential: 'managedidentity'
  ServiceBus__clientId: identity.properties.clientId
  ENTENTE_IDENTITY_CLIENT_ID: identity.properties.clientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'
}
var passwordDoors = [
  'ftp'
  'scm'
]
var keys = toObject(items(secrets), one => one.key, one => '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/${one.value})')

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-${prefix}-${name}'
  location: location
  tags: tags
}

resource storage 'Microsoft.Storage/storageAccounts@2025-08-01' = {
  name: storageName
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS'
  }
  properties: {
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: isolated ? 'Disabled' : 'Enabled'
    networkAcls: {
      defaultAction: isolated ? 'Deny' : 'Allow'
      bypass: isolated ? 'None' : 'AzureServices'
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-08-01' = {
  parent: storage
  name: 'default'
  properties: {
    deleteRetentionPolicy: {
      enabled: true
      days: 14
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 14
    }
  }
}

resource packages 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-08-01' = {
  parent: blobs
  name: 'packages'
  properties: {
    publicAccess: 'None'
  }
}

// The Functions host keeps leases, timers and function keys in blobs, and the package is read from one.
resource hostRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storage.id, identity.id, blobOwner)
  scope: storage
  properties: {
    roleDefinitionId: blobOwner
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

module endpoint 'endpoint.bicep' = if (isolated) {
  name: 'endpoint-${name}'
  params: {
    name: 'pe-${prefix}-${name}'
    location: location
    tags: tags
    subnetId: endpointSubnetId
    targetId: storage.id
    part: 'blob'
    zoneId: blobZoneId
  }
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-${prefix}-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource site 'Microsoft.Web/sites@2025-03-01' = {
  name: 'func-${prefix}-${name}'
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.id}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identity.id
    virtualNetworkSubnetId: isolated ? subnetId : null
    // Without HTTP functions there is nothing to call; deployment goes over the same address, so it stays open there.
    publicNetworkAccess: 'Enabled'
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storage.properties.primaryEndpoints.blob}${packages.name}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        maximumInstanceCount: mostInstances
        instanceMemoryMB: instanceMemory
        alwaysReady: (front && (alwaysReady > 0)) ? [
          {
            name: 'http'
            instanceCount: alwaysReady
          }
        ] : []
      }
    }
    // Flex Consumption refuses most of what other plans take here, FTP and content shares among it.
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      appSettings: map(items(union(connections, keys, settings)), setting => {
        name: setting.key
        value: setting.value
      })
    }
  }
  dependsOn: [
    hostRole
  ]
}

// Deployment with a user name and password is off; what is left is Entra.
resource passwords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = [for one in passwordDoors: {
  parent: site
  name: one
  properties: {
    allow: false
  }
}]

// Microsoft Graph cannot sign in: it proves itself by the client state of its notifications.
resource signIn 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: site
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: front && !empty(signInClientId)
    }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'Return401'
      excludedPaths: concat([
        '/api/tenant-changes'
        '/api/tenant-changes/lifecycle'
      ], sponsorLinks ? [
        '/api/guest-link'
      ] : [])
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenantId}/v2.0'
          clientId: signInClientId
        }
        validation: {
          allowedAudiences: [
            signInClientId
            'api://${signInClientId}'
          ]
        }
      }
    }
    httpSettings: {
      requireHttps: true
    }
  }
}

resource log 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: site
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'AppServiceAuthenticationLogs'
        enabled: true
      }
    ]
  }
}

output name string = site.name
output url string = 'https://${site.properties.defaultHostName}'
output clientId string = identity.properties.clientId
output principalId string = identity.properties.principalId
