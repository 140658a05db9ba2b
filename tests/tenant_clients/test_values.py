"""No value that comes from a request can say more than a value may, in a path, a filter, a body or a sentence."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from shared.nouns.redaction import without_secrets
from shared.steps import STEPS
from shared.tenant import Tenant, operations
from shared.tenant.found import Letter
from shared.tenant.odata import literal
from tests.tenant_clients.scripted import Script, Turn, scripted_tenant

USER = "11111111-1111-4111-8111-111111111111"
HOSTILE_IDS = ["", ".", "../groups", "me", f"{USER}/sponsors", f"{USER}?$select=id", f"{USER}%2f", f" {USER}", f"{USER}\n", "a'b"]

ASKED: dict[str, Callable[[Tenant, str], Awaitable[object]]] = {
    "by_id": lambda tenant, value: tenant.users.by_id(value),
    "deleted_by_id": lambda tenant, value: tenant.users.deleted_by_id(value),
    "restore": lambda tenant, value: tenant.users.restore(value),
    "delete": lambda tenant, value: tenant.users.delete(value),
    "add_sponsor to": lambda tenant, value: tenant.users.add_sponsor(value, USER),
    "add_sponsor": lambda tenant, value: tenant.users.add_sponsor(USER, value),
    "remove_sponsor": lambda tenant, value: tenant.users.remove_sponsor(USER, value),
    "read": lambda tenant, value: tenant.groups.read(value),
    "members_among": lambda tenant, value: tenant.groups.members_among(USER, [value]),
    "add_members": lambda tenant, value: tenant.groups.add_members(USER, [value]),
    "add_member": lambda tenant, value: tenant.groups.add_member(value, USER),
    "remove_member": lambda tenant, value: tenant.groups.remove_member(USER, value),
    "unified by_id": lambda tenant, value: tenant.unified_groups.by_id(value),
    "is_deleted": lambda tenant, value: tenant.unified_groups.is_deleted(value),
    "create owned by": lambda tenant, value: tenant.unified_groups.create({}, [value]),
    "change": lambda tenant, value: tenant.unified_groups.change(value, {}),
    "owners": lambda tenant, value: tenant.unified_groups.owners(value),
    "add_owner to": lambda tenant, value: tenant.unified_groups.add_owner(value, USER),
    "add_owner": lambda tenant, value: tenant.unified_groups.add_owner(USER, value),
    "remove_owner": lambda tenant, value: tenant.unified_groups.remove_owner(USER, value),
    "delete a group": lambda tenant, value: tenant.unified_groups.delete(value),
    "settings of_group": lambda tenant, value: tenant.group_settings.of_group(value),
    "settings create": lambda tenant, value: tenant.group_settings.create(value, {}),
    "settings change": lambda tenant, value: tenant.group_settings.change(USER, value, {}),
    "settings remove": lambda tenant, value: tenant.group_settings.remove(value, USER),
    "team of_group": lambda tenant, value: tenant.group_teams.of_group(value),
    "team enable": lambda tenant, value: tenant.group_teams.enable(value, {}),
    "team change": lambda tenant, value: tenant.group_teams.change(value, {}),
    "team archive": lambda tenant, value: tenant.group_teams.archive(value),
    "profile of_user": lambda tenant, value: tenant.profiles.of_user(value),
    "profile change": lambda tenant, value: tenant.profiles.change(value, {}),
    "community owned by": lambda tenant, value: tenant.communities.create({}, [value]),
    "invite": lambda tenant, value: tenant.invitations.invite("a@b.c", Letter("https://x", True, sponsors=(value,)), subject="p"),
}


@pytest.mark.parametrize("question", ASKED)
@pytest.mark.parametrize("value", HOSTILE_IDS)
async def test_only_guids_go_into_paths_and_references(question: str, value: str) -> None:
    tenant = scripted_tenant(Script([]))
    with pytest.raises(ValueError, match="GUID"):
        await ASKED[question](tenant, value)
    await tenant.close()


@pytest.mark.parametrize("value", ["", ".", "..", "../groups", "a/b", "a?b", "a%2fb", "a b", "a\n", "a'b", "x" * 513])
async def test_only_ids_go_into_paths_where_the_service_has_no_guids(value: str) -> None:
    tenant = scripted_tenant(Script([]))
    for ask in (tenant.communities.by_id, tenant.communities.creation, tenant.communities.delete):
        with pytest.raises(ValueError, match="as the service gave it"):
            await ask(value)
    await tenant.close()


HOSTILE_ADDRESSES = {
    "' or mail ne '": "%27%27%20or%20mail%20ne%20%27%27",
    "a+b@c.de": "a%2Bb%40c.de",
    "a#b@c.de": "a%23b%40c.de",
    "a&$top=1@c.de": "a%26%24top%3D1%40c.de",
    "o'neil@c.de": "o%27%27neil%40c.de",
    "a%27b@c.de": "a%2527b%40c.de",
    "é\n@c.de": "%C3%A9%0A%40c.de",
}


@pytest.mark.parametrize(("address", "encoded"), HOSTILE_ADDRESSES.items())
async def test_an_address_stays_one_literal_of_the_filter(address: str, encoded: str) -> None:
    script = Script([Turn("GET /users?", httpx.Response(200, json={"value": []}))])
    tenant = scripted_tenant(script)
    await tenant.users.find_by_address(address)
    await tenant.close()
    query = script.seen[0].url.query.decode()
    assert query.startswith(
        f"$filter=mail%20eq%20%27{encoded}%27%20or%20proxyAddresses%2Fany%28p%3Ap%20eq%20%27smtp%3A{encoded}%27%29"
    )
    assert [part.partition("=")[0] for part in query.split("&")] == ["$filter", "$select"]


async def test_a_domain_and_a_principal_name_stay_one_segment() -> None:
    script = Script([Turn("GET /tenantRelationships/", httpx.Response(404)), Turn("GET /users/", httpx.Response(404))])
    tenant = scripted_tenant(script)
    assert await tenant.organizations.of_domain("a')/x?y#z") is None
    assert await tenant.users.by_principal_name("../x@y#EXT#") is None
    assert await tenant.users.by_principal_name("me") is None
    await tenant.close()
    first, second = (str(request.url).removeprefix("https://graph.microsoft.com/v1.0/") for request in script.seen)
    assert first == "tenantRelationships/findTenantInformationByDomainName(domainName='a%27%27%29%2Fx%3Fy%23z')"
    assert second.startswith("users/..%2Fx%40y%23EXT%23?$select=")


async def test_a_relationship_is_never_set_or_removed_without_its_identity() -> None:
    tenant = scripted_tenant(Script([]))
    for identity in ("", "  "):
        with pytest.raises(ValueError, match="identity"):
            await tenant.exchange.remove_relationship(identity)
        with pytest.raises(ValueError, match="identity"):
            await tenant.exchange.set_relationship(identity, {})
    await tenant.close()


async def test_more_than_twenty_are_never_asked_about_or_added_at_once() -> None:
    many = [f"11111111-1111-4111-8111-{number:012}" for number in range(21)]
    tenant = scripted_tenant(Script([]))
    with pytest.raises(ValueError, match="20"):
        await tenant.groups.members_among(USER, many)
    with pytest.raises(ValueError, match="20"):
        await tenant.groups.add_members(USER, many)
    assert (await tenant.groups.members_among(USER, [])).members == frozenset()
    await tenant.close()


def test_a_literal_doubles_its_apostrophes() -> None:
    assert literal("o'neil''s") == "'o''neil''''s'"


SAID = {
    "User ana@fabrikam.com exists": "User <address> exists",
    "User 'o'neil@fabrikam.com', again": "User <address> again",
    "ana%40fabrikam.com": "<address>",
    "ana_fabrikam.com#EXT#@contoso.onmicrosoft.com": "<address>",
    "see https://login.microsoftonline.com/redeem?rd=x&email=ana@b.c now": "see <link> now",
    "token eyJ0eXAi.eyJhdWQi.c2ln was refused": "token <token> was refused",
    f"object {USER} is there": f"object {USER} is there",
    "one\r\ntwo": "one two",
    "x" * 500: "x" * 400 + " ...",
}


@pytest.mark.parametrize(("said", "passed_on"), SAID.items())
def test_what_vendors_say_is_passed_on_without_addresses_links_and_tokens(said: str, passed_on: str) -> None:
    assert without_secrets(said) == passed_on


def test_the_permissions_of_the_steps_are_those_of_operations() -> None:
    known = {permission for operation in operations.BY_NAME.values() for permission in operation.permissions}
    for step in STEPS:
        assert set(step.permissions) <= known
        # Teams and Fabric have no application permissions of Graph.
        assert step.permissions or step.exchange_roles or step.name in {"allow-federation", "add-to-workspace"}
