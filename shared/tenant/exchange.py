"""Exchange Online's organization relationships, in words; how cmdlets are carried there is another's matter."""

from collections.abc import Mapping

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.state import Value
from shared.tenant import operations
from shared.tenant.cmdlets import CmdletAnswer
from shared.tenant.configured import NAME_TAKEN, NOT_FOUND, READ_AGAIN_WAIT, Cmdlets, as_json, plain
from shared.tenant.fields import text, texts
from shared.tenant.found import Relationship

DOMAIN_TAKEN = "DuplicateOrganizationRelationshipDomainException"


class Exchange:
    def __init__(self, cmdlets: Cmdlets) -> None:
        self._cmdlets = cmdlets

    async def roles(self) -> frozenset[str]:
        """The application permissions on Exchange Online that our token really carries."""
        return await self._cmdlets.roles()

    async def relationships(self) -> tuple[Relationship, ...]:
        """All organization relationships of our tenant."""
        answer = await self._cmdlets.run(operations.GET_RELATIONSHIPS, {}, about="all of them")
        return tuple(_relationship(value) for value in answer.values)

    async def new_relationship(self, parameters: Mapping[str, Value]) -> str:
        """The relationship exists; its identity. Raises NotYet where its name is taken (read again), WontWork where one of
        its domains is in another relationship."""
        name = str(parameters["Name"])
        about = f"organization relationship {name!r}"
        answer = await self._cmdlets.run(
            operations.NEW_RELATIONSHIP, as_json(parameters), about=about, allow=(NAME_TAKEN, DOMAIN_TAKEN)
        )
        if answer.exception == NAME_TAKEN:
            raise NotYet(f"There is an {about} already, though it was not seen before: it is read again", after=READ_AGAIN_WAIT)
        await self._raise_taken(answer, about, parameters)
        return _relationship(answer.values[0]).identity if answer.values else name

    async def set_relationship(self, identity: str, parameters: Mapping[str, Value]) -> None:
        """The relationship has these parameters, `DomainNames` as a whole. Raises WontWork where a domain is in another one."""
        about = f"organization relationship {_named(identity)!r}"
        sent = as_json(parameters) | {"Identity": identity, "Confirm": False}
        answer = await self._cmdlets.run(operations.SET_RELATIONSHIP, sent, about=about, allow=(DOMAIN_TAKEN,))
        await self._raise_taken(answer, about, parameters, identity)

    async def remove_relationship(self, identity: str) -> None:
        """The relationship is gone; one that was gone before counts as well."""
        about = f"organization relationship {_named(identity)!r}"
        await self._cmdlets.run(
            operations.REMOVE_RELATIONSHIP, {"Identity": identity, "Confirm": False}, about=about, allow=(NOT_FOUND,)
        )

    async def _raise_taken(self, answer: CmdletAnswer, about: str, parameters: Mapping[str, Value], identity: str = "") -> None:
        if answer.exception != DOMAIN_TAKEN:
            return
        asked = parameters.get("DomainNames")
        domains = {domain.lower() for domain in asked} if isinstance(asked, tuple) else set()
        others = [one for one in await self.relationships() if one.identity != identity and domains & set(one.domains)]
        if not others or any(one.name == parameters.get("Name") for one in others):
            # It is there, and was not seen before: perhaps ours, made by an apply whose answer was lost.
            raise NotYet(f"A domain of {about} is in one already: it is read again", after=READ_AGAIN_WAIT)
        taken = "; ".join(f"{', '.join(sorted(domains & set(one.domains)))} in {one.name!r}" for one in others)
        raise WontWork(
            f"The {about} cannot have its domains: a domain is in one relationship only, and there is {taken}. Take the domain out "
            "there, or ask for that relationship by its name"
        )


def _named(identity: str) -> str:
    # Get- with an empty identity means everything; a Set- or Remove- must never be sent with one.
    if not identity.strip():
        raise ValueError("an organization relationship is set or removed by its identity only")
    return identity


def _relationship(found: Mapping[str, Json]) -> Relationship:
    raw = dict(found)
    domains = tuple(sorted(domain.lower() for domain in texts(raw, "DomainNames")))
    name = text(raw, "Name")
    values = {key: plain(value) for key, value in raw.items() if "@" not in key}
    return Relationship(text(raw, "Guid") or text(raw, "Identity") or name, name, domains, values | {"DomainNames": domains})
