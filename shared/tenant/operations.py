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

# Microsoft 365 groups, teams and communities. Who may delete a group or make a team of it may do the rest of it as well, so
# that the steps ask for that one permission and no narrower ones beside it.
_GROUPS = ("Group.ReadWrite.All",)
READ_UNIFIED_GROUP = Operation("read a group and its label", ("Group.Read.All",))
READ_DELETED_GROUP = Operation("read a deleted group", ("GroupMember.Read.All",))
READ_OWNERS = Operation("read the owners of a group", ("GroupMember.Read.All",))
CREATE_GROUP = Operation("create a Microsoft 365 group", ("Group.Create", "User.Read.All"), write=True)
CHANGE_GROUP = Operation("change a group", _GROUPS, write=True)
ADD_OWNER = Operation("add an owner to a group", _GROUPS, write=True)
REMOVE_OWNER = Operation("remove an owner from a group", _GROUPS, write=True)
DELETE_GROUP = Operation("delete a group", _GROUPS, write=True)
READ_GROUP_SETTINGS = Operation("read the settings of groups", ("GroupSettings.Read.All",))
CHANGE_GROUP_SETTINGS = Operation("change the settings of a group", ("GroupSettings.ReadWrite.All",), write=True)
READ_TEAM = Operation("read the team of a group", ("Group.Read.All",))
CREATE_TEAM = Operation("make a team of a group", _GROUPS, write=True)
CHANGE_TEAM = Operation("change a team", _GROUPS, write=True)
ARCHIVE_TEAM = Operation("archive a team", _GROUPS, write=True)
READ_COMMUNITIES = Operation("read Viva Engage communities", ("Community.Read.All",))
CREATE_COMMUNITY = Operation("create a Viva Engage community", ("Community.ReadWrite.All",), write=True)
CHANGE_COMMUNITY = Operation("change a Viva Engage community", ("Community.ReadWrite.All",), write=True)
CHANGE_USER = Operation("change a user", ("User.ReadWrite.All",), write=True)
READ_LICENCES = Operation("read our subscriptions", ("Organization.Read.All",))

_EXCHANGE = ("Exchange.ManageAsApp",)
GET_RELATIONSHIPS = Operation("Get-OrganizationRelationship", _EXCHANGE)
NEW_RELATIONSHIP = Operation("New-OrganizationRelationship", _EXCHANGE, write=True)
SET_RELATIONSHIP = Operation("Set-OrganizationRelationship", _EXCHANGE, write=True)
REMOVE_RELATIONSHIP = Operation("Remove-OrganizationRelationship", _EXCHANGE, write=True)

BY_NAME = {operation.name: operation for operation in list(globals().values()) if isinstance(operation, Operation)}
