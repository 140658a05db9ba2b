"""The guests of our directory, a page at a time, with what the directory knows of their sign-ins.

https://learn.microsoft.com/graph/api/user-list, https://learn.microsoft.com/graph/api/resources/signinactivity
"""

from collections.abc import Collection, Mapping

from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph.graph_service_client import GraphServiceClient

from shared.nouns.json_text import Json
from shared.nouns.outcomes import WontWork
from shared.tenant import operations
from shared.tenant.answers import Answer
from shared.tenant.fields import entry, flag, instant, objects, text, texts
from shared.tenant.graph import Build, Graph
from shared.tenant.listed import GuestPage, Listed, SignInsOff
from shared.tenant.odata import guid

# With sign-ins, and without. https://learn.microsoft.com/graph/api/user-list (page sizes)
MOST_WITH_SIGN_INS, MOST = 500, 999
_FIELDS = (
    "id",
    "userType",
    "accountEnabled",
    "createdDateTime",
    "externalUserState",
    "creationType",
    "userPrincipalName",
    "mail",
    "otherMails",
)
_SIGN_INS = "signInActivity"
# Whoever is not a guest but was invited is a B2B member.
_FILTER = "userType eq 'Guest' or creationType eq 'Invitation'"
# What the rules know. Anything else is new in Microsoft 365, and may mean that what is known here means something else by now.
KNOWN_SIGN_INS = frozenset(
    {
        "lastSignInDateTime",
        "lastSignInRequestId",
        "lastNonInteractiveSignInDateTime",
        "lastNonInteractiveSignInRequestId",
        "lastSuccessfulSignInDateTime",
        "lastSuccessfulSignInRequestId",
    }
)
_KNOWN_VALUES: Mapping[str, frozenset[str]] = {
    "userType": frozenset({"Guest", "Member", ""}),
    "externalUserState": frozenset({"PendingAcceptance", "Accepted", ""}),
    "creationType": frozenset({"Invitation", "LocalAccount", "EmailVerified", "SelfServiceSignUp", ""}),
}
_NO_LICENCE = "Authentication_RequestFromNonPremiumTenantOrB2CTenant"
UsersQuery = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters


class GuestList:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def page(self, link: str = "", *, sign_ins: bool) -> GuestPage:
        """The first page, or the one that `link` leads to. At Microsoft Graph's lowest priority, so that people's own work goes first.

        Raises SignInsOff where `sign_ins` are wanted and the tenant has no Entra ID P1 or the app may not read them.
        """
        build = _listing(sign_ins=sign_ins)
        operation = operations.LIST_GUESTS_SIGN_INS if sign_ins else operations.LIST_GUESTS
        answer = await self._graph.page(operation, build, link, about="all of them", allow=(403,) if sign_ins else ())
        if answer.status == 403:
            raise SignInsOff(_off(answer))
        found = objects(answer.content(), "value")
        strange = {word for one in found for word in _strange(one)}
        return GuestPage(tuple(_listed(one) for one in found), text(answer.body, "@odata.nextLink"), frozenset(strange))

    async def one(self, user_id: str, *, sign_ins: bool) -> Listed | None:
        """The person as they are now, or None where the directory does not have them."""
        user = guid(user_id, "user id")
        select = ",".join((*_FIELDS, *([_SIGN_INS] if sign_ins else [])))

        def build(_: GraphServiceClient) -> RequestInformation:
            values = {"user": user, "%24select": select}
            information = RequestInformation(Method.GET, "{+baseurl}/users/{user}{?%24select}", {**values})
            information.headers.try_add("Accept", "application/json")
            return information

        operation = operations.READ_SIGN_INS if sign_ins else operations.READ_USER
        answer = await self._graph.ask(operation, build, about=f"user {user}", allow=(403, 404) if sign_ins else (404,))
        if answer.status == 403:
            raise SignInsOff(_off(answer))
        return None if answer.status == 404 else _listed(answer.content())


def _listing(*, sign_ins: bool) -> Build:
    select = [*_FIELDS, *([_SIGN_INS] if sign_ins else [])]
    query = UsersQuery(filter=_FILTER, select=select, top=MOST_WITH_SIGN_INS if sign_ins else MOST)
    configuration = RequestConfiguration(query_parameters=query)
    # https://learn.microsoft.com/graph/throttling (x-ms-throttle-priority)
    configuration.headers.add("x-ms-throttle-priority", "Low")
    return lambda client: client.users.to_get_request_information(configuration)


def _off(answer: Answer) -> str:
    if answer.code == _NO_LICENCE:
        return "the tenant has no Entra ID P1, so there is no sign-in data: the rule not_signed_in is off"
    error = answer.error()
    said = error.reason if isinstance(error, WontWork) else answer.code
    return f"sign-in data cannot be read, so the rule not_signed_in is off: {said}"


def _listed(body: dict[str, Json]) -> Listed:
    activity = entry(body, _SIGN_INS)
    name = text(body, "userPrincipalName").lower()
    return Listed(
        id=guid(text(body, "id"), "id of the user in the answer"),
        user_type=text(body, "userType"),
        enabled=flag(body, "accountEnabled"),
        created=instant(body, "createdDateTime"),
        redemption=text(body, "externalUserState"),
        invited=text(body, "creationType").lower() == "invitation",
        domains=_domains(text(body, "mail"), texts(body, "otherMails"), name),
        interactive=instant(activity, "lastSignInDateTime"),
        background=instant(activity, "lastNonInteractiveSignInDateTime"),
        successful=instant(activity, "lastSuccessfulSignInDateTime"),
    )


def _domains(mail: str, others: Collection[str], name: str) -> tuple[str, ...]:
    head, mark, _ = name.partition("#ext#")
    candidates = [one for one in (mail, *others) if one] or ([f"@{head.rpartition('_')[2]}"] if mark else [])
    return tuple(dict.fromkeys(one.rpartition("@")[2].strip().lower() for one in candidates if "@" in one))


def _strange(body: dict[str, Json]) -> list[str]:
    activity = entry(body, _SIGN_INS)
    keys = set(activity) - KNOWN_SIGN_INS if isinstance(activity, dict) else set()
    found = [f"{_SIGN_INS}.{key}" for key in keys if not key.startswith("@")]
    if activity is not None and not isinstance(activity, dict):
        found.append(f"{_SIGN_INS} that is no object")
    return found + [f"{name} {text(body, name)}"[:100] for name, known in _KNOWN_VALUES.items() if text(body, name) not in known]
