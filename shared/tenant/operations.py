"""What we ask of Microsoft 365, each with the least application permission it needs.

The only place that knows permissions: a refusal names them from here, and the steps' own lists are tested against it.
https://learn.microsoft.com/graph/permissions-reference
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Operation:
    """`name` completes the sentence "Microsoft 365 refused to ...". `permissions` are all needed together.

    `write` says that it may change the tenant, so that a lost answer leaves the effect unknown.
    """

    name: str
    permissions: tuple[str, ...]
    write: bool = False


FIND_USERS = Operation("look for a user by address", ("User.Read.All",))
FIND_DELETED_USERS = Operation("look for a deleted user by address", ("User.Read.All",))
READ_USER = Operation("read a user", ("User.Read.All",))
READ_DELETED_USER = Operation("read a deleted user", ("User.Read.All",))
RESTORE_USER = Operation("restore a deleted user", ("User.DeleteRestore.All",), write=True)
DELETE_USER = Operation("delete a user", ("User.DeleteRestore.All",), write=True)
ADD_SPONSOR = Operation("add a sponsor to a guest", ("User.ReadWrite.All",), write=True)
REMOVE_SPONSOR = Operation("remove a sponsor from a guest", ("User.ReadWrite.All",), write=True)
# User.ReadWrite.All is accepted as well by Microsoft's table, but not where only admins and guest inviters may invite.
INVITE = Operation("invite a guest", ("User.Invite.All",), write=True)
READ_GROUP = Operation("read a group", ("GroupMember.Read.All",))
CHECK_MEMBERS = Operation("ask who is a member of a group", ("GroupMember.Read.All", "User.Read.All"))
ADD_MEMBERS = Operation("add members to a group", ("GroupMember.ReadWrite.All",), write=True)
REMOVE_MEMBER = Operation("remove a member from a group", ("GroupMember.ReadWrite.All",), write=True)
FIND_ORGANIZATION = Operation("look an organization up by its domain", ("CrossTenantInformation.ReadBasic.All",))
READ_ORGANIZATION = Operation("read our own organization", ("Organization.Read.All",))

_EXCHANGE = ("Exchange.ManageAsApp",)
GET_RELATIONSHIPS = Operation("Get-OrganizationRelationship", _EXCHANGE)
NEW_RELATIONSHIP = Operation("New-OrganizationRelationship", _EXCHANGE, write=True)
SET_RELATIONSHIP = Operation("Set-OrganizationRelationship", _EXCHANGE, write=True)
REMOVE_RELATIONSHIP = Operation("Remove-OrganizationRelationship", _EXCHANGE, write=True)

BY_NAME = {operation.name: operation for operation in list(globals().values()) if isinstance(operation, Operation)}
