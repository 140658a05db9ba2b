"""The blocks of a cross-tenant access configuration as texts that people can read and that compare by equality.

Microsoft replaces a block as a whole (facts 3.1), so a block is one value: `users allowed: AllUsers; applications allowed: Office365`,
or `MFA, compliant devices`. https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicyconfigurationpartner
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.nouns.json_text import Json
from shared.tenant.fields import entry, flag, objects, text

# https://learn.microsoft.com/entra/external-id/allow-deny-list: 25 KB, counted in characters; so has the policy
# of cross-tenant access, for all partners together (facts 3.1).
MOST_IN_POLICY = 25_000

NOTHING = "nothing"
EVERYBODY, EVERYTHING = "AllUsers", "AllApplications"
# What stands behind a value that the partner's configuration does not set itself, as it is read and journalled.
INHERITED = " (inherited from the default)"
NO_PARTNER = " (inherited from the default; no partner configuration)"

B2B = ("b2bCollaborationInbound", "b2bCollaborationOutbound", "b2bDirectConnectInbound", "b2bDirectConnectOutbound")
# For each block with targets, what its parts are called here and by Graph.
PARTS: dict[str, dict[str, str]] = {
    **{name: {"users": "usersAndGroups", "applications": "applications"} for name in B2B},
    "m365CollaborationInbound": {"users": "users"},
    "m365CollaborationOutbound": {"users": "usersAndGroups"},
}
# For each block of switches, what they are called here and by Graph.
SWITCHES: dict[str, dict[str, str]] = {
    "inboundTrust": {
        "MFA": "isMfaAccepted",
        "compliant devices": "isCompliantDeviceAccepted",
        "hybrid joined devices": "isHybridAzureADJoinedDeviceAccepted",
    },
    "automaticUserConsentSettings": {"inbound": "inboundAllowed", "outbound": "outboundAllowed"},
}
BLOCKS = (*PARTS, *SWITCHES)
# What Microsoft's default is until somebody changes it, for blocks that an answer leaves out. That Microsoft 365 collaboration is
# off then is not verified.
SYSTEM_DEFAULT: dict[str, str] = {
    **dict.fromkeys(B2B[:2], "users allowed: AllUsers; applications allowed: AllApplications"),
    **dict.fromkeys(B2B[2:], "users blocked: AllUsers; applications blocked: AllApplications"),
    **dict.fromkeys(("m365CollaborationInbound", "m365CollaborationOutbound"), "users blocked: AllUsers"),
    **dict.fromkeys(SWITCHES, NOTHING),
}
# The explicit block: nobody comes in or goes out, nothing of theirs is trusted, nobody is redeemed unasked.
CLOSED: dict[str, str] = {
    **dict.fromkeys(B2B, "users blocked: AllUsers; applications blocked: AllApplications"),
    **dict.fromkeys(SWITCHES, NOTHING),
}


def plain(value: str) -> str:
    """The value without the words that say where it comes from."""
    return value.removesuffix(NO_PARTNER).removesuffix(INHERITED)


def inherited(value: str) -> bool:
    """The value was the default's, not the partner's own."""
    return value != plain(value)


def written(name: str, block: Json, default: str = "") -> str:
    """The block as a text; what it leaves open is as in `default`."""
    fallback = default or SYSTEM_DEFAULT[name]
    if name in SWITCHES:
        behind = set(_words(fallback))
        on = [word for word, key in SWITCHES[name].items() if _or(flag(block, key), word in behind)]
        return ", ".join(on) or NOTHING
    behind_parts = _parts(fallback)
    return "; ".join(_part(word, entry(block, key)) or behind_parts[word] for word, key in PARTS[name].items())


def block_of(name: str, value: str) -> dict[str, Json]:
    """The whole block that the text stands for, as Graph takes it. Raises KeyError or ValueError for a text of another kind."""
    value = plain(value)
    if name in SWITCHES:
        on = set(_words(value))
        return {key: word in on for word, key in SWITCHES[name].items()}
    return {PARTS[name][word]: _configuration(word, part) for word, part in _parts(value).items()}


def permits_nothing(value: str) -> bool:
    """By this text nobody, or no application, gets through."""
    value = plain(value)
    if " blocked: " not in value and " allowed: " not in value:
        return value == NOTHING
    return any(_reach(part) == Reach(frozenset(), rest=False) for part in _parts(value).values())


def opens_more(new: str, old: str) -> bool:
    """The new text may let something through that the old one does not; in doubt it does."""
    new, old = plain(new), plain(old)
    if " blocked: " not in new and " allowed: " not in new:
        return not set(_words(new)) <= set(_words(old))
    if permits_nothing(new):
        return False
    before = _parts(old)
    return any(not _reach(part).within(_reach(before[word])) for word, part in _parts(new).items())


@dataclass(frozen=True)
class PartnerConfiguration:
    """`own` are the blocks that the partner's configuration sets itself, `default` all that hold otherwise. `others` names what
    else is set there. Texts are those of `blocks`."""

    tenant_id: str
    exists: bool
    own: Mapping[str, str]
    default: Mapping[str, str]
    others: tuple[str, ...] = ()

    def effective(self, block: str) -> str:
        """What holds: the partner's own, or else the default's."""
        return self.own.get(block, self.default[block])

    def shown(self, block: str) -> str:
        """What holds, with where it comes from if that is not the partner's own configuration."""
        if block in self.own:
            return self.own[block]
        return self.default[block] + (INHERITED if self.exists else NO_PARTNER)

    def open_ways(self) -> tuple[str, ...]:
        """The blocks by which something still gets through, or is still trusted; none of them where the partner is shut out."""
        return tuple(block for block in CLOSED if not permits_nothing(self.effective(block)))


