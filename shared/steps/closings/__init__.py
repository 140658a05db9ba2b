"""The ways by which a partner gets at what is ours, each as a part that is read, closed and, where that is ours to do, reopened.

`close-partner`, `prove-closed` and the emergency block all go by this list, so that none of them knows a way that another does not.
"""

from shared.steps.closings.access import ACCESS
from shared.steps.closings.capabilities import CAPABILITIES
from shared.steps.closings.connectors import CONNECTORS
from shared.steps.closings.federation import FEDERATION
from shared.steps.closings.part import Part
from shared.steps.closings.relationship import RELATIONSHIP
from shared.steps.closings.sharing_policy import SHARING_POLICY

# In the order in which they are closed: what lets people in comes first.
PARTS: tuple[Part, ...] = (ACCESS, FEDERATION, CAPABILITIES, RELATIONSHIP, CONNECTORS, SHARING_POLICY)
