"""A Microsoft 365 group as a request asks for it, and a group that is there in the request's words."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.nouns.json_text import Json
from shared.nouns.state import Value
from shared.nouns.step import Subject
from shared.steps.made_for import Owners, described, is_marked
from shared.tenant.teamwork import UnifiedGroup

WRITTEN = ("displayName", "description", "visibility")
Nickname = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&*+./=?^_`{|}~-]{1,64}$")]
LabelId = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]


class GroupBlock(BaseModel):
    """What a request says about one Microsoft 365 group; `mailNickname` is the block's name where it is left out.

    That an app may set a label is not verified (facts 2.4): by default (`labelBy`) a person is asked to, and it is read back.
    `existing` says what to do about a group of this nickname that was not made for the partner.
    https://learn.microsoft.com/graph/api/group-post-groups
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True, alias_generator=to_camel)

    display_name: Annotated[str, Field(min_length=1, max_length=256)]
    mail_nickname: Nickname | None = None
    description: Annotated[str, Field(max_length=900)] = ""
    owners: Owners
    visibility: Literal["Private", "Public", "HiddenMembership"] = "Private"
    sensitivity_label: LabelId | None = None
    label_by: Literal["person", "app"] = "person"
    existing: Literal["refuse", "use"] = "refuse"
    welcome_mail: bool = True


def group_in_words(subject: Subject, group: UnifiedGroup) -> dict[str, Value]:
    """The group in the words of the request: a name that the naming policy completed, and a description with our mark, are equal.

    `ours` says that this very task made it: it has our mark, and is not older than the first attempt at making it.
    """
    name, said = str(subject.details.get("displayName")), str(subject.details.get("description") or "")
    return {
        "present": True,
        "group": group.id,
        "kind": group.kind,
        "displayName": name if name in group.name else group.name,
        "description": said if group.description == described(said, subject) else group.description,
        "visibility": group.visibility,
        "label": group.label.id if group.label else None,
        "label_name": group.label.name if group.label else None,
        "marked": is_marked(group.description, subject),
        "ours": is_marked(group.description, subject) and is_older(subject, group) is False,
    }


def is_older(subject: Subject, group: UnifiedGroup) -> bool | None:
    """Whether the group was there before our first attempt at making it (in whole seconds); None where nobody can tell."""
    first = next((intent.at for intent in subject.intents if "present" in intent.change), None)
    return None if first is None or group.created is None else group.created < first.replace(microsecond=0)


def new_group(subject: Subject) -> dict[str, Json]:
    """What a new group is made with, but for its owners."""
    details = subject.details
    values: dict[str, Json] = {key: details[key] for key in ("displayName", "mailNickname", "visibility")}
    values["description"] = described(str(details.get("description") or ""), subject)
    if details.get("welcomeMail") is False:
        # Only taken when a group is made. https://learn.microsoft.com/graph/group-set-options
        values["resourceBehaviorOptions"] = ["WelcomeEmailDisabled"]
    if details.get("sensitivityLabel") and details.get("labelBy") == "app":
        values["assignedLabels"] = [{"labelId": details["sensitivityLabel"]}]
    return values


def written(subject: Subject, change: Mapping[str, Value]) -> dict[str, Json]:
    """The change as Graph takes it; without a label that a person is to set."""
    values: dict[str, Json] = {key: str(change[key]) for key in WRITTEN if change.get(key)}
    if "description" in values:
        values["description"] = described(str(change["description"]), subject)
    if "label" in change and subject.details.get("labelBy") == "app":
        values["assignedLabels"] = [{"labelId": str(change["label"])}]
    return values
