"""Users, groups and contacts: their properties, what may be written and what may be filtered.

Source: the property tables of Microsoft's reference (https://learn.microsoft.com/graph/api/resources/user and /group),
as repeated in the descriptions of the OpenAPI subset. A property that Graph has and that is not listed here answers 501.
"""

from dataclasses import dataclass
from functools import cached_property

from devstack.tenant.odata.filter import Filterable

_TEXT = "eq ne ge le in startswith null"


@dataclass(frozen=True, slots=True)
class Property:
    """One property. `shape` is text, flag, texts, moment, object or objects; `maximum` counts characters.

    A filter by an `advanced` one is an advanced query, whatever its operator.
    """

    name: str
    shape: str
    writable: bool
    maximum: int | None
    operators: frozenset[str]
    advanced: bool = False

    @property
    def empty(self) -> object:
        """What Graph answers where nothing is set."""
        return [] if self.shape in ("texts", "objects") else None


@dataclass(frozen=True)
class Kind:
    """One type of directory object as Graph shows it."""

    name: str
    resource: str
    collection: str
    properties: dict[str, Property]
    default: tuple[str, ...]
    searchable: tuple[str, ...]
    expandable: tuple[str, ...]

    @property
    def odata_type(self) -> str:
        """The type's name in `@odata.type`."""
        return f"#microsoft.graph.{self.name if self.name != 'contact' else 'orgContact'}"

    @cached_property
    def filterable(self) -> Filterable:
        """The operators that the documentation gives for each property."""
        operators = {name: p.operators for name, p in self.properties.items() if p.operators}
        if self.name == "user":
            operators["signInActivity/lastSignInDateTime"] = frozenset({"eq", "ne", "ge", "le"})
        return Filterable(
            self.resource,
            operators,
            {name.lower(): name for name in operators},
            frozenset(name for name, p in self.properties.items() if p.advanced),
            frozenset(name.lower() for name in FILTERS_NOT_SIMULATED.get(self.name, ())),
        )

    @cached_property
    def names(self) -> dict[str, str]:
        """Lower-case names to the spelling that Graph answers with."""
        return {name.lower(): name for name in self.properties}


def _properties(table: str) -> dict[str, Property]:
    """Rows `name shape access operators`; access is `r`, `w` or `w<maximum>`; `*` stands for the usual text operators.

    `+` marks those that take a filter in advanced queries alone:
    https://learn.microsoft.com/graph/aad-advanced-queries#support-for-filter-by-properties-of-microsoft-entra-id-directory-objects
    """
    found = {}
    for row in table.strip().splitlines():
        name, shape, access, *operators = row.split()
        words = " ".join(_TEXT if word == "*" else word for word in operators).split()
        maximum = int(access[1:]) if access[1:] else None
        found[name] = Property(name, shape, access[0] == "w", maximum, frozenset(words) - {"+"}, "+" in words)
    return found


