"""Objects of a seed: users, groups, contacts and organization relationships. Those whose id is there already are changed."""

from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.exchange.organization_relationship import add_relationship
from devstack.tenant.graph.groups import new_group
from devstack.tenant.graph.guests import guest_record
from devstack.tenant.tenant import SimulatedTenant


def plant_users(tenant: SimulatedTenant, given: list[Record]) -> None:
    """The users are there, with their sponsors and managers."""
    planted = [(_user(tenant, item), item) for item in given]
    for entry, item in planted:
        for name in item.get("sponsors", []):
            tenant.relations.add("sponsors", entry.id, find(tenant, name).id, replicated=True)
        if item.get("manager"):
            tenant.relations.add("manager", entry.id, find(tenant, item["manager"]).id, replicated=True)


def _user(tenant: SimulatedTenant, item: Record) -> Entry:
    values = {name: value for name, value in item.items() if name not in ("sponsors", "manager")}
    mail = item.get("mail") or (item.get("userPrincipalName", "") if "#" not in item.get("userPrincipalName", "") else "")
    if not mail:
        raise ValueError(f"a user of the seed needs a userPrincipalName or a mail; got {item!r}")
    identifier = item.get("id") or tenant.chance.identifier("seed-user", mail.lower())
    guest = item.get("userType") == "Guest" or mail.rpartition("@")[2].lower() not in tenant.domains
    record = guest_record(tenant, mail, item.get("displayName"), "Guest") if guest else _employee(mail)
    if item.get("externalUserState") == "Accepted":
        record["identities"] = [
            {"signInType": "federated", "issuer": "ExternalAzureAD", "issuerAssignedId": None},
            *record["identities"],
        ]
    return _put(tenant, "user", identifier, {"id": identifier, **record, **values})


def _employee(mail: str) -> Record:
    return {
        "accountEnabled": True,
        "createdDateTime": "2024-01-01T00:00:00Z",
        "displayName": mail.partition("@")[0],
        "identities": [{"signInType": "userPrincipalName", "issuer": mail.partition("@")[2], "issuerAssignedId": mail}],
        "mail": mail,
        "mailNickname": mail.partition("@")[0],
        "otherMails": [],
        "proxyAddresses": [f"SMTP:{mail}"],
        "usageLocation": "US",
        "userPrincipalName": mail,
        "userType": "Member",
    }


def _put(tenant: SimulatedTenant, kind: str, identifier: str, record: Record) -> Entry:
    existing = tenant.objects.entry(identifier, kind)
    if existing is not None:
        tenant.objects.change(existing, **record)
        return existing
    entry = tenant.objects.add(kind, identifier, record, replicated=True)
    if record.get("deletedDateTime"):
        tenant.deleted[entry.id] = None
    return entry


def plant_groups(tenant: SimulatedTenant, given: list[Record]) -> None:
    """The groups are there, with their members and owners."""
    planted = []
    for item in given:
        values = {name: value for name, value in item.items() if name not in ("members", "owners")}
        if not values.get("displayName") or not values.get("mailNickname"):
            raise ValueError(f"a group of the seed needs a displayName and a mailNickname; got {item!r}")
        values = {"mailEnabled": False, "securityEnabled": not values.get("mailEnabled", False), **values}
        identifier = values.get("id") or tenant.chance.identifier("seed-group", values["mailNickname"].lower())
        existing = tenant.objects.entry(identifier, "group")
        if existing is not None:
            tenant.objects.change(existing, **values)
        planted.append((existing or new_group(tenant, values, identifier, replicated=True), item))
    for entry, item in planted:
        for relation in ("members", "owners"):
            for name in item.get(relation, []):
                tenant.relations.add(relation, entry.id, find(tenant, name).id, replicated=True)


def find(tenant: SimulatedTenant, name: str) -> Entry:
    """The object that is not deleted, by id, user name, address or (groups) nickname; raises ValueError."""
    entry = tenant.live(name)
    if entry is not None:
        return entry
    for kind, properties in (
        ("user", ("userPrincipalName", "mail", "otherMails")),
        ("group", ("mailNickname", "displayName")),
        ("contact", ("mail",)),
    ):
        for prop in properties:
            for holder in tenant.objects.holders(kind, prop, name):
                if not holder.record.get("deletedDateTime"):
                    return holder
    raise ValueError(f"the tenant has no object '{name}': give an id, a user name, an address or a group's mailNickname")


def plant_contacts(tenant: SimulatedTenant, given: list[Record]) -> None:
    """The mail contacts are there."""
    for item in given:
        identifier = item.get("id") or tenant.chance.identifier("seed-contact", item["mail"].lower())
        nickname = item["mail"].partition("@")[0]
        _put(
            tenant,
            "contact",
            identifier,
            {"id": identifier, "mailNickname": nickname, "proxyAddresses": [f"SMTP:{item['mail']}"], **item},
        )


def plant_relationships(tenant: SimulatedTenant, given: list[Record]) -> None:
    """The organization relationships are there."""
    for item in given:
        existing = tenant.objects.holders("organizationRelationship", "Name", item["Name"])
        if existing:
            tenant.objects.change(existing[0], **item)
        else:
            add_relationship(tenant, item, replicated=True)
