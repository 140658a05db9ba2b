"""The loader of the step cases in `cases/*.json`: what a step is asked, what Microsoft 365 says, and what must follow.

A case names the `do` (wanted, read, explain, apply, undo, settled), the subject's fields where they differ from the usual, the
`turns` of the conversation in order, and what is expected. `$ana`, `$group` and so on stand for ids.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from shared.nouns.partner import Partner
from shared.nouns.person import Person
from shared.nouns.step import Entry, Intent, Subject
from tests.tenant_clients.scripted import Turn, exchange_refusal, refusal

IDS = {
    "$ana": "11111111-1111-4111-8111-111111111111",
    "$bea": "22222222-2222-4222-8222-222222222222",
    "$cai": "33333333-3333-4333-8333-333333333333",
    "$boss": "44444444-4444-4444-8444-444444444444",
    "$deputy": "55555555-5555-4555-8555-555555555555",
    "$group": "66666666-6666-4666-8666-666666666666",
    "$fabrikam": "77777777-7777-4777-8777-777777777777",
    "$other": "88888888-8888-4888-8888-888888888888",
}
PARTNER = Partner(IDS["$fabrikam"], "Fabrikam", ("fabrikam.com", "fabrikam.de"))
ADDRESS = "ana.o'neil+x@fabrikam.com"
GUEST = {
    "id": IDS["$ana"],
    "userType": "Guest",
    "accountEnabled": True,
    "userPrincipalName": "ana_fabrikam.com#EXT#@contoso.onmicrosoft.com",
    "creationType": "Invitation",
    "externalUserState": "PendingAcceptance",
    "createdDateTime": "2026-11-20T10:00:00Z",
    "sponsors": [],
}
DETAILS = {"redirectUrl": "https://myapps.microsoft.com", "sendMail": True, "message": "Welcome", "language": "en-US"}


@dataclass(frozen=True)
class Case:
    step: str
    name: str
    do: str
    given: dict[str, Any]

    @property
    def subject(self) -> Subject:
        of = self.given.get("subject", {})
        intents = tuple(
            Intent(datetime.fromisoformat(at), number, change, answered)
            for number, (at, change, answered) in enumerate(of.get("intents", ()), start=1)
        )
        usual = {} if self.step == "set-organization-relationship" else DETAILS
        return Subject(
            id="p-ana",
            partner=PARTNER,
            person=None if of.get("erased") else Person("p-ana", ADDRESS, "Ana O'Neil"),
            group=IDS["$group"],
            members=of.get("members", {}),
            details=usual | of.get("details", {}),
            ids=of.get("ids", {}),
            intents=intents,
            waited=of.get("waited", 0.0),
        )

    @property
    def entry(self) -> Entry:
        of = self.given["entry"]
        return Entry(plain(of.get("before", {})), plain(of.get("after", {})), of.get("ids", {}), of.get("created", False))

    @property
    def turns(self) -> list[Turn]:
        return [Turn(turn["ask"], _answer(turn), turn.get("body")) for turn in self.given.get("turns", ())]


def cases(folder: Path) -> Iterator[Case]:
    for path in sorted(folder.glob("*.json")):
        text = path.read_text(encoding="utf-8")
        for mark, found in IDS.items():
            text = text.replace(mark, found)
        for name, given in json.loads(text).items():
            # The others are lived through (tests/steps/lives.py).
            if "do" in given:
                yield Case(path.stem, name, given["do"], given)


def plain(state: dict[str, Any]) -> dict[str, Any]:
    """A state from JSON: its lists are tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in state.items()}


def _answer(turn: dict[str, Any]) -> httpx.Response | Exception:
    if "broken" in turn:
        return {"read": httpx.ReadTimeout("slow"), "connect": httpx.ConnectError("down")}[turn["broken"]]
    return _response(turn)


def _response(turn: dict[str, Any]) -> httpx.Response:
    match turn:
        case {"refused": [int(status), str(code), str(message)]}:
            return refusal(status, code, message, turn.get("headers"))
        case {"failed": [str(exception), str(said)]}:
            return exchange_refusal(exception, said)
        case {"status": int(status)}:
            return httpx.Response(status, json=turn.get("json"), headers=turn.get("headers"))
    return httpx.Response(200, json=_content(turn))


def _content(turn: dict[str, Any]) -> dict[str, Any]:
    match turn:
        case {"users": list(users)}:
            return {"value": [GUEST | user for user in users]}
        case {"user": dict(user)}:
            return GUEST | user
        case {"among": dict(among)}:
            return {"responses": [_item(user, groups) for user, groups in among.items()]}
        case {"relationships": list(found)}:
            return {"value": found, "@adminapi.warnings": []}
    raise AssertionError(f"no answer in {turn}")


def _item(user: str, groups: list[str] | int) -> dict[str, Any]:
    if isinstance(groups, int):
        return {"id": user, "status": groups, "body": {"error": {"code": "Some", "message": "of this item"}}}
    return {"id": user, "status": 200, "headers": {"OData-Version": "4.0"}, "body": {"value": groups}}
