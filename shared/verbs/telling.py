"""How a change is put on queue `tenant-changes`: all that the webhook does with one, which therefore imports no reaction."""

from datetime import datetime

from shared.bus import Envelope
from shared.nouns.changes import Change
from shared.topology import TENANT_CHANGES


def told(change: Change, at: datetime | None = None) -> Envelope:
    """The message that tells the change."""
    body = change.model_dump_json(exclude_defaults=True)
    return Envelope(queue=TENANT_CHANGES, message_id=change.message_id(), body=body, at=at)