def going_back(
    found: PartnerConfiguration, before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[dict[str, str | None], list[str]]:
    """What to write so that the blocks are as before (None lets a block inherit), and why others are not ours to put back."""
    back: dict[str, str | None] = {}
    problems: list[str] = []
    for name in (name for name in after if name in before):
        was, now, ours = plain(before[name]), found.effective(name), plain(after[name])
        if now == was and (name in found.own) != inherited(before[name]):
            continue
        if now == was and ours != was:
            continue
        if now != ours:
            problems.append(_changed_since(found.tenant_id, name, ours, now))
            continue
        default = found.default[name]
        if not inherited(before[name]) or (opens_more(default, was) and not opens_more(was, default)):
            back[name] = was
        elif not opens_more(default, was):
            back[name] = None
        else:
            problems.append(
                f"The default for all organizations was changed since we set {name} of tenant {found.tenant_id} (it was {was!r} and is "
                f"{default!r}), and neither includes the other: set {name} by hand as it should be"
            )
    return back, problems


def _changed_since(tenant: str, name: str, ours: str, now: str) -> str:
    return (
        f"{name} of the partner configuration of tenant {tenant} was changed by somebody after us (it was {ours!r} and is {now!r}): set it by "
        "hand as it should be, in the Entra admin center under External Identities, Cross-tenant access settings"
    )


@dataclass(frozen=True)
class Reach:
    """Those who get through: the targets named, or with `rest` all but those."""

    targets: frozenset[str]
    rest: bool

    def within(self, other: "Reach") -> bool:
        match self.rest, other.rest:
            case False, False:
                return self.targets <= other.targets
            case False, True:
                # A group and a person in it are different words here, so only nobody is surely outside.
                return not self.targets or not other.targets
            case True, True:
                return other.targets <= self.targets
        return False


def _reach(part: str) -> Reach:
    _, access, targets = _split(part)
    everything = bool({EVERYBODY, EVERYTHING} & targets)
    if access == "allowed":
        return Reach(frozenset(), rest=True) if everything else Reach(targets, rest=False)
    return Reach(frozenset(), rest=False) if everything else Reach(targets, rest=True)


def _part(word: str, configuration: Json) -> str:
    access = text(configuration, "accessType")
    targets = sorted({_target(word, found) for found in objects(configuration, "targets")})
    return f"{word} {access}: {', '.join(targets)}" if access and targets else ""


def _target(word: str, found: Mapping[str, Json]) -> str:
    name, kind = text(dict(found), "target"), text(dict(found), "targetType")
    for fixed in (EVERYBODY, EVERYTHING, "Office365"):
        if name.casefold() == fixed.casefold():
            return fixed
    return name.lower() if word == "applications" else f"{kind}:{name.lower()}"


def _configuration(word: str, part: str) -> Json:
    _, access, targets = _split(part)
    return {"accessType": access, "targets": [_as_target(word, target) for target in sorted(targets)]}


def _as_target(word: str, target: str) -> Json:
    if word == "applications":
        return {"target": target, "targetType": "application"}
    kind, colon, name = target.partition(":")
    return {"target": name, "targetType": kind} if colon else {"target": target, "targetType": "user"}


def _parts(value: str) -> dict[str, str]:
    return {part.partition(" ")[0]: part for part in value.split("; ")}


def _split(part: str) -> tuple[str, str, frozenset[str]]:
    head, _, targets = part.partition(": ")
    word, _, access = head.partition(" ")
    if access not in {"allowed", "blocked"}:
        raise ValueError(f"{part!r} is not a part of a block")
    return word, access, frozenset(targets.split(", "))


def _words(value: str) -> list[str]:
    return [] if value == NOTHING else value.split(", ")


def _or(said: bool | None, otherwise: bool) -> bool:
    return otherwise if said is None else said
