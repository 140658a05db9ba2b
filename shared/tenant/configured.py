"""Objects of Exchange Online's configuration: one kind of them, read, made, changed and removed by its four cmdlets."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet
from shared.nouns.state import Value
from shared.tenant.cmdlets import CmdletAnswer
from shared.tenant.fields import text
from shared.tenant.operations import Operation

READ_AGAIN_WAIT = 15.0
NOT_FOUND = "ManagementObjectNotFoundException"
NAME_TAKEN = "ADObjectAlreadyExistsException"
# A remote domain's domain is in another remote domain; the class is unverified, so a refusal in other words stops the task.
DOMAIN_TAKEN = "DuplicateRemoteDomainException"


class Cmdlets(Protocol):
    """A way to run Exchange Online cmdlets. InvokeCommand is one; a PowerShell worker can take its place."""

    async def run(
        self, operation: Operation, parameters: Mapping[str, Json], *, about: str, allow: Collection[str] = ()
    ) -> CmdletAnswer:
        """The objects that the cmdlet gave, or one of the exceptions in `allow`. Any other raises NotYet or WontWork."""
        ...

    async def roles(self) -> frozenset[str]:
        """The application permissions on Exchange Online that we really have."""
        ...


@dataclass(frozen=True)
class Configured:
    """One object. `identity` is what Set- and Remove- take for this very one; `values` has the cmdlet's parameters by name."""

    identity: str
    name: str
    values: Mapping[str, Value]


@dataclass(frozen=True)
class Kind:
    """A kind of objects: what one is called in a sentence, and its cmdlets. `tidy` gives a parameter's value as people write it."""

    title: str
    get: Operation
    new: Operation
    set: Operation
    remove: Operation
    tidy: Callable[[str, Value], Value] = lambda _name, value: value


class ConfiguredObjects:
    def __init__(self, cmdlets: Cmdlets, kind: Kind) -> None:
        self._cmdlets = cmdlets
        self.kind = kind

    async def all(self) -> tuple[Configured, ...]:
        """All objects of the kind in our tenant."""
        answer = await self._cmdlets.run(self.kind.get, {}, about="all of them")
        return tuple(self._configured(value) for value in answer.values)

    async def one(self, identity: str) -> Configured | None:
        """The object, or None where there is none (gone, or not replicated yet)."""
        about = self._about(identity)
        answer = await self._cmdlets.run(self.kind.get, {"Identity": identity}, about=about, allow=(NOT_FOUND,))
        return self._configured(answer.values[0]) if answer.values else None

    async def new(self, parameters: Mapping[str, Value]) -> Configured:
        """The object exists. Raises NotYet where its name (or domain) is taken, though it was not seen before: perhaps ours, made
        by a call whose answer was lost."""
        name = str(parameters["Name"])
        about = self._about(name)
        taken = (NAME_TAKEN, DOMAIN_TAKEN)
        answer = await self._cmdlets.run(self.kind.new, as_json(parameters), about=about, allow=taken)
        if answer.exception:
            raise NotYet(f"There is a {about} already, though it was not seen before: it is read again", after=READ_AGAIN_WAIT)
        return self._configured(answer.values[0]) if answer.values else Configured(name, name, dict(parameters))

    async def set(self, identity: str, parameters: Mapping[str, Value]) -> None:
        """The object has these parameters, lists as a whole. Raises NotYet where it is gone, or not replicated yet."""
        sent = as_json(parameters) | {"Identity": identity, "Confirm": False}
        answer = await self._cmdlets.run(self.kind.set, sent, about=self._about(identity), allow=(NOT_FOUND,))
        if answer.exception:
            raise NotYet(
                f"The {self._about(identity)} is not there, or not everywhere yet: it is read again", after=READ_AGAIN_WAIT
            )

    async def remove(self, identity: str) -> None:
        """The object is gone; one that was gone before counts as well."""
        sent: dict[str, Json] = {"Identity": identity, "Confirm": False}
        await self._cmdlets.run(self.kind.remove, sent, about=self._about(identity), allow=(NOT_FOUND,))

    def _about(self, identity: str) -> str:
        # Get- with an empty identity means everything; a Set- or Remove- must never be sent with one.
        if not identity.strip():
            raise ValueError(f"a {self.kind.title} is read, set or removed by its identity only")
        return f"{self.kind.title} {identity!r}"

    def _configured(self, found: Mapping[str, Json]) -> Configured:
        raw = dict(found)
        name = text(raw, "Name")
        values = {key: self.kind.tidy(key, plain(value)) for key, value in raw.items() if "@" not in key}
        return Configured(text(raw, "Guid") or text(raw, "Identity") or name, name, values)


def as_json(parameters: Mapping[str, Value]) -> dict[str, Json]:
    """Parameters as a cmdlet takes them: lists are arrays."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in parameters.items()}


def plain(value: Json) -> Value:
    """A property as a state has it; empty text counts as absent."""
    if isinstance(value, list):
        return tuple(str(item) for item in value)
    if isinstance(value, bool | int):
        return value
    return value or None if isinstance(value, str) else None
