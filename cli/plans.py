"""A plan: what carrying a request out would do, for the whole partner, and the exit code that says whether there is anything."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NOTHING_TO_DO, REFUSED, CHANGES = 0, 1, 2
NOTHING, BY_HAND, NO = "nothing", "by hand", "refused"
SIGHTS = ("create", "change", "remove", BY_HAND, NOTHING, NO)


@dataclass(frozen=True)
class Change:
    """What one task would do. `guests` is how many people it is about, 0 where it is about the partner; `who` are their ids.

    `group` is the group's object id, or how a new one is named, and `group_name` what people call it.
    `before` and `after` hold what differs; an absent value is None. `takes_back` says that it takes back earlier changes.
    """

    step: str
    sight: str
    subject: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    why: str
    group: str = ""
    group_name: str = ""
    guests: int = 0
    who: tuple[str, ...] = ()
    position: int | None = None
    takes_back: bool = False

    @property
    def shown(self) -> dict[str, Any]:
        """The change as JSON has it."""
        found: dict[str, Any] = {"step": self.step, "sight": self.sight, "subject": self.subject, "why": self.why}
        found |= {"before": dict(self.before), "after": dict(self.after)}
        if self.guests:
            found |= {"guests": self.guests, "position": self.position}
        return found | ({"group": self.group, "groupName": self.group_name} if self.group else {})


@dataclass(frozen=True)
class Plan:
    """A planned request. `counts` are changes by what they are, guests counted one by one; `approval` is why it will need one.
    `only` is why it is only planned, where it was asked for to be carried out."""

    name: str
    partner: Mapping[str, Any]
    template: Mapping[str, Any]
    action: str
    changes: tuple[Change, ...]
    findings: tuple[Mapping[str, Any], ...]
    permissions: tuple[str, ...]
    missing: tuple[str, ...]
    exchange_roles: tuple[str, ...]
    approval: tuple[str, ...]
    refusals: tuple[str, ...]
    only: str = ""

    @property
    def counts(self) -> Counter[str]:
        """How many changes of each kind."""
        counted: Counter[str] = Counter()
        for change in self.changes:
            counted[change.sight] += max(change.guests, 1)
        return counted

    @property
    def refused(self) -> bool:
        """Something in it cannot be carried out."""
        return bool(self.refusals or self.counts[NO] or any(found["weight"] == "refuses" for found in self.findings))

    @property
    def exit_code(self) -> int:
        """0 nothing to do, 2 something to do, 1 refused, as a whole or in part."""
        if self.refused:
            return REFUSED
        return CHANGES if any(self.counts[sight] for sight in ("create", "change", "remove", BY_HAND)) else NOTHING_TO_DO

    @property
    def summary(self) -> str:
        """The plan in a line."""
        counts = self.counts
        said = {
            "create": "to create",
            "change": "to change",
            "remove": "to remove",
            BY_HAND: "to do by hand",
            NO: "refused",
            NOTHING: "as they should be",
        }
        parts = [f"{counts[sight]} {words}" for sight, words in said.items() if counts[sight] or sight in {"create", "change"}]
        if self.refusals:
            return "Plan: the request is refused"
        if not self.changes:
            return "Plan: nothing to do"
        return f"Plan: {', '.join(parts)}"

    @property
    def shown(self) -> dict[str, Any]:
        """The plan as JSON has it."""
        return {
            "request": self.name,
            "action": self.action,
            "partner": dict(self.partner),
            "template": dict(self.template),
            "changes": [change.shown for change in self.changes],
            "findings": [dict(found) for found in self.findings],
            "permissions": {"needed": list(self.permissions), "missing": list(self.missing)},
            "exchangeRoles": list(self.exchange_roles),
            "approval": list(self.approval),
            "refusals": list(self.refusals),
            "onlyPlanned": self.only,
            "counts": {sight: self.counts[sight] for sight in SIGHTS},
            "summary": self.summary,
            "exitCode": self.exit_code,
        }


def plan_of(shown: Mapping[str, Any], tasks: Iterable[Mapping[str, Any]]) -> Plan:
    """The plan in a planned request as the app shows it, with all its tasks."""
    outlook = shown.get("outlook") or {}
    permissions = outlook.get("permissions") or {}
    return Plan(
        name=str(shown["id"]),
        partner=shown.get("partner") or {},
        template=shown.get("template") or {},
        action=str(shown.get("action", "")),
        changes=tuple(sorted((_change(task) for task in tasks), key=_order)),
        findings=tuple(outlook.get("findings") or ()),
        permissions=tuple(permissions.get("needed") or ()),
        missing=tuple(permissions.get("missing") or ()),
        exchange_roles=tuple(outlook.get("exchangeRoles") or ()),
        approval=tuple((shown.get("approval") or {}).get("needed") or ()),
        refusals=tuple(shown.get("refusals") or ()),
        only=str(shown.get("onlyPlanned") or ""),
    )


def _change(task: Mapping[str, Any]) -> Change:
    plan = task.get("plan") or {}
    about_guests = str(task["key"]).split("|")[1] != "partner"
    members = tuple(task.get("members") or ())
    after = dict(plan.get("after") or {})
    # A task that ended without having been looked at was refused before.
    takes_back, sight = bool(task.get("reverses")), str(plan.get("sight", NO))
    if takes_back and sight == "change" and all(value is None for value in after.values()):
        sight = "remove"
    touched = tuple(person for person in members if person in after) or members
    return Change(
        step=str(task["step"]),
        sight=sight,
        subject=str(task["subject"]),
        before=dict(plan.get("before") or {}),
        after=after,
        why=str(task["reason"]),
        group=str(task.get("group") or ""),
        group_name=str(task.get("groupName") or task.get("group") or ""),
        guests=max(len(touched), 1) if about_guests else 0,
        who=touched or ((str(task["subject"]),) if about_guests else ()),
        position=task.get("position"),
        takes_back=takes_back,
    )


def _order(change: Change) -> tuple[bool, str, int, str, int, str]:
    """The partner's own settings first, then people; within a step what is refused first."""
    place = -1 if change.position is None else change.position
    return change.guests > 0, change.step, -SIGHTS.index(change.sight), change.group, place, change.subject


def alike(changes: Sequence[Change]) -> list[list[Change]]:
    """Changes of guests, those of one step that would go the same way together; each other change by itself."""
    groups: dict[tuple[str, str, str], list[Change]] = {}
    apart: list[list[Change]] = []
    for change in changes:
        if change.guests and change.sight != NO:
            key = change.step, change.sight, change.group
            if key not in groups:
                groups[key] = []
                apart.append(groups[key])
            groups[key].append(change)
        else:
            apart.append([change])
    return apart
