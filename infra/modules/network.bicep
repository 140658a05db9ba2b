// A network for the apps and for the private endpoints of what they use.
param prefix string
param location string
param tags object
param networkPrefix string
param appNames array
param targets array

var blobZoneName = 'privatelink.blob.${environment().suffixes.storage}'

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: 'vnet-${prefix}'
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [
        networkPrefix
      ]
    }
    // One for the endpoints, then one for each app: an app of this plan has its subnet to itself.
    subnets: concat([
      {
        name: 'endpoints'
        properties: {
          addressPrefix: cidrSubnet(networkPrefix, 26, 0)
          privateEndpointNetworkPolicies: 'Disabled'
        }
      }
    ], map(range(0, length(appNames)), i => {
      name: 'app-${appNames[i]}'
      properties: {
        addressPrefix: cidrSubnet(networkPrefix, 26, i + 1)
        delegations: [
          {
            name: 'functions'
            properties: {
              serviceName: 'Microsoft.App/environments'
            }
          }
        ]
      }
    }))
  }
}

resource zones 'Microsoft.Network/privateDnsZones@2020-06-01' = [for target in targets: {
  name: target.zone
  location: 'global'
  tags: tags
}]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2020-06-01' = [for (target, i) in targets: {
  parent: zones[i]
  name: prefix
  location: 'global'
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: network.id
    }
  }
}]

resource blobZone 'Microsoft.Network/privateDnsZones@2020-06-01' = {
  name: blobZoneName
  location: 'global'
  tags: tags
}

resource blobLink 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2020-06-01' = {
  parent: blobZone
  name: prefix
  location: 'global'
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: network.id
    }
  }
}

module endpoints 'endpoint.bicep' = [for (target, i) in targets: {
  name: 'endpoint-${target.name}'
  params: {
    name: 'pe-${prefix}-${target.name}'
    location: location
    tags: tags
    subnetId: '${network.id}/subnets/endpoints'
    targetId: target.id
    part: target.part
    zoneId: zones[i].id
  }
}]

output endpointSubnet string = '${network.id}/subnets/endpoints'
output appSubnets array = map(appNames, one => '${network.id}/subnets/app-${one}')
output blobZone string = blobZone.id
