"""Why nothing can be done with a group that is there, as sentences for people."""

import re
from collections.abc import Mapping

from shared.nouns.json_text import Json
from shared.nouns.state import State
from shared.nouns.step import Subject

_KINDS = {
    "role-assignable": "it can be assigned to directory roles, and guests are never given those here",
    "dynamic": "a rule of its own decides who is in it",
    "synced": "it comes from on-premises",
    "mail-enabled-security": "it is a mail-enabled security group",
    "distribution": "it is a distribution list",
    "security": "it is no Microsoft 365 group",
}
_HIDDEN = "HiddenMembership"


def explain(subject: Subject, actual: State) -> str | None:
    """Owners who are none of our people, a group of somebody else, one of another kind, or a label that keeps guests out."""
    nickname = subject.details.get("mailNickname")
    if isinstance(nobody := actual.get("nobody"), tuple) and nobody:
        return f"{', '.join(nobody)} of group {subject.name} is not one of our own people in the directory: name somebody else"
    if isinstance(several := actual.get("conflict"), tuple) and several:
        return f"Groups {' and '.join(several)} have the nickname {nickname}: choose another mailNickname"
    if deleted := actual.get("deleted"):
        return f"Group {deleted} was deleted by somebody: restore it within 30 days, or send a new request for another one"
    return _of_group(subject, actual) if actual.get("group") else None


def label_in_words(actual: State) -> str:
    """The label's name and id."""
    return re.sub(r"\s+", " ", f"{actual.get('label_name') or ''} ({actual.get('label')})").strip()


def _of_group(subject: Subject, actual: State) -> str | None:
    details, group, nickname = subject.details, actual.get("group"), subject.details.get("mailNickname")
    if why := _KINDS.get(str(actual.get("kind"))):
        return f"Group {group} has the nickname {nickname}, and {why}: choose another mailNickname"
    if not actual.get("marked") and details.get("existing") != "use" and subject.ids.get("group") != group:
        return (
            f"Group {group} has the nickname {nickname} and was not made for {subject.partner.name} as {subject.name}: choose another "
            'mailNickname, or say existing = "use" if that group is meant'
        )
    if actual.get("closed"):
        return f"Group {group} keeps guests out by its sensitivity label {label_in_words(actual)}: choose another label or group"
    return _unchangeable(details, actual)


def _unchangeable(details: Mapping[str, Json], actual: State) -> str | None:
    asked = str(details.get("sensitivityLabel") or "").lower()
    if asked and actual.get("label") and actual.get("label") != asked:
        return (
            f"Group {actual.get('group')} has the sensitivity label {label_in_words(actual)}, and {asked} is asked for: labels of others "
            "are not replaced, so decide which one it is to have"
        )
    if details.get("existing") != "use" and (actual.get("visibility") == _HIDDEN) != (details.get("visibility") == _HIDDEN):
        return f"Group {actual.get('group')} is {actual.get('visibility')}: hidden membership can only be chosen when a group is made"
    return None
