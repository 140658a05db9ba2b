"""Refusals that name nobody, as this process has met them since it last wrote some down (`nameless.py`): a flood of them costs the tables little."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Met:
    """How many of a kind there were in an hour whose first few stand in the journal already."""

    hour: str
    since: datetime
    more: int = 0


@dataclass
class Nameless:
    """By kind, what this process has met."""

    met: dict[str, Met] = field(default_factory=dict)
