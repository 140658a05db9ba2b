"""Choices that look like chance and are the same in every run with the same seed."""

import hashlib
import uuid
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chance:
    """Answers every question from the seed and the question's own words, never from the order of unrelated questions."""

    seed: str = "entente"

    def fraction(self, *words: object) -> float:
        """A number in [0, 1) that is the same for the same words."""
        return int.from_bytes(self._digest(words)[:7]) / (1 << 56)

    def identifier(self, *words: object) -> str:
        """A UUID that is the same for the same words."""
        return str(uuid.UUID(bytes=self._digest(words)[:16], version=4))

    def _digest(self, words: tuple[object, ...]) -> bytes:
        return hashlib.blake2b("\x1f".join(map(str, (self.seed, *words))).encode(), digest_size=16).digest()
