"""The Microsoft 365 cross-tenant capabilities (facts 3.7) as texts that people can read and that compare by equality.

https://learn.microsoft.com/graph/api/resources/m365capabilitybase
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shared.nouns.outcomes import WontWork
from shared.tenant.blocks import INHERITED, inherited, plain

# Every type for a partner. Facts 3.7 also list crossTenantLabelSync, which Microsoft's description of v1.0 does not have: not verified.
CAPABILITIES = (
    "crossTenantCalendarAvailabilityBasic",
    "crossTenantCalendarAvailabilityLimitedDetails",
    "crossTenantCalendarSharingFreeBusySimple",
    "crossTenantCalendarSharingFreeBusyDetail",
    "crossTenantCalendarSharingFreeBusyReviewer",
    "crossTenantMailTipsLimited",
    "crossTenantMailTipsAll",
    "crossTenantOpenProfileCard",
    "crossTenantPlacesRoomBooking",
    "crossTenantPlacesDeskBooking",
    "crossTenantLabelSync",
    "crossTenantMigration",
)
NOT_ALLOWED = "not allowed"
ALL = "All"
_SCOPE = re.compile(r"All|(user|group):[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(user|group):All")


@dataclass(frozen=True)
class Capabilities:
    """`own` are those that the partner's configuration has, `default` those of the default; texts such as `allowed: All` and
    `allowed: group:<id>; except user:<id>`."""

    own: Mapping[str, str]
    default: Mapping[str, str]

    def effective(self, name: str) -> str:
        """What holds: the partner's own, or else the default's, which is off where nobody has set it."""
        return self.own.get(name, self.default.get(name, NOT_ALLOWED))

    def shown(self, name: str) -> str:
        """What holds, with where it comes from if that is not the partner's own configuration."""
        return self.effective(name) + ("" if name in self.own else INHERITED)


def scope_text(included: tuple[str, ...], excluded: tuple[str, ...] = ()) -> str:
    """The text for an allowed capability with these scopes: `All`, `user:<id>` or `group:<id>`. Raises ValueError for others."""
    for scope in (*included, *excluded):
        if not _SCOPE.fullmatch(scope):
            raise ValueError(f"{scope!r} is none of All, user:<object id>, group:<object id>")
    but = f"; except {', '.join(sorted(set(excluded)))}" if excluded else ""
    return f"allowed: {', '.join(sorted(set(included)))}{but}"


def scopes(value: str) -> tuple[frozenset[str], frozenset[str]]:
    """Who is included and who is excluded; nobody where it is not allowed."""
    value = plain(value)
    if value == NOT_ALLOWED:
        return frozenset(), frozenset()
    included, _, excluded = value.removeprefix("allowed: ").partition("; except ")
    return frozenset(included.split(", ")), frozenset(excluded.split(", ") if excluded else ())


def opens_more(new: str, old: str) -> bool:
    """The new text may show somebody's things that the old one does not; in doubt it does."""
    (new_in, new_out), (old_in, old_out) = scopes(new), scopes(old)
    if not new_in:
        return False
    return not ((new_in <= old_in or ALL in old_in) and old_out <= new_out)


def going_back(found: Capabilities, name: str, before: str, after: str) -> tuple[bool, str | None]:
    """Whether anything has to be written so that the capability is as before, and what (None: its own entry goes).

    Raises WontWork, showing both, where somebody has changed it since, or where the default now opens more than before.
    """
    was, now = plain(before), found.effective(name)
    if now == was and (was != plain(after) or (name in found.own) != inherited(before)):
        return False, None
    if now != plain(after):
        raise WontWork(
            f"{name} was changed by somebody after us (it was {plain(after)!r} and is {now!r}): set it by hand as it should be"
        )
    if not inherited(before):
        return True, was
    default = found.default.get(name, NOT_ALLOWED)
    return True, (was if opens_more(default, was) else None)
