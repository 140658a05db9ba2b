"""The head of every seal is kept where it cannot be changed: in a container of blobs, if the settings name one."""

import json

from shared.log import log
from shared.nouns.outcomes import NotYet, WontWork
from shared.seal import Seal
from shared.verbs.world import World

# A run of the timer ends well within a function's time; the next one goes on.
MOST_EXPORTS_PER_RUN = 500


async def export_seals(world: World) -> int:
    """Seals are among the exported heads, in order, up to the last one or the first that could not be. How many were added.

    How far it has come is written down after them: what a dead worker or a lost answer has left open is put once more, which
    changes nothing. The last one exported is put once more too, so that no chain goes on that was made anew beneath it.
    A failure is logged and tried again by the next run; it is not raised. Only what the tables say is (NotYet).
    """
    blobs, seals = world.blobs, world.tables.seals
    if blobs is None:
        return 0
    before = await seals.exported(blobs.place)
    last = await seals.last()
    if (last.number if last else 0) == before:
        return 0
    if last is None or last.number < before:
        _warn(
            before, "was exported, and is in the chain no more: the chain was cut short. Run `entente journal PARTNER --verify`"
        )
        return 0
    reached = before
    async for seal in seals.chain(behind=max(before - 1, 0), most=MOST_EXPORTS_PER_RUN + 1):
        try:
            await blobs.put_once(blob_name(seal.number), content_of(seal))
        except (NotYet, WontWork) as error:
            _warn(seal.number, error.reason)
            break
        reached = max(reached, seal.number)
    if reached > before:
        await seals.note_exported(blobs.place, reached)
    return reached - before


def blob_name(number: int) -> str:
    """The name under which the head of this number is exported; names sort as numbers do."""
    return f"{number:012}.json"


def content_of(seal: Seal) -> bytes:
    """What is exported of a seal: no request and nobody's id. The same bytes whenever it is asked."""
    said = {"number": seal.number, "hash": seal.digest, "at": seal.at.isoformat(), "entries": len(seal.entries)}
    return json.dumps(said, separators=(",", ":")).encode()


def _warn(number: int, reason: str) -> None:
    log.warning("seal not exported", seal=number, reason=reason)
