"""Reading the template files of this installation."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shared.nouns.checked import reasons
from shared.nouns.errors import Fault, Refusal
from shared.nouns.partner import Partner
from shared.nouns.request import GuestWish, Header, domain_name
from shared.nouns.step import Ask, Step
from shared.nouns.template import Template

# The templates may leave to a request what a step cannot do without.
MISSING = "Field required"


def load_template[Tenant](folder: Path, name: str, steps: Iterable[Step[Tenant]]) -> Template:
    """The template `name`, whose settings each step has accepted. Raises Refusal naming file, field and allowed values."""
    available = sorted(path.stem for path in folder.glob("*.toml"))
    if name not in available or not re.match(r"^[a-z][a-z0-9-]*$", name):
        raise Refusal([Fault("template", f"is not a template of this installation; there are: {', '.join(available) or 'none'}")])
    path = folder / f"{name}.toml"
    try:
        template = Template.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refusal([Fault(path.name, f"is not valid TOML: {error}")]) from error
    except ValidationError as error:
        raise Refusal([_in_file(path, fault.field, fault.reason) for fault in reasons(error, Template)]) from error
    known = {step.name: step for step in steps}
    faults = [*_unknown(template, known)]
    if template.name != name:
        faults.append(Fault("name", f"must be {name}, as the file's"))
    faults += [fault for step in template.defaults if step in known for fault in _refused(template, known[step])]
    if faults:
        raise Refusal([_in_file(path, fault.field, fault.reason) for fault in faults])
    return template


def _in_file(path: Path, field: str, reason: str) -> Fault:
    return Fault(f"{path.name} {field}".strip(), reason)


def _unknown(template: Template, known: Iterable[str]) -> Iterator[Fault]:
    """Each field that names a step which there is not."""
    named = {
        "steps": template.steps,
        "optional": template.optional,
        "approval.steps": template.approval.steps or (),
        "defaults": template.defaults,
        "locked": template.locked,
        "drift.steps": template.drift.steps,
    }
    for field, names in named.items():
        if strange := [name for name in names if name not in known]:
            yield Fault(field, f"unknown steps {', '.join(strange)}; there are: {', '.join(sorted(known))}")


def _refused[Tenant](template: Template, step: Step[Tenant]) -> Iterator[Fault]:
    """What the step would say of the template's settings, whatever a request adds to them."""
    given = template.defaults[step.name]
    blocks: Mapping[str, Any] = given if step.subject == "named" else {"": given}
    for name, block in blocks.items():
        field = ".".join(part for part in ("defaults", step.name, name) if part)
        if not isinstance(block, dict):
            yield Fault(field, "must be a block of settings")
            continue
        try:
            step.wanted(_any_request(template, block, name))
        except Refusal as refusal:
            faults = (fault for fault in refusal.faults if fault.reason != MISSING)
            yield from (Fault(fault.field.replace("steps.", "defaults.", 1), fault.reason) for fault in faults)


def _any_request(template: Template, block: dict[str, Any], name: str) -> Ask:
    """A request that asks for what the template gives, of a partner who has the domains that it speaks of."""
    domains = tuple(dict.fromkeys(("partner.example", *_domains(block))))
    asked = {
        "version": 1,
        "id": template.name,
        "template": template.name,
        "partner": {"name": "Partner", "domains": domains[:50]},
    }
    return Ask(
        header=Header.model_validate(asked),
        template=template,
        partner=Partner("00000000-0000-0000-0000-000000000000", "Partner", domains),
        settings=block,
        guest=GuestWish(email="guest@partner.example"),
        name=name,
    )


def _domains(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _domains(inner)
    elif isinstance(value, str):
        try:
            yield domain_name(value.removeprefix("*."))
        except ValueError:
            return
