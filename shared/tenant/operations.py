"""What we ask of Microsoft 365, each with the least application permission it needs.

The only place that knows permissions: a refusal names them from here, and the steps' own lists are tested against it.
https://learn.microsoft.com/graph/permissions-reference
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Operation:
    """`name` completes the sentence "Microsoft 365 refused to ...". `permissions` are all needed together.

    `write` says that it may change the tenant, so that a lost answer leaves the effect unknown. `seconds` is how long its answer may
    take where that is longer than usual; less than a task's claim (90 s).
    """

    name: str
    permissions: tuple[str, ...]
    write: bool = False
    seconds: float | None = None


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

# Entra cross-tenant access. Who may write it may read it by Microsoft's table too; Policy.Read.All reads all that is read here.
_ACCESS = ("Policy.ReadWrite.CrossTenantAccess",)
READ_PARTNER_CONFIGURATION = Operation("read a partner configuration", ("Policy.Read.All",))
LIST_PARTNER_CONFIGURATIONS = Operation("list the partner configurations", ("Policy.Read.All",))
READ_DEFAULT_CONFIGURATION = Operation("read the default of cross-tenant access", ("Policy.Read.All",))
READ_SYNCHRONIZATION = Operation("read a partner's cross-tenant synchronization", ("Policy.Read.All",))
CREATE_PARTNER_CONFIGURATION = Operation("create a partner configuration", _ACCESS, write=True)
CHANGE_PARTNER_CONFIGURATION = Operation("change a partner configuration", _ACCESS, write=True)
DELETE_PARTNER_CONFIGURATION = Operation("delete a partner configuration", _ACCESS, write=True)
READ_CAPABILITIES = Operation("read Microsoft 365 cross-tenant capabilities", ("Policy.Read.All",))
SET_CAPABILITY = Operation("set a Microsoft 365 cross-tenant capability", ("Policy.ReadWrite.CrossTenantCapability",), write=True)
# What a guest will meet; looked at where the token allows it, and said where it does not.
READ_AUTHORIZATION_POLICY = Operation("read who may invite guests", ("Policy.Read.All",))
READ_DOMAIN_LIST = Operation("read which domains may be invited", ("Policy.Read.B2BManagementPolicy",))
READ_CONDITIONAL_ACCESS = Operation("read the Conditional Access policies", ("Policy.Read.All",))
READ_TERMS_OF_USE = Operation("read the terms of use", ("Agreement.Read.All",))

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

READ_SHARING = Operation("read SharePoint's sharing settings", ("SharePointTenantSettings.Read.All",))
SET_SHARING = Operation("set SharePoint's list of domains", ("SharePointTenantSettings.ReadWrite.All",), write=True)
READ_SITE = Operation("read a SharePoint site", ("Sites.Read.All",))
LIST_DRIVES = Operation("list the document libraries of a site", ("Files.Read.All",))
LIST_ITEMS = Operation("list the items of a folder", ("Files.Read.All",))
READ_SHARES = Operation("read who has access to an item", ("Files.Read.All",))
SHARE_ITEM = Operation("share an item", ("Files.ReadWrite.All",), write=True)
CHANGE_SHARE = Operation("change who has access to an item", ("Files.ReadWrite.All",), write=True)
REMOVE_SHARE = Operation("take access to an item away", ("Files.ReadWrite.All",), write=True)

# SharePoint's own role of that name, not Graph's (facts 5.2).
_SHAREPOINT = ("Sites.FullControl.All",)
READ_SITE_LIMIT = Operation("read how widely a site may be shared", _SHAREPOINT)
SET_SITE_LIMIT = Operation("set how widely a site may be shared", _SHAREPOINT, write=True)
READ_SITE_PEOPLE = Operation("read the visitors and members of a site", _SHAREPOINT)
LET_INTO_SITE = Operation("let a group into a site", _SHAREPOINT, write=True)
LET_OUT_OF_SITE = Operation("take a group out of a site", _SHAREPOINT, write=True)

# Teams and Fabric know no application permissions: an Entra role and workspace roles decide.
READ_FEDERATION = Operation("read Teams' external access", ())
SET_FEDERATION = Operation("set Teams' external access", (), write=True)
LIST_WORKSPACES = Operation("list the workspaces that our identity is in", ())
LIST_WORKSPACE_ROLES = Operation("list who has a role in a workspace", ())
ADD_WORKSPACE_ROLE = Operation("give a role in a workspace", (), write=True)
CHANGE_WORKSPACE_ROLE = Operation("change a role in a workspace", (), write=True)
REMOVE_WORKSPACE_ROLE = Operation("take a role in a workspace away", (), write=True)
READ_FABRIC_SETTINGS = Operation("read Fabric's tenant settings", ())

# Our own mails. The two of the mailbox may also be granted for this mailbox alone, by Exchange Online's role-based access control
# for applications; the token does not tell then. https://learn.microsoft.com/exchange/permissions-exo/application-rbac
SEND_MAIL = Operation("send mail from the mailbox", ("Mail.Send",), write=True)
FIND_BOUNCES = Operation("look for mails that came back", ("Mail.ReadBasic.All",))
FIND_SENT_MAIL = Operation("look among the Sent Items", ("Mail.ReadBasic.All",))
# Without User.Read.All, members of a group are shown by id alone.
# https://learn.microsoft.com/graph/permissions-overview#limited-information-returned-for-inaccessible-member-objects
READ_OWNER_ADDRESSES = Operation("read the addresses of a group's owners", ("GroupMember.Read.All", "User.Read.All"))
CHANGE_ADDRESS = Operation("change the address of a guest", ("User.ReadWrite.All",), write=True)
RESET_REDEMPTION = Operation("reset the redemption of a guest", ("User.Invite.All",), write=True)

# Closing a partner. Whoever holds an administrator's role is refused with 403, whatever we were granted (facts 1.6).
FIND_OUTSIDERS = Operation("look for the people of a domain", ("User.Read.All",))
SWITCH_ACCOUNT = Operation("enable or disable a user", ("User.EnableDisableAccount.All", "User.Read.All"), write=True)
READ_ROLES_OF_USER = Operation("read which directory roles a user has", ("User.Read.All",))
READ_MANAGER = Operation("read who a user's manager is", ("User.Read.All",))
READ_GROUPS_OF_USER = Operation("read which groups a user is in", ("GroupMember.Read.All",))
LIST_APPS = Operation("list the applications of another organization", ("Application.Read.All",))
LIST_SIGN_INS = Operation("list sign-ins", ("AuditLog.Read.All",))
LIST_AUDITS = Operation("list changes in the directory", ("AuditLog.Read.All",))

# Hearing of changes: reading what is subscribed to is enough, and no wider permission takes its place.
LIST_SUBSCRIPTIONS = Operation("list our subscriptions to changes", ("User.Read.All", "GroupMember.Read.All"))
SUBSCRIBE_TO_USERS = Operation("subscribe to changes of users", ("User.Read.All",), write=True)
SUBSCRIBE_TO_GROUPS = Operation("subscribe to changes of groups", ("GroupMember.Read.All",), write=True)
RENEW_SUBSCRIPTION = Operation("renew a subscription to changes", ("User.Read.All", "GroupMember.Read.All"), write=True)
REAUTHORIZE_SUBSCRIPTION = Operation(
    "reauthorize a subscription to changes", ("User.Read.All", "GroupMember.Read.All"), write=True
)
DELETE_SUBSCRIPTION = Operation("delete a subscription to changes", ("User.Read.All", "GroupMember.Read.All"), write=True)
CHANGED_USERS = Operation("ask which users have changed", ("User.Read.All",))
CHANGED_GROUPS = Operation("ask which groups have changed", ("GroupMember.Read.All",))

# Clean-up. Without the second permission, or without Entra ID P1, guests are listed without their sign-ins.
LIST_GUESTS = Operation("list the guests of our directory", ("User.Read.All",))
LIST_GUESTS_SIGN_INS = Operation("list our guests with their sign-ins", ("AuditLog.Read.All", "User.Read.All"))
READ_SIGN_INS = Operation("read when a guest last signed in", ("AuditLog.Read.All", "User.Read.All"))

# Whose lives Microsoft's own products look after, as far as granted and licensed.
LIST_REVIEWS = Operation("read access reviews", ("AccessReview.Read.All",))
LIST_WORKFLOWS = Operation("read lifecycle workflows", ("LifecycleWorkflows.Read.All",))
LIST_ENTITLED = Operation("read whom entitlement management governs", ("EntitlementManagement.Read.All",))

_EXCHANGE = ("Exchange.ManageAsApp",)
GET_RELATIONSHIPS = Operation("Get-OrganizationRelationship", _EXCHANGE)
NEW_RELATIONSHIP = Operation("New-OrganizationRelationship", _EXCHANGE, write=True)
SET_RELATIONSHIP = Operation("Set-OrganizationRelationship", _EXCHANGE, write=True)
REMOVE_RELATIONSHIP = Operation("Remove-OrganizationRelationship", _EXCHANGE, write=True)
GET_SHARING_POLICIES = Operation("Get-SharingPolicy", _EXCHANGE)
SET_SHARING_POLICY = Operation("Set-SharingPolicy", _EXCHANGE, write=True)
GET_INBOUND_CONNECTORS = Operation("Get-InboundConnector", _EXCHANGE)
NEW_INBOUND_CONNECTOR = Operation("New-InboundConnector", _EXCHANGE, write=True)
SET_INBOUND_CONNECTOR = Operation("Set-InboundConnector", _EXCHANGE, write=True)
REMOVE_INBOUND_CONNECTOR = Operation("Remove-InboundConnector", _EXCHANGE, write=True)
GET_OUTBOUND_CONNECTORS = Operation("Get-OutboundConnector", _EXCHANGE)
NEW_OUTBOUND_CONNECTOR = Operation("New-OutboundConnector", _EXCHANGE, write=True)
SET_OUTBOUND_CONNECTOR = Operation("Set-OutboundConnector", _EXCHANGE, write=True)
REMOVE_OUTBOUND_CONNECTOR = Operation("Remove-OutboundConnector", _EXCHANGE, write=True)
# It sends test mails, so a lost answer leaves them unknown. How long it takes is not documented.
VALIDATE_OUTBOUND_CONNECTOR = Operation("Validate-OutboundConnector", _EXCHANGE, write=True, seconds=75)
GET_REMOTE_DOMAINS = Operation("Get-RemoteDomain", _EXCHANGE)
NEW_REMOTE_DOMAIN = Operation("New-RemoteDomain", _EXCHANGE, write=True)
SET_REMOTE_DOMAIN = Operation("Set-RemoteDomain", _EXCHANGE, write=True)
REMOVE_REMOTE_DOMAIN = Operation("Remove-RemoteDomain", _EXCHANGE, write=True)
GET_MAILBOXES = Operation("Get-Mailbox", _EXCHANGE)
GET_RECIPIENTS = Operation("Get-Recipient", _EXCHANGE)
GET_MAIL_CONTACTS = Operation("Get-MailContact", _EXCHANGE)
GET_MAIL_USERS = Operation("Get-MailUser", _EXCHANGE)

BY_NAME = {operation.name: operation for operation in list(globals().values()) if isinstance(operation, Operation)}
