"""Random requests on random tenants with random faults, where others change random things: each ends, ends right, and when the partner
goes, the tenant is as it was, but for what others changed, which stays and is shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as Folder
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devstack.tenant.seed import plant
from devstack.tenant.server import RunningTenant
from tests.app.conftest import Stage
from tests.app.meddling import BY_NAME, FABRIKAM, THEIRS, Meddling, Path, leaves, unit
from tests.app.whole import FULL, picture, refusals, rows, sights, templates, unfinished
from tests.rig import Rig

# Always there, for others refer to it.
NEEDED = "create-group"
ADDRESS, DEE = "change-guest-address", "dee@fabrikam.co.uk"
OPTIONS = sorted({*FULL["steps"], ADDRESS} - {NEEDED})
GUESTS: list[dict[str, Any]] = [
    {"email": "ana@fabrikam.com", "name": "Ana", "groups": ["partner-readers", "project-apollo"]},
    {"email": "bo@fabrikam.co.uk", "name": "Bo"},
    {"email": "cy@fabrikam.com", "groups": []},
]
UNTRUSTED = {"isMfaAccepted": False, "isCompliantDeviceAccepted": False, "isHybridAzureADJoinedDeviceAccepted": False}
# What may have been in the tenant before, by others.
PRIOR: dict[str, dict[str, Any]] = {
    "guest": {"users": [{"mail": "ana@fabrikam.com", "userType": "Guest", "companyName": "before"}]},
    "accepted": {
        "users": [{"mail": "bo@fabrikam.co.uk", "userType": "Guest", "externalUserState": "Accepted", "department": "x"}]
    },
    "allow list": {
        "sharepoint": {"settings": {"sharingDomainRestrictionMode": "allowList", "sharingAllowedDomainList": ["northwind.com"]}}
    },
    "allowed already": {
        "sharepoint": {
            "settings": {
                "sharingDomainRestrictionMode": "allowList",
                "sharingAllowedDomainList": ["fabrikam.com", "northwind.com"],
            }
        }
    },
    "block list": {
        "sharepoint": {"settings": {"sharingDomainRestrictionMode": "blockList", "sharingBlockedDomainList": ["northwind.com"]}}
    },
    "federation list": {"teamsFederation": {"AllowedDomains": {"AllowedDomain": [{"Domain": "northwind.com"}]}}},
    "partner": {"crossTenantPartners": [{"tenantId": FABRIKAM, "inboundTrust": UNTRUSTED}]},
    "relationship": {
        "organizationRelationships": [{"Name": "Fabrikam", "DomainNames": ["fabrikam.com"], "FreeBusyAccessLevel": "None"}]
    },
    "sharing policy": {
        "sharingPolicies": [
            {"Name": "Default Sharing Policy", "Default": True, "Domains": ["fabrikam.com:CalendarSharingFreeBusySimple"]}
        ]
    },
    "remote domain": {"remoteDomains": [{"Name": "fabrikam.com", "DomainName": "fabrikam.com", "AutoForwardEnabled": True}]},
    # Whose address is to be changed, in requests that ask for it.
    "dee": {"users": [{"mail": DEE, "userType": "Guest", "externalUserState": "Accepted"}]},
    "group settings": {"groupSettings": {"AllowToAddGuests": "true"}},
}
EFFECTS: list[dict[str, Any]] = [
    {"effect": "status", "status": 503, "code": "serviceUnavailable"},
    {"effect": "status", "status": 429, "code": "tooManyRequests", "headers": {"Retry-After": "3"}},
    {"effect": "effect-then-status", "status": 504, "code": "gatewayTimeout"},
    {"effect": "lost"},
    {"effect": "effect-then-lost"},
    {"effect": "stale"},
]
faults = st.lists(
    st.builds(
        lambda effect, after, times, method: {
            **effect,
            "after": after,
            "times": times,
            "match": {"method": method} if method else {},
        },
        st.sampled_from(EFFECTS),
        st.integers(0, 60),
        st.integers(1, 3),
        st.sampled_from(["", "", "GET", "POST", "PATCH", "DELETE"]),
    ),
    max_size=3,
)
asked = st.sets(st.sampled_from(OPTIONS), max_size=8)
# When others do it: before the partner goes, or after so many messages of its going.
meddled = st.lists(
    st.tuples(st.sampled_from(sorted(BY_NAME)), st.none() | st.integers(0, 60)), max_size=3, unique_by=lambda one: one[0]
)
# Whoever has accepted once has to accept again where an address was changed, and keeps it as a proxy address: nobody can take that back.
ACCEPTED = {"externalUserState", "externalUserStateChangeDateTime", "identities", "proxyAddresses"}
# What a partner's configuration has that somebody else has put something into, and so stays.
BARE = {"tenantId", "isInMultiTenantOrganization"}


def request(name: str, options: set[str], guests: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """The example with these options and guests."""
    steps = {option: block for option, block in FULL["steps"].items() if option in options | {NEEDED}}
    if "set-guest-details" in options:
        # A person's name of before is kept nowhere, so that one stays.
        steps["set-guest-details"] = {"companyName": "Fabrikam", "department": "Apollo"}
    if "set-capabilities" in options:
        # What does not work without the other asks for it.
        steps["set-partner-configuration"] = FULL["steps"]["set-partner-configuration"]
    if ADDRESS in options:
        steps[ADDRESS] = {"dee": {"from": DEE, "to": "dee.new@fabrikam.com", "sendMail": False}}
    return {**FULL, "id": name, "template": "freely", "steps": steps, "guests": guests, **changes}


@dataclass
class Others:
    """What others have changed, and what the tenant was like before any of it. `theirs` has each value that they left by its path."""

    running: RunningTenant
    before: Mapping[Path, Any]
    done: list[tuple[Meddling, frozenset[Path]]] = field(default_factory=list)
    theirs: dict[Path, Any] = field(default_factory=dict)
    # The steps that have to say so: they would overwrite what others have set where it was ours.
    against: set[str] = field(default_factory=set)

    def do(self, name: str) -> None:
        meddling, was = BY_NAME[name], dict(leaves(picture(self.running)))
        if not meddling.deed(self.running.services.tenant):
            return
        now = dict(leaves(picture(self.running)))
        changed = frozenset(path for path in was | now if was.get(path) != now.get(path))
        self.done.append((meddling, changed))
        self.theirs |= {path: now.get(path) for path in changed}
        values = ((self.before.get(path), was.get(path), now.get(path)) for path in changed)
        if not meddling.goes and any(
            None not in {ours, new} and len({str(old), str(ours), str(new)}) == 3 for old, ours, new in values
        ):
            self.against.add(meddling.step)

    def wrong(self, stopped: Mapping[str, str]) -> list[str]:
        """Where the tenant is not as it has to be: as before, or as others left it. What stopped is left as a whole."""
        after = dict(leaves(picture(self.running)))
        there = {path[:2] for path in after}
        renamed = {path[:2] for path, value in self.before.items() if path[-1] == "mail" and value == DEE}
        loose = {self._thing(path) for one, paths in self.done if one.step in stopped for path in paths}
        loose |= _with_group(after, loose)
        hangs = {path for one, paths in self.done if one.goes for path in paths}
        lines = []
        for path in {*self.before, *after, *self.theirs}:
            wanted = self.theirs[path] if path in self.theirs else self.before.get(path)
            forgiven = (
                (path in hangs and path[:2] not in there)
                or (path[:2] in renamed and path[2] in ACCEPTED)
                or (path[0] == "crossTenantPartners" and path[2] in BARE)
                or (path not in self.theirs and self._thing(path) in loose)
            )
            if after.get(path) != wanted and not forgiven:
                lines.append(f"{'/'.join(path)}: {wanted} -> {after.get(path)}")
        return sorted(lines)

    def _thing(self, path: Path) -> Path:
        """What is taken back as a whole or not at all: a guest whom we invited, or one property of another."""
        ours = path[0] == "users" and not any(known[:2] == path[:2] for known in self.before)
        return path[:2] if ours else unit(path)


def _with_group(after: Mapping[Path, Any], loose: set[Path]) -> set[Path]:
    """A group, its team and its community stay or go together."""
    pairs = {(path[:2], ("groups", value)) for path, value in after.items() if path[0] == "communities" and path[-1] == "groupId"}
    pairs |= {(path[:2], ("groups", path[1])) for path in after if path[0] == "teams"}
    return {other for pair in pairs for one, other in (pair, pair[::-1]) if one in loose}


def stopped_steps(rig: Rig, name: str) -> dict[str, str]:
    """The reasons of what needs a person, by step."""
    found: dict[str, str] = {}
    for key, state, reason in unfinished(rig, name):
        assert state == "stopped", (key, state, reason)
        step = key.split("|")[2]
        found[step] = f"{found.get(step, '')} {reason}"
    return found


@dataclass(frozen=True)
class Life:
    """What was there before, what was asked for first and then, what went wrong, and what others did when."""

    prior: set[str]
    first: set[str]
    second: set[str] | None
    guests: list[dict[str, Any]]
    wrong: list[dict[str, Any]]
    others: list[tuple[str, int | None]]


lives = st.builds(
    Life,
    prior=st.sets(st.sampled_from(sorted(PRIOR)), max_size=4),
    first=asked,
    second=st.none() | asked,
    guests=st.lists(st.sampled_from(GUESTS), unique_by=lambda guest: str(guest["email"])),
    wrong=faults,
    others=meddled,
)


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(life=lives)
async def test_any_request_ends_right_and_goes_without_a_trace(
    stage: Stage, tmp_path_factory: pytest.TempPathFactory, life: Life
) -> None:
    await lived(stage, tmp_path_factory.mktemp("templates"), life)


async def lived(stage: Stage, folder: Folder, life: Life) -> None:
    """The partner has come, changed and gone, and everything is as it has to be."""
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(templates(folder)))
    tenant = stage.running.services.tenant
    for name in sorted({*life.prior, *(["dee"] if ADDRESS in life.first | (life.second or set()) else [])}):
        plant(tenant, PRIOR[name])
    changing = Others(stage.running, dict(leaves(picture(stage.running))))
    tenant.faults.add(life.wrong)
    wished = [request("first", life.first, life.guests)]
    if life.second is not None:
        wished.append(request("second", life.second, [{**guest, "leave": True} for guest in life.guests[:1]], action="change"))
    for one in wished:
        await rig.settle(one)
        assert refusals(rig) == []
        assert unfinished(rig, one["id"]) == []
    if life.second is None:
        tenant.faults.clear()
        await rig.settle({**wished[-1], "id": "look", "mode": "plan"})
        assert set(sights(rig, "look")) <= {"nothing"}, [
            row["RowKey"] for row in rows(rig, "look") if "nothing" not in row["seen"]
        ]
        tenant.faults.add(life.wrong)
    off = request("off", set(), [], action="offboard")
    for name, when in sorted(life.others, key=lambda one: -1 if one[1] is None else one[1]):
        if when is not None:
            rig.submit(off)
            await rig.deliver_some(when)
        changing.do(name)
    await rig.settle(off)
    assert not rig.bus.dead
    stopped = stopped_steps(rig, "off")
    wrong = changing.wrong(stopped)
    assert not wrong, (wrong, stopped)
    assert changing.against <= set(stopped)
    for step, reason in stopped.items():
        assert any(one.step == step and one.says and one.says in reason for one, _ in changing.done), (step, reason)
    # The test of a connector's mail flow may be sent again; no person is written to twice.
    mails = [str(mail["to"]) for mail in tenant.outbox if "postmaster" not in str(mail["to"])]
    assert len(set(mails)) == len(mails)


def let_in(found: dict[str, Any]) -> set[str]:
    """The ways by which the tenant lets the partner in, as an administrator would look for them, without any of the app's own words."""
    own = [one for one in found["crossTenantPartners"] if one["tenantId"] == FABRIKAM]
    teams = found["teamsFederation"]
    allowed = {one["Domain"] for one in teams["AllowedDomains"].get("AllowedDomain", [])}
    blocked = {one["Domain"] for one in teams["BlockedDomains"]}
    theirs = set(FULL["partner"]["domains"])
    open_in_teams = theirs & allowed if "AllowedDomain" in teams["AllowedDomains"] else theirs - blocked
    return {
        *(["access"] if not own or "'allowed'" in str(own[0]["b2bCollaborationInbound"] or "'allowed'") else []),
        *(["teams"] if open_in_teams else []),
        *("relationship" for one in found["organizationRelationships"] if one["Enabled"] and theirs & set(one["DomainNames"])),
        *("calendar" for one in found["sharingPolicies"] if theirs & {entry.partition(":")[0] for entry in one["Domains"]}),
        *("people" for one in found["users"] if one["accountEnabled"] and str(one["mail"]).partition("@")[2] in theirs),
    }


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(life=lives)
async def test_any_partner_that_is_to_end_closed_does_or_is_said_not_to(
    stage: Stage, tmp_path_factory: pytest.TempPathFactory, life: Life
) -> None:
    await shut_out(stage, tmp_path_factory.mktemp("templates"), life)


async def shut_out(stage: Stage, folder: Folder, life: Life) -> None:
    """The partner has come and was shut out; that it cannot get in is said where it is so, and what is open where it is not."""
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(templates(folder)))
    tenant = stage.running.services.tenant
    for name in sorted({*life.prior, *(["dee"] if ADDRESS in life.first else [])}):
        plant(tenant, PRIOR[name])
    changing = Others(stage.running, dict(leaves(picture(stage.running))))
    tenant.faults.add(life.wrong)
    await rig.settle(request("first", life.first, life.guests, template="shut"))
    assert (refusals(rig), unfinished(rig, "first")) == ([], [])
    for name, _ in life.others:
        changing.do(name)
    await rig.settle(request("off", set(), [], action="offboard", template="shut"))
    assert not rig.bus.dead
    still, stopped = let_in(picture(stage.running)), stopped_steps(rig, "off")
    assert bool(still) == ("prove-closed" in stopped), (still, stopped)
    assert set(stopped) - {"prove-closed", "close-partner"} <= {one.step for one, _ in changing.done}
    kept = {path for path, value in changing.theirs.items() if value is True and THEIRS in path[-1]}
    assert kept <= {path for path, _ in leaves(picture(stage.running))}
