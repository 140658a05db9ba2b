"""All steps, in the order in which a request is planned."""

from shared.nouns.step import Step
from shared.steps.add_to_group import ADD_TO_GROUP
from shared.steps.invite_guest import INVITE_GUEST
from shared.steps.set_organization_relationship import SET_ORGANIZATION_RELATIONSHIP
from shared.tenant import Tenant

STEPS: tuple[Step[Tenant], ...] = (INVITE_GUEST, ADD_TO_GROUP, SET_ORGANIZATION_RELATIONSHIP)
