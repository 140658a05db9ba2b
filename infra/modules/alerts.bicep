// What wakes somebody. The log queries stand in alerts.json, by the names of the app's own log lines.
param prefix string
param location string
param tags object
param workspaceId string
param actionGroupId string
param busId string

var queries = loadJsonContent('../alerts.json')

resource query 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for one in queries: {
  name: 'alert-${prefix}-${one.name}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: one.title
    description: one.todo
    severity: one.severity
    enabled: true
    scopes: [
      workspaceId
    ]
    evaluationFrequency: one.every
    windowSize: one.window
    autoMitigate: true
    // The tables of Application Insights come into being with their first line.
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: one.query
          timeAggregation: 'Count'
          operator: one.operator
          threshold: one.threshold
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: [
        actionGroupId
      ]
    }
  }
}]

// Dead letters go on to `parked`, whose function stops their task. One that stays somewhere was not even taken from there.
resource deadLetters 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'alert-${prefix}-dead-letters'
  location: 'global'
  tags: tags
  properties: {
    description: 'A dead letter stays on a queue: see `entente parked list` and the log of park-dead-letter.'
    severity: 1
    enabled: true
    scopes: [
      busId
    ]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: 'dead-letters'
          criterionType: 'StaticThresholdCriterion'
          metricNamespace: 'Microsoft.ServiceBus/namespaces'
          metricName: 'DeadletteredMessages'
          timeAggregation: 'Maximum'
          operator: 'GreaterThan'
          threshold: 0
          dimensions: [
            {
              name: 'EntityName'
              operator: 'Include'
              values: [
                '*'
              ]
            }
          ]
        }
      ]
    }
    actions: [
      {
        actionGroupId: actionGroupId
      }
    ]
  }
}
