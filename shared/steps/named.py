"""What the blocks of named subjects have in common."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from shared.nouns.checked import checked


def _site(value: str) -> str:
    if not re.fullmatch(r"https://[A-Za-z0-9-]+\.sharepoint(\.com|\.us|\.cn|-mil\.us)(/[^\s?#'\"]*)?", value):
        raise ValueError("must be the URL of a SharePoint site such as https://contoso.sharepoint.com/sites/project")
    return value.rstrip("/")


def _object_id(value: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value):
        raise ValueError("must be an id (a GUID)")
    return value.lower()


SiteUrl = Annotated[str, Field(max_length=400), AfterValidator(_site)]
ObjectId = Annotated[str, AfterValidator(_object_id)]
GroupName = Annotated[str, Field(min_length=1, max_length=120)]


def block[Block: BaseModel](model: type[Block], given: Mapping[str, object], step: str, name: str) -> Block:
    """The block of one name, checked. Raises Refusal by field."""
    return checked(model, dict(given), ("steps", step, *((name,) if name else ())))


def blocks[Block: BaseModel](model: type[Block], given: Mapping[str, object], step: str) -> dict[str, Block]:
    """All blocks of a step by name, checked, as a preflight has them. Raises Refusal by field."""
    return {name: block(model, one, step, name) for name, one in given.items() if isinstance(one, Mapping)}
