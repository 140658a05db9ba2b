"""All steps, in the order in which a request is planned."""

from shared.nouns.step import Step
from shared.steps.add_to_group import ADD_TO_GROUP
from shared.steps.add_to_workspace import ADD_TO_WORKSPACE
from shared.steps.allow_domain import ALLOW_DOMAIN
from shared.steps.allow_federation import ALLOW_FEDERATION
from shared.steps.invite_guest import INVITE_GUEST
from shared.steps.limit_site import LIMIT_SITE
from shared.steps.set_capabilities import SET_CAPABILITIES
from shared.steps.set_organization_relationship import SET_ORGANIZATION_RELATIONSHIP
from shared.steps.set_partner_configuration import SET_PARTNER_CONFIGURATION
from shared.steps.share_item import SHARE_ITEM
from shared.steps.share_site import SHARE_SITE
from shared.tenant import Tenant

STEPS: tuple[Step[Tenant], ...] = (
    SET_PARTNER_CONFIGURATION,
    SET_CAPABILITIES,
    INVITE_GUEST,
    ADD_TO_GROUP,
    SET_ORGANIZATION_RELATIONSHIP,
    ALLOW_DOMAIN,
    LIMIT_SITE,
    SHARE_SITE,
    SHARE_ITEM,
    ALLOW_FEDERATION,
    ADD_TO_WORKSPACE,
)
