# Settings of your tenant for working with another organization. Nothing is changed without your yes; -WhatIf shows everything.
#Requires -Version 7.2
[CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
param()
Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
$script:asked = $PSCmdlet
$script:policy = 'https://graph.microsoft.com/v1.0/policies/crossTenantAccessPolicy/partners'

function Assert-Tenant([string] $Expected, [string] $Actual) {
    if ($Actual -ne $Expected) { throw "You are signed in to tenant $Actual; this script is for tenant $Expected." }
}

function Get-OrNothing([string] $Uri) {
    $answer = Invoke-MgGraphRequest -Method GET -Uri $Uri -SkipHttpErrorCheck -StatusCodeVariable status
    if ($status -eq 404) { return $null }
    if ($status -ne 200) { throw "Reading $Uri failed with status $status." }
    return $answer
}

function Set-PartnerAccess([string] $Tenant, [string] $Blocks) {
    $there = Get-OrNothing "$($script:policy)/$Tenant"
    if ($there) { Write-Host "There now: $($there | ConvertTo-Json -Depth 8 -Compress)" }
    if (-not $script:asked.ShouldProcess("organization $Tenant", "set, as whole blocks, $Blocks")) { return }
    if (-not $there) {
        Invoke-MgGraphRequest -Method POST -Uri $script:policy -Body (@{ tenantId = $Tenant } | ConvertTo-Json) | Out-Null
    }
    Invoke-MgGraphRequest -Method PATCH -Uri "$($script:policy)/$Tenant" -Body $Blocks | Out-Null
}

function Set-Capability([string] $Tenant, [string] $Name) {
    $uri = "$($script:policy)/$Tenant/m365Capabilities"
    $access = @{ isAllowed = $true; resourceScopes = @{ included = @(@{ resourceId = 'All'; resourceType = 'user' }); excluded = @() } }
    $body = @{ '@odata.type' = "#microsoft.graph.$Name"; inboundAccess = $access } | ConvertTo-Json -Depth 8
    $there = Get-OrNothing "$uri/$Name"
    if ($there) { Write-Host "There now: $($there | ConvertTo-Json -Depth 8 -Compress)" }
    if (-not $script:asked.ShouldProcess("organization $Tenant", "allow $Name of all your people")) { return }
    if ($there) { Invoke-MgGraphRequest -Method PATCH -Uri "$uri/$Name" -Body $body | Out-Null }
    else { Invoke-MgGraphRequest -Method POST -Uri $uri -Body $body | Out-Null }
}

function Add-Relationship([string] $Name, [string[]] $Domains, [hashtable] $Values) {
    $there = Get-OrganizationRelationship | Where-Object { $_.DomainNames | Where-Object { "$_" -in $Domains } } | Select-Object -First 1
    if ($there) {
        Write-Host "There now: $($there.Name), for $($there.DomainNames -join ', ')"
        $all = @(@($there.DomainNames | ForEach-Object { "$_" }) + $Domains | Select-Object -Unique)
        if ($script:asked.ShouldProcess($there.Name, "set $($Values.Keys -join ', '), domains $($all -join ', ')")) {
            Set-OrganizationRelationship -Identity $there.Identity -DomainNames $all @Values
        }
    }
    elseif ($script:asked.ShouldProcess($Name, "make an organization relationship for $($Domains -join ', ')")) {
        New-OrganizationRelationship -Name $Name -DomainNames $Domains -Enabled $true @Values | Out-Null
    }
}

function Add-SharingEntries([string[]] $Entries) {
    $policy = Get-SharingPolicy | Where-Object Default
    $missing = @($Entries | Where-Object { $_.Split(':')[0] -notin @($policy.Domains | ForEach-Object { "$_".Split(':')[0] }) })
    if ($missing -and $script:asked.ShouldProcess("$($policy.Name)", "add $($missing -join '; ')")) {
        Set-SharingPolicy -Identity $policy.Identity -Domains @{ Add = $missing }
    }
}

function Add-Outbound([string] $Name, [string[]] $Domains) {
    if (Get-OutboundConnector | Where-Object Name -EQ $Name) { Write-Host "$Name is there already."; return }
    if ($script:asked.ShouldProcess($Name, "make a disabled outbound connector by TLS for $($Domains -join ', ')")) {
        New-OutboundConnector -Name $Name -ConnectorType Partner -RecipientDomains $Domains -UseMXRecord $true `
            -TlsSettings CertificateValidation -Enabled $false | Out-Null
    }
}

function Add-Inbound([string] $Name, [string[]] $Domains) {
    if (Get-InboundConnector | Where-Object Name -EQ $Name) { Write-Host "$Name is there already."; return }
    if ($script:asked.ShouldProcess($Name, "make a disabled inbound connector that asks $($Domains -join ', ') for TLS")) {
        New-InboundConnector -Name $Name -ConnectorType Partner -SenderDomains $Domains -RequireTls $true -Enabled $false | Out-Null
    }
}

function Add-FederatedDomains([string[]] $Domains) {
    $now = Get-CsTenantFederationConfiguration
    if (-not $now.AllowFederatedUsers) { Write-Warning 'External access is off for everybody: that is yours to decide.'; return }
    $blocked = @($now.BlockedDomains | ForEach-Object { "$($_.Domain)" } | Where-Object { $_ -in $Domains })
    if ($blocked) { Write-Warning "Blocked by you: $($blocked -join ', '). That is yours to decide."; return }
    $listed = $now.AllowedDomains.PSObject.Properties['AllowedDomain']
    if (-not $listed) { Write-Host 'Every domain is allowed already.'; return }
    $there = @($listed.Value | ForEach-Object { "$($_.Domain)" })
    $missing = [System.Collections.Generic.List[string]] @($Domains | Where-Object { $_ -notin $there })
    if ($missing.Count -and $script:asked.ShouldProcess('Teams external access', "allow $($missing -join ', ')")) {
        Set-CsTenantFederationConfiguration -AllowedDomainsAsAList @{ Add = $missing }
    }
}

function Add-SharingDomains([string[]] $Domains) {
    $now = Get-SPOTenant
    $blocked = @("$($now.SharingBlockedDomainList)".Split(' ') | Where-Object { $_ -in $Domains })
    if ("$($now.SharingDomainRestrictionMode)" -eq 'BlockList' -and $blocked) { Write-Warning "Blocked by you: $($blocked -join ', ')."; return }
    if ("$($now.SharingDomainRestrictionMode)" -ne 'AllowList') { Write-Host 'No list of allowed domains is in force.'; return }
    $there = @("$($now.SharingAllowedDomainList)".Split(' ', [StringSplitOptions]::RemoveEmptyEntries))
    $missing = @($Domains | Where-Object { $_ -notin $there })
    if ($missing -and $script:asked.ShouldProcess('SharePoint', "allow $($missing -join ', ')")) {
        Set-SPOTenant -SharingAllowedDomainList (($there + $missing) -join ' ')
    }
}
