"""A mail of ours goes out once."""

from collections.abc import Sequence

from shared.mails import Values, spoken, write
from shared.nouns.outcomes import NotYet
from shared.tenant import Tenant


async def notify(tenant: Tenant, mail: str, language: str, values: Values, *, to: Sequence[str], mark: str, about: str) -> bool:
    """The mail with this mark is sent; False where it had been before. For whoever keeps no intents of their own.

    `to` are addresses, `about` stands for them in what is said. Bears repetition after a lost answer, once the Sent Items show the
    mail. Raises NotYet and WontWork.
    """
    if await tenant.mailbox.was_sent(mark, about=about):
        return False
    written = write(mail, spoken(language), values)
    try:
        await tenant.mailbox.send(written, to, mark=mark, about=about)
    except NotYet as error:
        if error.effect_unknown:
            # Soon enough it stands among the Sent Items, or it never went.
            raise NotYet(error.reason, after=max(error.after, SENT_ITEMS_WAIT), effect_unknown=True) from None
        raise
    return True


SENT_ITEMS_WAIT = 60.0