USER = Kind(
    name="user",
    resource="User",
    collection="users",
    properties=_properties(
        """
        id text r eq ne in
        accountEnabled flag w eq ne in
        ageGroup text w eq ne in
        assignedLicenses objects r any eq
        assignedPlans objects r any eq +
        businessPhones texts w any eq startswith +
        city text w128 *
        companyName text w64 * +
        consentProvidedForMinor text w eq ne in
        country text w128 *
        createdDateTime moment r eq ne ge le in
        creationType text r eq ne in
        deletedDateTime moment r eq ne ge le in
        department text w64 *
        displayName text w256 *
        employeeHireDate moment w eq ne ge le in +
        employeeId text w16 *
        employeeOrgData object w
        employeeType text w eq ne ge le in startswith +
        externalUserState text r eq ne in
        externalUserStateChangeDateTime text r eq ne in
        faxNumber text w * +
        givenName text w64 *
        identities objects w any eq
        imAddresses texts r any eq startswith
        isManagementRestricted flag r
        isResourceAccount flag r
        jobTitle text w128 *
        lastPasswordChangeDateTime moment r
        legalAgeGroupClassification text r
        licenseAssignmentStates objects r
        mail text w * endswith
        mailNickname text w64 *
        mobilePhone text w64 * +
        officeLocation text w128 * +
        onPremisesDistinguishedName text r
        onPremisesDomainName text r
        onPremisesExtensionAttributes object w
        onPremisesImmutableId text w eq ne ge le in
        onPremisesLastSyncDateTime moment r eq ne ge le in
        onPremisesProvisioningErrors objects r
        onPremisesSamAccountName text r eq ne ge le in startswith +
        onPremisesSecurityIdentifier text r eq null
        onPremisesSyncEnabled flag r eq ne in null
        onPremisesUserPrincipalName text r eq ne ge le in startswith
        otherMails texts w250 any eq ge le in startswith endswith
        passwordPolicies text w
        passwordProfile object w
        postalCode text w40 * +
        preferredDataLocation text w
        preferredLanguage text w * +
        provisionedPlans objects r
        proxyAddresses texts r any eq ge le startswith endswith
        securityIdentifier text r eq ge le startswith
        serviceProvisioningErrors objects r
        showInAddressList flag w
        signInActivity object r
        signInSessionsValidFromDateTime moment r
        state text w128 *
        streetAddress text w1024 * +
        surname text w64 *
        usageLocation text w2 *
        userPrincipalName text w eq ne ge le in startswith endswith
        userType text w eq ne in null
        """
    ),
    default=(
        "businessPhones",
        "displayName",
        "givenName",
        "jobTitle",
        "mail",
        "mobilePhone",
        "officeLocation",
        "preferredLanguage",
        "surname",
        "userPrincipalName",
        "id",
    ),
    searchable=("displayName", "mail", "userPrincipalName", "givenName", "surname", "otherMails", "mobilePhone"),
    expandable=("sponsors", "memberOf"),
)

GROUP = Kind(
    name="group",
    resource="Group",
    collection="groups",
    properties=_properties(
        """
        id text r eq ne in
        deletedDateTime moment r eq ne ge le in
        allowExternalSenders flag w
        assignedLabels objects w
        assignedLicenses objects r any eq
        autoSubscribeNewMembers flag w
        classification text w eq ne ge le startswith
        createdDateTime moment r eq ne ge le in
        creationOptions texts r
        description text w1024 eq ne ge le startswith +
        displayName text w256 *
        expirationDateTime moment r eq ne ge le in +
        groupTypes texts w any eq
        hideFromAddressLists flag w
        hideFromOutlookClients flag w
        isAssignableToRole flag r eq ne
        isManagementRestricted flag r
        isSubscribedByMail flag r
        mail text r *
        mailEnabled flag w eq ne
        mailNickname text w64 *
        membershipRule text w eq ne ge le startswith
        membershipRuleProcessingState text w eq ne in
        onPremisesDomainName text r
        onPremisesLastSyncDateTime moment r eq ne ge le in
        onPremisesNetBiosName text r
        onPremisesProvisioningErrors objects r
        onPremisesSamAccountName text r eq ne ge le in startswith +
        onPremisesSecurityIdentifier text r eq null
        onPremisesSyncEnabled flag r eq ne in null
        preferredDataLocation text w
        preferredLanguage text w * +
        proxyAddresses texts r any eq ge le startswith endswith
        renewedDateTime moment r eq ne ge le in
        resourceBehaviorOptions texts r
        resourceProvisioningOptions texts r any eq startswith
        securityEnabled flag w eq ne in
        securityIdentifier text r
        serviceProvisioningErrors objects r
        theme text w
        uniqueName text r eq
        unseenCount text r
        visibility text w
        """
    ),
    default=(
        "id",
        "deletedDateTime",
        "classification",
        "createdDateTime",
        "creationOptions",
        "description",
        "displayName",
        "expirationDateTime",
        "groupTypes",
        "isAssignableToRole",
        "mail",
        "mailEnabled",
        "mailNickname",
        "membershipRule",
        "membershipRuleProcessingState",
        "onPremisesDomainName",
        "onPremisesLastSyncDateTime",
        "onPremisesNetBiosName",
        "onPremisesSamAccountName",
        "onPremisesSecurityIdentifier",
        "onPremisesSyncEnabled",
        "preferredDataLocation",
        "preferredLanguage",
        "proxyAddresses",
        "renewedDateTime",
        "resourceBehaviorOptions",
        "resourceProvisioningOptions",
        "securityEnabled",
        "securityIdentifier",
        "theme",
        "uniqueName",
        "visibility",
        "onPremisesProvisioningErrors",
    ),
    searchable=("displayName", "description", "mail", "mailNickname"),
    expandable=("members", "owners"),
)

