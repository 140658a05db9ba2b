"""What came of a block or a release, for people and for machines."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.nouns.partner import Partner


@dataclass(frozen=True)
class PartOutcome:
    """One part: whether it is `done` now, `said` how or why not, `before` what was open, `lasts` for how long that goes on."""

    key: str
    title: str
    done: bool
    said: str
    before: tuple[str, ...] = ()
    lasts: str = ""


@dataclass(frozen=True)
class PeopleOutcome:
    """How many accounts were found, disabled (or enabled) by this, and left as somebody else had them; `failed` are the others by id."""

    found: int = 0
    switched: int = 0
    left: int = 0
    failed: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    said: str = ""


@dataclass
class Outcome:
    """`lines` are the progress as it was told. `remains` says what still lets the partner in, and `lasting` what goes on for a while."""

    partner: Partner
    request: str = ""
    state: str = ""
    parts: list[PartOutcome] = field(default_factory=list)
    people: PeopleOutcome = field(default_factory=PeopleOutcome)
    paused: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    unrecorded: str = ""
    remains: list[str] = field(default_factory=list)
    lasting: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """As HTTP and the command line give it; ids only, no addresses."""
        people = self.people
        return {
            "partner": {"name": self.partner.name, "tenantId": self.partner.tenant_id, "domains": list(self.partner.domains)},
            "request": self.request,
            "state": self.state,
            "parts": [
                {"part": one.key, "done": one.done, "said": one.said, "before": list(one.before), "lasts": one.lasts}
                for one in self.parts
            ],
            "people": {
                "found": people.found,
                "switched": people.switched,
                "left": people.left,
                "failed": dict(people.failed),
                "seconds": round(people.seconds, 1),
                "said": people.said,
            },
            "paused": list(self.paused),
            "apps": list(self.apps),
            "evidence": list(self.evidence),
            "recorded": not self.unrecorded,
            "unrecorded": self.unrecorded,
            "remains": self.remains,
            "lasting": self.lasting,
            "lines": self.lines,
            "seconds": round(self.seconds, 1),
        }
