"""Application permissions that have been granted, by name."""

from collections.abc import Collection

# What lets an app run Exchange cmdlets at all; what it may do with them its Exchange roles say, which no token shows.
# https://learn.microsoft.com/powershell/exchange/app-only-auth-powershell-v2
MANAGE_EXCHANGE = "Exchange.ManageAsApp"


def covers(roles: Collection[str], permission: str) -> bool:
    """Whether the permissions in a token include this one: by its name, or by one of the same kind that allows more.

    https://learn.microsoft.com/graph/permissions-reference
    """
    more = {permission, permission.replace(".Read.", ".ReadWrite."), permission.replace(".ReadBasic.", ".Read.")}
    return bool(more & set(roles))
