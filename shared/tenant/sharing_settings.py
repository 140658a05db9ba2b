"""How SharePoint and OneDrive share with people outside, as a plain value."""

from dataclasses import dataclass

NONE, ALLOW_LIST, BLOCK_LIST = "none", "allowList", "blockList"


@dataclass(frozen=True)
class Sharing:
    """`capability` is disabled, existingExternalUserSharingOnly, externalUserSharingOnly or externalUserAndGuestSharing.

    `mode` is none, allowList or blockList; a list that the mode does not use has no effect. Domains are in lower case.
    """

    capability: str
    mode: str
    allowed: tuple[str, ...]
    blocked: tuple[str, ...]
    resharing: bool | None = None
    same_account: bool | None = None

    @property
    def listed(self) -> tuple[str, ...]:
        """The list that is in force."""
        return {ALLOW_LIST: self.allowed, BLOCK_LIST: self.blocked}.get(self.mode, ())

    def allows(self, domain: str) -> bool:
        """Whether the list lets people of the domain in. Entries have no wildcards; one is taken for its own domain only.

        https://learn.microsoft.com/sharepoint/restricted-domains-sharing
        """
        if self.mode == ALLOW_LIST:
            return domain in self.allowed
        return not (self.mode == BLOCK_LIST and domain in self.blocked)
