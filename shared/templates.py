"""Reading the template files of this installation."""

import re
import tomllib
from pathlib import Path

from pydantic import ValidationError

from shared.nouns.errors import Fault, Refusal, reasons
from shared.nouns.template import Template


def load_template(folder: Path, name: str, known_steps: frozenset[str]) -> Template:
    """The template `name`. Raises Refusal naming file, field and allowed values."""
    available = sorted(path.stem for path in folder.glob("*.toml"))
    if name not in available or not re.match(r"^[a-z][a-z0-9-]*$", name):
        raise Refusal([Fault("template", f"is not a template of this installation; there are: {', '.join(available) or 'none'}")])
    path = folder / f"{name}.toml"
    try:
        template = Template.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise Refusal([Fault(path.name, f"is not valid TOML: {error}")]) from error
    except ValidationError as error:
        raise Refusal([Fault(f"{path.name} {fault.field}", fault.reason) for fault in reasons(error)]) from error
    strange = [step for step in (*template.steps, *template.defaults) if step not in known_steps]
    if strange or template.name != name:
        why = (
            f"unknown steps {', '.join(strange)}; there are: {', '.join(sorted(known_steps))}"
            if strange
            else f"name must be {name}, as the file's"
        )
        raise Refusal([Fault(path.name, why)])
    return template
