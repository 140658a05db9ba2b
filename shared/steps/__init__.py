"""All steps, in the order in which a request is planned."""

from shared.nouns.step import Step
from shared.steps.add_to_group import ADD_TO_GROUP
from shared.steps.add_to_workspace import ADD_TO_WORKSPACE
from shared.steps.allow_domain import ALLOW_DOMAIN
from shared.steps.allow_federation import ALLOW_FEDERATION
from shared.steps.block_guest import BLOCK_GUEST
from shared.steps.change_guest_address import CHANGE_GUEST_ADDRESS
from shared.steps.close_partner import CLOSE_PARTNER
from shared.steps.create_community import CREATE_COMMUNITY
from shared.steps.create_group import CREATE_GROUP
from shared.steps.delete_guest import DELETE_GUEST
from shared.steps.expire_guest import EXPIRE_GUEST
from shared.steps.invite_guest import INVITE_GUEST
from shared.steps.limit_site import LIMIT_SITE
from shared.steps.prove_closed import PROVE_CLOSED
from shared.steps.restore_guest import RESTORE_GUEST
from shared.steps.set_capabilities import SET_CAPABILITIES
from shared.steps.set_group_guest_settings import SET_GROUP_GUEST_SETTINGS
from shared.steps.set_guest_details import SET_GUEST_DETAILS
from shared.steps.set_inbound_connector import SET_INBOUND_CONNECTOR
from shared.steps.set_organization_relationship import SET_ORGANIZATION_RELATIONSHIP
from shared.steps.set_outbound_connector import SET_OUTBOUND_CONNECTOR
from shared.steps.set_partner_configuration import SET_PARTNER_CONFIGURATION
from shared.steps.set_remote_domain import SET_REMOTE_DOMAIN
from shared.steps.set_sharing_policy import SET_SHARING_POLICY
from shared.steps.share_item import SHARE_ITEM
from shared.steps.share_site import SHARE_SITE
from shared.steps.team_enable_group import TEAM_ENABLE_GROUP
from shared.steps.tell_owners import TELL_OWNERS
from shared.steps.unshare_with_guest import UNSHARE_WITH_GUEST
from shared.steps.warn_guest import WARN_GUEST
from shared.steps.welcome_guest import WELCOME_GUEST
from shared.tenant import Tenant

STEPS: tuple[Step[Tenant], ...] = (
    SET_PARTNER_CONFIGURATION,
    SET_CAPABILITIES,
    CREATE_GROUP,
    CHANGE_GUEST_ADDRESS,
    CREATE_COMMUNITY,
    SET_GROUP_GUEST_SETTINGS,
    TEAM_ENABLE_GROUP,
    INVITE_GUEST,
    SET_GUEST_DETAILS,
    ADD_TO_GROUP,
    WELCOME_GUEST,
    TELL_OWNERS,
    SET_ORGANIZATION_RELATIONSHIP,
    SET_SHARING_POLICY,
    SET_INBOUND_CONNECTOR,
    SET_OUTBOUND_CONNECTOR,
    SET_REMOTE_DOMAIN,
    ALLOW_DOMAIN,
    LIMIT_SITE,
    SHARE_SITE,
    SHARE_ITEM,
    ALLOW_FEDERATION,
    ADD_TO_WORKSPACE,
    BLOCK_GUEST,
    WARN_GUEST,
    EXPIRE_GUEST,
    UNSHARE_WITH_GUEST,
    DELETE_GUEST,
    RESTORE_GUEST,
    CLOSE_PARTNER,
    PROVE_CLOSED,
)
