"""Another organization: its tenant id, its domains, its name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Partner:
    """`tenant_id` is the partner's directory id (a GUID, lower case); `domains` are lower case."""

    tenant_id: str
    name: str
    domains: tuple[str, ...]