CONTACT = Kind(
    name="contact",
    resource="OrgContact",
    collection="contacts",
    properties=_properties(
        """
        id text r eq ne in
        deletedDateTime moment r eq ne ge le in
        addresses objects r
        companyName text r * +
        department text r *
        displayName text r *
        givenName text r *
        jobTitle text r *
        mail text r *
        mailNickname text r *
        onPremisesLastSyncDateTime moment r eq ne ge le in
        onPremisesProvisioningErrors objects r
        onPremisesSyncEnabled flag r eq ne in null
        phones objects r
        proxyAddresses texts r any eq ge le startswith
        surname text r *
        """
    ),
    default=(
        "id",
        "deletedDateTime",
        "addresses",
        "companyName",
        "department",
        "displayName",
        "givenName",
        "jobTitle",
        "mail",
        "mailNickname",
        "onPremisesLastSyncDateTime",
        "onPremisesProvisioningErrors",
        "onPremisesSyncEnabled",
        "phones",
        "proxyAddresses",
        "surname",
    ),
    searchable=("displayName",),
    expandable=(),
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in (USER, GROUP, CONTACT)}

# Properties that Graph has and the simulation does not: selecting one answers 501 instead of a null that means nothing.
NOT_SIMULATED: dict[str, frozenset[str]] = {
    "user": frozenset(
        (
            *("aboutMe", "authorizationInfo", "birthday", "cloudRealtimeCommunicationInfo", "customSecurityAttributes"),
            *("deviceEnrollmentLimit", "employeeLeaveDateTime", "hireDate", "identityParentId", "infoCatalogs", "interests"),
            *("mailboxSettings", "mySite", "onPremisesSyncBehavior", "pastProjects", "preferredName", "print"),
            *("responsibilities", "schools", "skills"),
        )
    ),
    "group": frozenset(
        (
            *("accessType", "hasMembersWithLicenseErrors", "infoCatalogs", "isArchived", "isFavorite", "licenseProcessingState"),
            *("onPremisesExtensionAttributes", "organizationId", "unseenConversationsCount", "unseenMessagesCount"),
            "welcomeMessageEnabled",
        )
    ),
    "contact": frozenset(("onPremisesSyncBehavior", "serviceProvisioningErrors")),
}
# What Graph documents filters by and the simulation does not have.
FILTERS_NOT_SIMULATED: dict[str, tuple[str, ...]] = {
    "user": (
        *("createdObjects", "customSecurityAttributes", "employeeOrgData", "infoCatalogs", "manager"),
        *("onPremisesExtensionAttributes", "passwordProfile", "provisionedPlans"),
    ),
    "group": ("createdByAppId", "createdOnBehalfOf", "hasMembersWithLicenseErrors", "infoCatalogs"),
    "contact": ("manager",),
}
EXPANSIONS_NOT_SIMULATED: dict[str, frozenset[str]] = {
    "user": frozenset(
        (
            *("appRoleAssignments", "directReports", "manager", "ownedDevices", "ownedObjects", "registeredDevices"),
            "transitiveMemberOf",
        )
    ),
    "group": frozenset(("appRoleAssignments", "extensions", "memberOf", "transitiveMemberOf", "transitiveMembers")),
    "contact": frozenset(("directReports", "manager", "memberOf", "transitiveMemberOf")),
}
