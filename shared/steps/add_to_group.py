"""These guests are members of the group."""

import asyncio
from collections.abc import Mapping

from shared.nouns.outcomes import Applied, NotYet, WontWork
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Finding, Preflight, Step, Subject, Weight, Wish
from shared.steps.group_there import there
from shared.tenant import Tenant

MEMBER = "member"
REPLICATION_WAIT = 10.0
# Replicas that are behind show a guest who was restored a moment ago among the deleted: so long, that is not believed.
BEHIND_SECONDS = 300.0
# Why Microsoft Graph, or we, do not change the members of such a group (facts 2.1).
UNCHANGEABLE = {
    "role-assignable": "it can be assigned to directory roles, and guests are never given those here",
    "dynamic": "a rule of its own decides who is in it: change the rule",
    "synced": "it comes from on-premises: add the guests there",
    "mail-enabled-security": "it is mail-enabled: only Exchange can change its members",
    "distribution": "it is a distribution list: only Exchange can change its members",
}


def wanted(ask: Ask) -> Wish | None:
    """Each of the guests is a member."""
    return Wish(dict.fromkeys(ask.members, MEMBER)) if ask.members else None


async def read(tenant: Tenant, subject: Subject) -> State:
    """Who of the guests is a member, by opaque person id; `group` is its kind. Membership through another group counts."""
    group = there(subject, await tenant.groups.read(_group(subject)))
    nobody: dict[str, Value] = dict.fromkeys(subject.members)
    if group is None or group.kind in UNCHANGEABLE:
        return nobody | {"group": group.kind if group else None}
    among = (await tenant.groups.members_among(group.id, _distinct(subject, subject.members))).members
    return {person: MEMBER if user.lower() in among else None for person, user in subject.members.items()} | {"group": group.kind}


def explain(subject: Subject, actual: State) -> str | None:
    """The group does not exist, or is of a kind whose members nobody can or should change here."""
    kind = actual.get("group")
    if kind is None:
        return f"There is no group {_group(subject)}: correct the template"
    why = UNCHANGEABLE.get(str(kind))
    return f"Guests cannot be added to group {_group(subject)}: {why}" if why else None


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The guests are members, in one write where the group takes them together; `refused` has those it does not take.

    Whoever is shown as deleted keeps nobody else waiting, and is looked at again before that is believed.
    """
    group = _group(subject)
    users = {person: subject.members[person].lower() for person in change if person in subject.members}
    if not users or await tenant.groups.add_members(group, sorted(set(users.values()))) is None:
        return Applied()
    known = await tenant.groups.members_among(group, sorted(set(users.values())))
    gone = await _gone(tenant, {person: user for person, user in users.items() if user in known.unknown})
    refused = gone if subject.waited >= BEHIND_SECONDS else {}
    rest = {person: user for person, user in users.items() if user not in known.members | known.unknown}
    if not rest and gone != refused:
        raise _unknown(*(users[person] for person in gone))
    fewer = 0 < len(rest) < len(users)
    if not rest or (fewer and await tenant.groups.add_members(group, sorted(set(rest.values()))) is None):
        return Applied(refused=refused)
    return await _one_by_one(tenant, group, rest, refused)


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """The guests whom we added are no members any more; those who were before stay. A group that is gone has no members."""
    group = _group(subject)
    ours = [person for person, was in entry.after.items() if was == MEMBER and entry.before.get(person) is None]
    users = [person for person in ours if person in subject.members]
    if not users:
        return Applied(note="There is nothing of ours in the group")
    if await tenant.groups.read(group) is None:
        return Applied(note="The group is gone already")
    among = (await tenant.groups.members_among(group, _distinct(subject, users))).members
    for user in sorted(among):
        await tenant.groups.remove_member(group, user)
    return Applied(note=f"{len(among)} of {len(users)} guests whom we had added were removed from the group")


def settled(subject: Subject, actual: State) -> str:
    """How many are in."""
    count = sum(actual.get(person) == MEMBER for person in subject.members)
    already = "" if subject.intents else " already"
    return f"{count} of {len(subject.members)} guests are{already} members of the group"


async def preflight(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """Groups of the template that are not there, or whose members cannot be changed here. What the request gives to every guest
    refuses it; a group that single guests may name is told."""
    named = dict(ahead.template.groups) if ahead.guests else {}
    found = await asyncio.gather(*(tenant.groups.read(group) for group in named.values()))
    given = {ahead.template.group_id(name) for name in ahead.header.groups}
    findings = []
    for (name, group), known in zip(named.items(), found, strict=True):
        if known is None or known.kind in UNCHANGEABLE:
            why = UNCHANGEABLE[known.kind] if known else "there is no such group: correct the template"
            findings.append(
                Finding(
                    Weight.REFUSES if group.lower() in given else Weight.WARNS,
                    f"group {name}",
                    known.kind if known else "not there",
                    "Entra admin center, Groups; or the template's list of groups",
                    f"Guests cannot be added to group {name} ({group}): {why}",
                )
            )
    return tuple(findings)


async def _gone(tenant: Tenant, unknown: Mapping[str, str]) -> dict[str, str]:
    """Why those who were deleted cannot be added. Raises NotYet for anybody else whom the directory does not know yet."""
    gone: dict[str, str] = {}
    for person, user in unknown.items():
        if await tenant.users.deleted_by_id(user) is None:
            raise _unknown(user)
        gone[person] = f"User {user} was deleted after they had been invited: restore them, and try again"
    return gone


def _unknown(*users: str) -> NotYet:
    return NotYet(f"Not known everywhere in the directory yet: user {', '.join(users)}", after=REPLICATION_WAIT)


async def _one_by_one(tenant: Tenant, group: str, users: Mapping[str, str], refused: Mapping[str, str]) -> Applied:
    """Each guest alone, so that one who cannot be added keeps no other out; who has to wait is seen missing later.

    Raises NotYet where the vendor asks for a pause, or where nobody could be added yet.
    """
    refusals, added = dict(refused), 0
    waiting: NotYet | None = None
    for person, user in users.items():
        try:
            await tenant.groups.add_member(group, user)
            added += 1
        except WontWork as error:
            refusals[person] = error.reason
        except NotYet as error:
            waiting = error
            if error.moves_lane or error.effect_unknown:
                break
    if waiting is not None and (waiting.moves_lane or not added):
        partly = waiting.effect_unknown or added > 0
        raise NotYet(waiting.reason, after=waiting.after, moves_lane=waiting.moves_lane, effect_unknown=partly)
    return Applied(refused=refusals)


def _distinct(subject: Subject, people: Mapping[str, str] | list[str]) -> list[str]:
    return sorted({subject.members[person].lower() for person in people})


def _group(subject: Subject) -> str:
    if subject.group is None:
        raise ValueError("a task of add-to-group has a group")
    return subject.group


ADD_TO_GROUP = Step(
    name="add-to-group",
    sentence="These guests are members of the group.",
    subject="batch",
    permissions=("GroupMember.Read.All", "User.Read.All", "GroupMember.ReadWrite.All"),
    power="guests",
    lanes=("entra-writes",),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    after=("invite-guest",),
    session=True,
    preflight=preflight,
)
