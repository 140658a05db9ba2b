"""Application permissions that have been granted, by name."""

from collections.abc import Collection

# What lets an app run Exchange cmdlets at all; what it may do with them its Exchange roles say, which no token shows.
# https://learn.microsoft.com/powershell/exchange/app-only-auth-powershell-v2
MANAGE_EXCHANGE = "Exchange.ManageAsApp"


# Permissions that contain others, beyond those of the same kind that allow more: https://learn.microsoft.com/graph/permissions-reference
WIDER: dict[str, frozenset[str]] = {
    "User.Read.All": frozenset({"Directory.Read.All", "Directory.ReadWrite.All"}),
    "User.ReadWrite.All": frozenset({"Directory.ReadWrite.All"}),
    "User.DeleteRestore.All": frozenset({"User.ReadWrite.All"}),
    "GroupMember.Read.All": frozenset({"Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}),
    "GroupMember.ReadWrite.All": frozenset({"Group.ReadWrite.All", "Directory.ReadWrite.All"}),
}


def covers(roles: Collection[str], permission: str) -> bool:
    """Whether the permissions in a token include this one: by its name, by one of the same kind that allows more, or by a wider one."""
    return not (same_kind(permission) | WIDER.get(permission, frozenset())).isdisjoint(roles)


def same_kind(permission: str) -> frozenset[str]:
    """The permission, and those for the same things that allow more."""
    read = permission.replace(".ReadBasic.", ".Read.")
    return frozenset({permission, read, read.replace(".Read.", ".ReadWrite.")})
