"""A link that we have not signed: in the log, where many of them raise an alert (`infra/alerts.json`), and in the journal of nobody."""

from shared.asking import claimed
from shared.log import log
from shared.nouns.outcomes import NotYet
from shared.verbs.nameless import ANYBODY, FORGED, is_counted, note_nameless
from shared.verbs.world import World


async def forged(world: World, token: str, what: str) -> None:
    """Somebody has `opened` or `answered` such a link. What it says is told as a claim, and only as far as we have asked just that; never raises."""
    log.warning("link not signed by us")
    # A flood of them is counted, and costs no look at anything.
    about = "" if is_counted(world, FORGED) else await _claim(world, token)
    await note_nameless(world, FORGED, ANYBODY, f"{what}: a link that we have not signed{about}")


async def _claim(world: World, token: str) -> str:
    claim = claimed(token)
    if claim is None:
        return ", which has not even the form of one"
    try:
        question = await world.tables.asks.get(claim.partner.lower(), claim.person)
    except NotYet:
        return ""
    if question is None or question.run != claim.run:
        return ", about nothing that we have asked"
    # All of it is known here, so nobody has smuggled anything in; that it was changed or signed with a key of before is all it proves.
    theirs = claim.sponsor.lower() in {*question.sponsors, question.proposed}
    sponsor = f"by sponsor {claim.sponsor.lower()}" if theirs else "by somebody who is not asked"
    return f"; it claims, which proves nothing, to be the question of run {question.run} about guest {question.person}, {sponsor}"
