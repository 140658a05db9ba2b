"""The truth about the tenant, without replication delay."""

from typing import Any

from devstack.tenant.directory.objects import Entry
from devstack.tenant.graph.app_roles import assignments
from devstack.tenant.tenant import SimulatedTenant


def state(tenant: SimulatedTenant) -> dict[str, Any]:
    """Everything in the tenant that steps read or change."""
    objects, relations = tenant.objects, tenant.relations

    def user(entry: Entry) -> dict[str, Any]:
        groups = [group for group in relations.sources("members", entry.id) if tenant.live(group)]
        return {**entry.record, "sponsors": list(relations.targets("sponsors", entry.id)), "memberOf": groups}

    def group(entry: Entry) -> dict[str, Any]:
        return {
            **entry.record,
            "members": list(relations.targets("members", entry.id)),
            "owners": list(relations.targets("owners", entry.id)),
        }

    users = [user(entry) for entry in objects.all("user")]
    groups = [group(entry) for entry in objects.all("group")]
    return {
        "tenantId": tenant.tenant_id,
        "time": tenant.moment(),
        "organization": tenant.organization,
        "domains": list(tenant.domains.values()),
        "users": [item for item in users if not item.get("deletedDateTime")],
        "groups": [item for item in groups if not item.get("deletedDateTime")],
        "deletedItems": [item for item in (*users, *groups) if item.get("deletedDateTime")],
        "contacts": [entry.record for entry in objects.all("contact")],
        "organizationRelationships": [entry.record for entry in objects.all("organizationRelationship")],
        "sharingPolicies": [entry.record for entry in objects.all("sharingPolicy")],
        "inboundConnectors": [entry.record for entry in objects.all("inboundConnector")],
        "outboundConnectors": [entry.record for entry in objects.all("outboundConnector")],
        "remoteDomains": [entry.record for entry in objects.all("remoteDomain")],
        "mailboxes": [entry.record for entry in objects.all("mailboxSettings")],
        "authorizationPolicy": tenant.authorization_policy,
        "crossTenantDefault": tenant.access_default,
        "crossTenantPartners": [entry.record for entry in objects.all("crossTenantPartner")],
        "m365Capabilities": [{"tenantId": entry.id.split(":")[1], **entry.record} for entry in objects.all("m365Capability")],
        "conditionalAccess": tenant.access_policies,
        "agreements": tenant.agreements,
        "servicePrincipals": tenant.service_principals,
        "appRoleAssignments": assignments(tenant),
        "signIns": tenant.sign_ins,
        "governance": tenant.governance,
        "allowedDomains": tenant.allowed_domains,
        "blockedDomains": tenant.blocked_domains,
        "blockedTenants": tenant.blocked_tenants,
        "tenants": tenant.partner_tenants,
        "groupSettings": [entry.record for entry in objects.all("groupSetting")],
        "sensitivityLabels": list(tenant.labels.values()),
        "teams": [entry.record for entry in objects.all("team")],
        "communities": [entry.record for entry in objects.all("community")],
        "engagementOperations": [entry.record for entry in objects.all("engagementOperation")],
        "subscribedSkus": tenant.skus,
        "outbox": tenant.outbox,
        "subscriptions": tenant.subscriptions.to_json(),
        "partnerTopics": [
            {"name": one.name, "activated": one.activated, "queue": one.queue}
            for one in tenant.post_office.topics.by_name.values()
        ],
        **tenant.workloads.to_json(),
    }
