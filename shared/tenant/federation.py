"""Teams' external access as a plain value, and what may be done to its list.

https://learn.microsoft.com/powershell/module/teams/set-cstenantfederationconfiguration
"""

from dataclasses import dataclass

from shared.nouns.outcomes import WontWork

MOST_DOMAINS = 4_000
WHERE = "Teams admin center, External access"


@dataclass(frozen=True)
class Federation:
    """Teams' external access as it was read. Domains are in lower case.

    `allowed` is None where every domain is allowed that is not blocked; a list, even an empty one, allows its own domains only,
    and the block list is then ignored. `users` False closes everything, whatever the lists say.
    """

    users: bool
    allowed: tuple[str, ...] | None
    blocked: tuple[str, ...]
    blocked_below: bool
    consumers: bool | None
    consumers_inbound: bool | None

    def blocks(self, domain: str) -> str | None:
        """The entry of the block list that keeps the domain out, or None."""
        if self.allowed is not None:
            return None
        return next((one for one in self.blocked if domain == one or (self.blocked_below and domain.endswith(f".{one}"))), None)

    def allows(self, domain: str) -> bool:
        """Whether the lists let people of the domain in (external access itself may be off)."""
        return self.blocks(domain) is None if self.allowed is None else domain in self.allowed


def changed(now: Federation, add: tuple[str, ...], remove: tuple[str, ...]) -> tuple[str, ...] | None:
    """The list of allowed domains with these more and those less, or None where nothing is to be written.

    Raises WontWork where the mode would change, or the list would be empty or too long.
    """
    if now.allowed is None:
        # Writing a first domain would turn "everybody" into "this partner alone".
        if remove:
            raise WontWork(
                f"Teams allows every domain now, where it had a list when {', '.join(remove)} was added: look at it by hand ({WHERE})"
            )
        return None
    if not now.allowed:
        raise WontWork(
            "Teams has a list of allowed domains with nothing in it, which some tenants show for nobody and some for everybody: put one "
            f"domain in by hand that may stay ({WHERE})"
        )
    wanted = (set(now.allowed) | set(add)) - set(remove)
    if not wanted:
        raise WontWork(
            f"{', '.join(sorted(remove))} is all that Teams allows: without it the list would be empty, and an empty list may mean every "
            f"domain. Put another domain in, or switch external access off ({WHERE})"
        )
    if len(wanted) > MOST_DOMAINS:
        raise WontWork(
            f"Teams takes {MOST_DOMAINS} allowed domains, and {len(wanted)} would be in the list: take some out ({WHERE})"
        )
    return None if wanted == set(now.allowed) else tuple(sorted(wanted))


def by_hand(add: tuple[str, ...] = (), remove: tuple[str, ...] = ()) -> str:
    """What a person runs, with Teams PowerShell and the role Teams Administrator. It changes nothing where every domain is allowed."""
    lines = [
        "Connect-MicrosoftTeams",
        "$now = (Get-CsTenantFederationConfiguration).AllowedDomains",
        "$now  # AllowAllKnownDomains: stop here",
    ]
    for verb, domains in (("Add", add), ("Remove", remove)):
        if domains:
            lines.append("$list = New-Object Collections.Generic.List[String]")
            lines += [f'$list.Add("{domain}")' for domain in domains]
            lines.append(f"Set-CsTenantFederationConfiguration -AllowedDomainsAsAList @{{{verb}=$list}}")
    if remove:
        lines.insert(3, "# If these are the only domains in the list, stop: an empty list may mean every domain.")
    return "\n".join(lines)


def blocked_by_hand(add: tuple[str, ...] = (), remove: tuple[str, ...] = ()) -> str:
    """What a person runs where every domain is allowed, to block some or to let them in again."""
    lines = ["Connect-MicrosoftTeams"]
    for verb, domains in (("Add", add), ("Remove", remove)):
        lines += [f'Set-CsTenantFederationConfiguration -BlockedDomains @{{{verb}="{domain}"}}' for domain in domains]
    return "\n".join(lines)
