"""Whether the chain of seals is the one whose heads were exported."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shared.blobs import Blobs
from shared.nouns.outcomes import NotYet, WontWork
from shared.seal import USUAL_DELAY, Flaw, Seal
from shared.verbs.export_seals import blob_name, content_of
from shared.verbs.world import World

# The latest ones, read within a few seconds. Each head is a hash over all before it.
MOST_COMPARED = 5_000
AT_ONCE = 16


async def against_exported(world: World, seals: Sequence[Seal]) -> tuple[dict[str, Any], list[Flaw]]:
    """What is said of the exported heads, and the flaws: a head that differs, is missing for more than a day, or is of a seal
    that the chain does not have. Where they cannot be read, that is a flaw too: nothing was proved. `seals` in order."""
    blobs = world.blobs
    if blobs is None:
        return {"container": None, "compared": 0}, []
    compared = seals[-MOST_COMPARED:]
    try:
        heads = await _heads(blobs, [seal.number for seal in compared])
        flaws = [flaw for seal in compared if (flaw := _flaw(seal, heads[seal.number], world.clock()))]
        flaws += await _cut_short(world, blobs, seals[-1].number if seals else 0)
    except (NotYet, WontWork) as error:
        return {"container": blobs.place, "compared": 0}, [Flaw("export", "exported heads", f"were not compared: {error.reason}")]
    there = sum(content is not None for content in heads.values())
    return {"container": blobs.place, "compared": there, "notExported": len(compared) - there}, flaws


async def _heads(blobs: Blobs, numbers: Sequence[int]) -> dict[int, bytes | None]:
    found: dict[int, bytes | None] = {}
    for start in range(0, len(numbers), AT_ONCE):
        batch = numbers[start : start + AT_ONCE]
        contents = await asyncio.gather(*(blobs.get(blob_name(number)) for number in batch), return_exceptions=True)
        for number, content in zip(batch, contents, strict=True):
            if isinstance(content, BaseException):
                raise content
            found[number] = content
    return found


def _flaw(seal: Seal, content: bytes | None, now: datetime) -> Flaw | None:
    where = f"seal {seal.number}"
    if content is None:
        late = now - seal.at > USUAL_DELAY
        return Flaw("export", where, "is more than a day old, and its head is not among the exported ones") if late else None
    if content != content_of(seal):
        return Flaw(
            "export", where, "is not the one whose head was exported: the chain was made anew, or the export tampered with"
        )
    return None


async def _cut_short(world: World, blobs: Blobs, last: int) -> list[Flaw]:
    """Heads are exported in order, so what was cut off a chain shows in the one that would be next."""
    if await blobs.get(blob_name(last + 1)) is None:
        return []
    # It may have been sealed since the chain was read.
    newest = await world.tables.seals.last()
    if newest is not None and newest.number > last:
        return []
    return [Flaw("export", f"seal {last + 1}", "was exported, and the chain ends before it: it was cut short")]
