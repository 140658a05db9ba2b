"""The app's HTTP API in the operator's words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self
from urllib.parse import quote

import httpx

from cli import sign_in
from cli.connection import Connection
from cli.errors import BadInput, NotLetIn, OutOfReach
from shared.nouns.errors import Fault

PAGE = 1_000
# The first call to an app that has scaled to nothing waits for it to start.
_TIMEOUT = httpx.Timeout(60.0, connect=15.0)
# A block disables hundreds of accounts before it answers; App Service ends a request after 230 s.
EMERGENCY_SECONDS = 230.0


class Api:
    """One app, spoken to as `who` where it is on this machine, and about `tenant` where it is for several.

    Every method raises OutOfReach where it does not answer, NotLetIn where it does not let us in, BadInput where it says no.
    """

    def __init__(self, connection: Connection, who: str = "", tenant: str = "") -> None:
        headers = {"Accept": "application/json", "User-Agent": "entente"}
        if connection.key:
            headers["x-functions-key"] = connection.key
        if connection.token:
            headers["Authorization"] = f"Bearer {connection.token}"
        if tenant:
            headers["x-entente-tenant"] = tenant
        if who and connection.local:
            headers |= sign_in.header(who, tenant)
        self.local = connection.local
        self._url = connection.url
        # A proxy has no business between us and this machine.
        self._http = httpx.Client(base_url=f"{connection.url}/api/", headers=headers, timeout=_TIMEOUT, trust_env=not self.local)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def submit(self, parts: Sequence[str], *, plan: bool = False) -> dict[str, Any]:
        """Every part of a request is on the app's queue, to be carried out or only planned; the answer to the last one."""
        answer: dict[str, Any] = {}
        for sent, part in enumerate(parts):
            try:
                answer = self._call(
                    "POST",
                    "partner-requests",
                    content=part.encode(),
                    headers={"Content-Type": "application/json"},
                    params={"plan": "true"} if plan else {},
                )
            except OutOfReach as error:
                if not sent:
                    raise
                again = f"{sent} of {len(parts)} parts of the request were taken: submit it again, nothing is done twice."
                raise OutOfReach(f"{error} {again}") from error
        return answer | {"parts": len(parts)}

    def requests(self) -> list[dict[str, Any]]:
        """The newest requests, open ones first."""
        return list(self._call("GET", "partner-requests")["requests"])

    def mode(self) -> dict[str, Any]:
        """What becomes of requests now: `mode`, and by what it is only planned what its identity lacks."""
        try:
            answer = self._http.get("health")
        except httpx.HTTPError as error:
            raise OutOfReach(f"{self._url} does not answer ({type(error).__name__}: {error}).") from error
        # Whatever is degraded is told as well.
        body = _body(answer)
        found = body if isinstance(body, dict) else {}
        return {key: found[key] for key in ("mode", "reportOnly", "missingPermissions") if key in found}

    def page(self, name: str, *, top: int = PAGE, after: str = "") -> dict[str, Any] | None:
        """A request with a page of its tasks, `next` naming where to go on; None where the app does not know the id."""
        found: dict[str, Any] | None = self._call("GET", _path(name), params={"top": str(top), "after": after}, missing=None)
        return found

    def tasks(self, first: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """All tasks of the request whose first page is `first`, page by page."""
        page: Mapping[str, Any] | None = first
        while page is not None:
            yield from page.get("tasks", [])
            page = self.page(first["id"], after=page["next"]) if page.get("next") else None

    def control(self, name: str, verb: str) -> dict[str, Any]:
        """The request is cancelled, paused or resumed."""
        return dict(self._call("POST", f"{_path(name)}/{verb}"))

    def decide(self, name: str, decision: str, reason: str) -> dict[str, Any]:
        """The request is approved or rejected."""
        said = {"decision": decision} | ({"reason": reason} if reason else {})
        return dict(self._call("POST", f"{_path(name)}/decision", json=said))

    def block(self, partner: str, reason: str) -> dict[str, Any]:
        """The partner is shut out now."""
        path = f"partners/{quote(partner, safe='')}/block"
        return dict(self._call("POST", path, json={"reason": reason}, timeout=EMERGENCY_SECONDS))

    def release(self, partner: str, reason: str) -> dict[str, Any]:
        """The release of a blocked partner is asked for, or confirmed."""
        path = f"partners/{quote(partner, safe='')}/release"
        return dict(self._call("POST", path, json={"reason": reason}, timeout=EMERGENCY_SECONDS))

    def partners(self) -> list[dict[str, Any]]:
        """Every partner on record."""
        return list(self._call("GET", "partners")["partners"])

    def partner(self, name: str) -> dict[str, Any]:
        """One partner, by tenant id or domain."""
        return dict(self._call("GET", _partner(name)))

    def handoff(self, name: str, template: str, *, verify: bool) -> dict[str, Any]:
        """What the partner's own administrator has to set."""
        asked = {"template": template} if template else {}
        return dict(self._call("GET", f"{_partner(name)}/handoff", params=asked | ({"verify": "true"} if verify else {})))

    def migration(self, name: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The partner's way from an organization relationship to capabilities: looked at, or gone."""
        return dict(self._call("POST", f"{_partner(name)}/migration", json=dict(asked)))

    def sharing(self, name: str, sites: Sequence[str]) -> dict[str, Any]:
        """What is shared with the partner on these sites; without any, on those that requests have named."""
        return dict(self._call("POST", f"{_partner(name)}/sharing", json={"sites": list(sites)}))

    def drift(self, partner: str, *, everything: bool) -> list[dict[str, Any]]:
        """What others have changed, of one partner or of all."""
        asked = {"partner": partner} if partner else {}
        return list(self._call("GET", "drift", params=asked | ({"all": "true"} if everything else {}))["drift"])

    def settle_drift(self, name: str, decision: str) -> dict[str, Any]:
        """The change is accepted, or put back."""
        return dict(self._call("POST", f"drift/{quote(name, safe='')}", json={"decision": decision}))

    def cleanup_runs(self) -> list[dict[str, Any]]:
        """Clean-up runs, the newest first."""
        return list(self._call("GET", "cleanup-runs")["runs"])

    def plan_cleanup(self) -> dict[str, Any]:
        """A clean-up run that only reports is under way."""
        return dict(self._call("POST", "cleanup-runs"))

    def cleanup_run(self, name: str, *, after: str = "", move: str = "", kind: str = "") -> dict[str, Any]:
        """A clean-up run with a page of its guests, `next` naming where to go on."""
        asked = {"after": after, "move": move, "kind": kind}
        return dict(self._call("GET", f"cleanup-runs/{quote(name, safe='')}", params={k: v for k, v in asked.items() if v}))

    def decide_cleanup(self, name: str, verb: str, reason: str) -> dict[str, Any]:
        """The held run is released or rejected."""
        return dict(self._call("POST", f"cleanup-runs/{quote(name, safe='')}/{verb}", json={"reason": reason}))

    def guests(self, wanted: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """All guests that are wanted, page by page."""
        after: str | None = ""
        while after is not None:
            page = self._call("GET", "guests", params={**wanted, "after": after})
            yield from page["guests"]
            after = page["next"]

    def members(self, partner: str) -> tuple[list[dict[str, Any]], str | None]:
        """All B2B members, and when the directory was read for that; None where it was not yet."""
        found: list[dict[str, Any]] = []
        page: dict[str, Any] = {"next": ""}
        while page["next"] is not None:
            page = self._call("GET", "guests", params={"kind": "member", "partner": partner, "after": page["next"]})
            found += page["members"]
        return found, page["read"]

    def guest(self, verb: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The guest is shown, or what was decided about them is done."""
        return dict(self._call("POST", f"guests/{verb}", json={key: value for key, value in asked.items() if value != ""}))

    def export_subject(self, person: str) -> dict[str, Any]:
        """Everything on record about the person."""
        return dict(self._call("POST", "guests/export-subject", json={"person": person}))

    def forget(self, person: str, reason: str, *, force: bool) -> dict[str, Any]:
        """Nothing on record says who the person is."""
        return dict(self._call("POST", "guests/forget", json={"person": person, "reason": reason, "force": force}))

    def exemptions(self) -> list[dict[str, Any]]:
        """Every exemption, the next to end first."""
        return list(self._call("GET", "exemptions")["exemptions"])

    def health(self) -> dict[str, Any]:
        """Whether the app can do its work. It says 503 where it cannot, and why."""
        return dict(self._call("GET", "health", also=503))

    def parked(self) -> list[dict[str, Any]]:
        """Everything that waits for a person, longest first."""
        return list(self._call("GET", "parked")["parked"])

    def redrive(self, item: str) -> dict[str, Any]:
        """The parked thing is tried again."""
        return dict(self._call("POST", "parked/redrive", json={"id": item}))

    def why(self, address: str) -> dict[str, Any]:
        """A person's story."""
        return dict(self._call("POST", "why", json={"address": address}))

    def journal(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """The journal of a partner or a person."""
        return dict(self._call("POST", "journal", json=dict(question)))

    def rebuild(self, pack: Mapping[str, Any], *, apply: bool) -> dict[str, Any]:
        """What of a piece of an audit pack is missing in the tables, and with `apply` is there now."""
        return dict(self._call("POST", "journal/rebuild", json={"pack": dict(pack), "apply": apply}, timeout=EMERGENCY_SECONDS))

    def _call(self, method: str, path: str, *, missing: Any = BadInput, also: int = 200, **more: Any) -> Any:
        """The body of a good answer; `also` is a status beside the good ones whose body is an answer."""
        try:
            answer = self._http.request(method, path, **more)
        except httpx.HTTPError as error:
            hint = " Is the local stack up? Start it with 'make up'." if self.local else ""
            raise OutOfReach(f"{self._url} does not answer ({type(error).__name__}: {error}).{hint}") from error
        body = _body(answer)
        said = str(body.get("error") or "").strip() if isinstance(body, dict) else ""
        if body is not None and (answer.is_success or (answer.status_code == also and not said)):
            return body
        if answer.status_code == 404 and missing is not BadInput and said:
            return missing
        raise self._refused(answer.status_code, said, body)

    def _refused(self, status: int, said: str, body: Any) -> OutOfReach | BadInput:
        if status == 401:
            return NotLetIn(
                f"{self._url} does not take this key or sign-in (401). An app in Azure wants both: check ENTENTE_KEY and ENTENTE_TOKEN."
            )
        if status == 403:
            return NotLetIn(f"{self._url} does not allow this: {said or 'no reason given'} (403).")
        if status in {400, 404, 409} and said:
            listed = body.get("faults") or []
            return BadInput(said, [Fault(str(each.get("field", "")), str(each.get("reason", ""))) for each in listed])
        what = said or "nothing that this command understands"
        return OutOfReach(
            f"{self._url} answers {status}: {what}. Check that ENTENTE_URL is an Entente app, or try again shortly."
        )


def _path(name: str) -> str:
    return f"partner-requests/{quote(name, safe='')}"


def _partner(name: str) -> str:
    return f"partners/{quote(name, safe='')}"


def _body(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None
