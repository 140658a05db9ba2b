"""How a group or community says for which partner it was made, and who of our people owns it."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from shared.nouns.json_text import Json
from shared.nouns.step import Subject
from shared.tenant import Tenant

MOST_DESCRIPTION = 1_024
_GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
Owner = Annotated[
    str,
    Field(
        max_length=254,
        pattern=rf"^({_GUID}|[^\s@#'/?%]+@[^\s@#'/?%]+)$",
        description="Object id or user principal name of one of our people.",
    ),
]
Owners = Annotated[list[Owner], Field(min_length=1, max_length=20)]


def mark(subject: Subject) -> str:
    """What stands in the description of whatever we make: readable for people, the same in every request.

    It tells what is ours apart from what others made under the same name; it is no proof, since whoever may write a
    description may write it too.
    """
    return f"[Entente {subject.partner.tenant_id.lower()}/{subject.name}]"


def described(words: str, subject: Subject) -> str:
    """The description with our mark behind it, cut to what the platform takes."""
    tail = mark(subject)
    return f"{words[: MOST_DESCRIPTION - len(tail) - 1]} {tail}".strip()


def is_marked(description: str, subject: Subject) -> bool:
    return mark(subject) in description


def named_owners(details: Json) -> tuple[str, ...]:
    """The owners in a task's details, each once."""
    return tuple(dict.fromkeys(str(owner) for owner in details)) if isinstance(details, list) else ()


async def find_owners(tenant: Tenant, named: Sequence[str]) -> tuple[str, ...]:
    """Their object ids in the order given, "" for one whom the directory does not have or who belongs to another organization."""
    found = []
    for name in named:
        user = await (tenant.users.by_principal_name(name) if "@" in name else tenant.users.by_id(name))
        found.append(user.id if user and not user.external and user.user_type != "Guest" else "")
    return tuple(found)


def as_named(named: Sequence[str], ids: Sequence[str], owners: Sequence[str]) -> tuple[str, ...]:
    """Those of the named people who are owners, as a state may show them: object ids, and `owner 2` for one named by address."""
    return tuple(shown for shown, user in zip(shown_names(named), ids, strict=True) if user in owners)


def shown_names(named: Sequence[str]) -> tuple[str, ...]:
    """The names without addresses."""
    return tuple(f"owner {position}" if "@" in name else name.lower() for position, name in enumerate(named, start=1))


def nobody_of_ours(named: Sequence[str], ids: Sequence[str]) -> tuple[str, ...]:
    """The named people who cannot own anything of ours."""
    return tuple(shown for shown, user in zip(shown_names(named), ids, strict=True) if not user)
