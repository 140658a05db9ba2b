"""What an identity has been granted in the directory, against what it needs: asked of Microsoft Graph, decided here."""

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from cli.errors import BadInput, OutOfReach
from shared.nouns.grants import same_kind
from shared.nouns.request import GUID

# https://learn.microsoft.com/graph/permissions-reference and the application ids of Microsoft's services.
GRAPH, EXCHANGE, SHAREPOINT = (
    "00000003-0000-0000-c000-000000000000",
    "00000002-0000-0ff1-ce00-000000000000",
    "00000003-0000-0ff1-ce00-000000000000",
)
NAMES = {GRAPH: "Microsoft Graph", EXCHANGE: "Office 365 Exchange Online", SHAREPOINT: "SharePoint"}


@dataclass(frozen=True)
class Service:
    """A service's principal in the directory, with its application permissions: value -> id."""

    id: str
    roles: Mapping[str, str]


@dataclass(frozen=True)
class Held:
    """An application permission that the identity has. `value` is empty where the service is none of ours."""

    assignment: str
    resource: str
    service: str
    value: str


@dataclass(frozen=True)
class Compared:
    """By service (application id): what is needed and not there, and what is there and not needed."""

    missing: tuple[tuple[str, str], ...]
    superfluous: tuple[Held, ...]


def compared(needed: Mapping[str, Iterable[str]], held: Iterable[Held]) -> Compared:
    """What to grant, and what nothing here needs. Pure."""
    there = tuple(held)
    wanted = {(service, value) for service, values in needed.items() for value in values}
    have = {service: {one.value for one in there if one.service == service} for service in needed}
    # One for other things that allows this too allows much else: the narrow one is granted, and the other is superfluous.
    missing = sorted((service, value) for service, value in wanted if have[service].isdisjoint(same_kind(value)))
    stands = {(service, more) for service, value in wanted if value not in have[service] for more in same_kind(value)}
    return Compared(tuple(missing), tuple(one for one in there if (one.service, one.value) not in wanted | stands))


def token_of_az(resource: str = "https://graph.microsoft.com") -> str:
    """A token for Microsoft Graph of whoever is signed in with `az login`. Raises OutOfReach where nobody is."""
    program = shutil.which("az")
    if program is None:
        raise OutOfReach("The Azure CLI (az) was not found: install it and sign in (az login), or set ENTENTE_GRAPH_TOKEN.")
    command = [program, "account", "get-access-token", "--resource", resource, "--query", "accessToken", "--output", "tsv"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    if said.returncode or not said.stdout.strip():
        raise OutOfReach(f"The Azure CLI gave no token: {said.stderr.strip() or 'no reason was given'}. Sign in with az login.")
    return said.stdout.strip()


class Directory:
    """Service principals and their permissions, over Microsoft Graph. Raises BadInput for what Graph refuses, OutOfReach where it is silent."""

    def __init__(self, url: str, token: str) -> None:
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=True)

    def principal(self, named: str) -> dict[str, Any]:
        """The identity with this object id, or this client id."""
        if not GUID.match(named):
            raise BadInput(f"{named} is no id. Give the principalId or clientId of the output `apps` of the deployment.")
        found = self._found(f"appId eq '{named}'") or self._get(f"/servicePrincipals/{named}", absent=True)
        if not found:
            raise BadInput(f"The directory has no service principal with id {named}. Is az signed in to the right tenant?")
        return found

    def services(self, needed: Iterable[str]) -> dict[str, Service]:
        """The services that permissions are granted on, as far as this tenant has them; ids are looked up, never assumed.

        Raises BadInput where a needed one is missing.
        """
        wanted = set(needed)
        there = {app: self._found(f"appId eq '{app}'") for app in NAMES}
        if lacking := [NAMES[app] for app in NAMES if app in wanted and not there[app]]:
            raise BadInput(f"{', '.join(lacking)} has no service principal in this tenant: it is not in use here.")
        return {app: _service(found) for app, found in there.items() if found}

    def held(self, principal: str, services: Mapping[str, Service]) -> list[Held]:
        """Every permission that the identity has, whichever service it is on."""
        by_id = {service.id: (app, {role: value for value, role in service.roles.items()}) for app, service in services.items()}
        found, link = [], f"/servicePrincipals/{principal}/appRoleAssignments"
        while link:
            page = self._get(link)
            for one in page["value"]:
                app, values = by_id.get(one["resourceId"], (one["resourceDisplayName"], {}))
                found.append(Held(one["id"], one["resourceId"], app, values.get(one["appRoleId"], "")))
            link = page.get("@odata.nextLink", "")
        return found

    def grant(self, principal: str, service: Service, value: str) -> None:
        """The identity has the permission. Raises BadInput where the service has none of that name."""
        if value not in service.roles:
            raise BadInput(f"There is no application permission {value} in this tenant's directory.")
        body = {"principalId": principal, "resourceId": service.id, "appRoleId": service.roles[value]}
        answer = self._sent("POST", f"/servicePrincipals/{service.id}/appRoleAssignedTo", json=body)
        # Somebody, or an answer that got lost, was first.
        if answer.status_code == 400 and "already exists" in answer.text:
            return
        self._good(answer)

    def revoke(self, one: Held) -> None:
        """The identity does not have the permission any more."""
        answer = self._sent("DELETE", f"/servicePrincipals/{one.resource}/appRoleAssignedTo/{one.assignment}")
        if answer.status_code != 404:
            self._good(answer)

    def close(self) -> None:
        self._http.close()

    def _found(self, condition: str) -> dict[str, Any]:
        found = self._get("/servicePrincipals", params={"$filter": condition})["value"]
        return dict(found[0]) if found else {}

    def _get(self, path: str, *, absent: bool = False, **options: Any) -> dict[str, Any]:
        answer = self._sent("GET", path, **options)
        if absent and answer.status_code == 404:
            return {}
        return dict(self._good(answer).json())

    def _sent(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise OutOfReach(f"Microsoft Graph did not answer ({type(error).__name__}).") from error

    def _good(self, answer: httpx.Response) -> httpx.Response:
        if answer.status_code in {401, 403}:
            raise BadInput(
                "Microsoft Graph refused: whoever grants needs Application.Read.All and AppRoleAssignment.ReadWrite.All, as Privileged Role "
                "Administrators have them."
            )
        if not answer.is_success:
            raise BadInput(f"Microsoft Graph answered {answer.status_code}: {answer.text[:300]}")
        return answer


def _service(found: Mapping[str, Any]) -> Service:
    roles = {
        str(role["value"]): str(role["id"]) for role in found.get("appRoles", ()) if "Application" in role["allowedMemberTypes"]
    }
    return Service(str(found["id"]), roles)
