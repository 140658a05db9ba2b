"""Whose accounts Microsoft's own products end, as this process has read it within the last minutes.

To read it takes as many pages as the tenant has reviews and workflows, and the deeds of a run come one after another: so it is read for all of
them, and again when it may have changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

KEPT = timedelta(minutes=5)


@dataclass
class Owners:
    """By object id: in words, which product ends the account. `reading` is held by whoever reads it."""

    words: Mapping[str, str] = field(default_factory=dict)
    read: datetime | None = None
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    def known(self, now: datetime) -> bool:
        """It was read, and not too long ago."""
        return self.read is not None and now - self.read < KEPT

    def keep(self, words: Mapping[str, str], now: datetime) -> None:
        """This was read now."""
        self.words, self.read = words, now
