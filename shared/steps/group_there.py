"""A group that a step is about is there, or it is not, or nobody can tell yet."""

from shared.nouns.outcomes import NotYet
from shared.nouns.step import Subject

REPLICATION_WAIT = 5.0


def there[Group](subject: Subject, group: Group | None) -> Group | None:
    """What was read of the subject's group.

    Raises NotYet where nothing was found of a group that the same request has just made: the replica that answered is behind.
    https://learn.microsoft.com/entra/architecture/architecture
    """
    if group is None and subject.new_group:
        raise NotYet(f"Group {subject.group} is not known everywhere in the directory yet", after=REPLICATION_WAIT)
    return group
