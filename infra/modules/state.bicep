// The tables: all that Entente knows. And the heads of the journals' seals, each tenant's in a container whose blobs cannot be changed.
param accountName string
param location string
param tags object
param tables array
param sealContainers array
param redundancy string
param isolated bool
param workspaceId string
param sealDays int
param sealsLocked bool

resource account 'Microsoft.Storage/storageAccounts@2025-08-01' = {
  name: accountName
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: redundancy
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

resource service 'Microsoft.Storage/storageAccounts/tableServices@2025-08-01' = {
  parent: account
  name: 'default'
}

resource table 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-08-01' = [for one in tables: {
  parent: service
  name: one
}]

// Who writes past the app stands in the log: the journal's seals tell that something was changed, this tells by whom.
resource log 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: service
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'StorageWrite'
        enabled: true
      }
      {
        category: 'StorageDelete'
        enabled: true
      }
    ]
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-08-01' = {
  parent: account
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

resource seals 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-08-01' = [for one in sealContainers: {
  parent: blobs
  name: one
  properties: {
    publicAccess: 'None'
  }
}]

// A template can make it unlocked only. Once somebody has locked it, writing it again would be refused: it is then left out.
resource unchanging 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2025-08-01' = [for (one, i) in (sealsLocked ? [] : sealContainers): {
  parent: seals[i]
  name: 'default'
  properties: {
    immutabilityPeriodSinceCreationInDays: sealDays
    allowProtectedAppendWrites: false
  }
}]

// Each head is written once; anything else that writes or deletes here is somebody.
resource blobLog 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: blobs
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'StorageWrite'
        enabled: true
      }
      {
        category: 'StorageDelete'
        enabled: true
      }
    ]
  }
}

output id string = account.id
output name string = account.name
output endpoint string = 'https://${account.name}.table.${environment().suffixes.storage}'
output blobs string = 'https://${account.name}.blob.${environment().suffixes.storage}/'
