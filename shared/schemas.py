"""The published JSON Schemas of our messages and templates, and the pages of settings and reactions: made from the models themselves.

`python -m shared.schemas` writes them into docs/; a test holds them current.
"""

import json
from pathlib import Path

from pydantic import BaseModel

from shared.nouns.changes import Change, Upkeep
from shared.nouns.messages import Attempt, Finish
from shared.nouns.request import PartnerRequest
from shared.nouns.template import Template
from shared.reactions_page import page
from shared.settings import ROOT, Settings

DOCS = ROOT / "docs"
# Read by the Functions host alone: what happens then, and the usual value.
SCHEDULES = {
    "ENTENTE_RETENTION_SCHEDULE": ("what is older than its setting is removed", "10 40 3 * * *"),
    "ENTENTE_ASK_SCHEDULE": ("sponsors are written to about what is new, and their answers brought to an end", "50 */15 * * * *"),
    "ENTENTE_CLEAN_UP_SCHEDULE": ("a clean-up run begins that looks at every guest", "0 30 5 * * *"),
    "ENTENTE_SWEEP_SCHEDULE": ("lost tasks are looked for", "0 */5 * * * *"),
    "ENTENTE_SEAL_SCHEDULE": ("new journal entries are sealed", "30 */5 * * * *"),
    "ENTENTE_COMPARE_SCHEDULE": ("settings are compared and sponsors looked after", "0 25 * * * *"),
    "ENTENTE_LISTEN_SCHEDULE": ("subscriptions to changes are looked after and canaries released", "20 */15 * * * *"),
    "ENTENTE_CATCH_UP_SCHEDULE": ("it is looked for changes that no notification told of", "40 10 * * * *"),
}
MODELS: dict[str, tuple[type[BaseModel], str]] = {
    "partner-request.v1.json": (PartnerRequest, "A partner request, or one complete part of a split one."),
    "attempt.v1.json": (Attempt, "One run at a task; travels on the step's queue."),
    "finish.v1.json": (Finish, "All tasks of a request may be settled; travels on queue finish-request."),
    "change.v1.json": (Change, "A hint that an object of the tenant has changed; travels on queue tenant-changes."),
    "upkeep.v1.json": (Upkeep, "What is to be done so that changes go on being heard; travels on queue keep-listening."),
    "template.v1.json": (Template, "A partner template (templates/*.toml)."),
}


def published() -> dict[Path, str]:
    """The files and what stands in them."""
    files: dict[Path, str] = {}
    for name, (model, description) in MODELS.items():
        schema = model.model_json_schema(by_alias=True)
        head = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": name.removesuffix(".json"),
            "description": description,
        }
        files[DOCS / "schemas" / name] = json.dumps({**schema, **head}, indent=2) + "\n"
    files[DOCS / "settings.md"] = _settings_page()
    files[DOCS / "reactions.md"] = page()
    return files


def _settings_page() -> str:
    lines = [
        "# Settings",
        "",
        "App settings, read once at start (`shared/settings.py`). This page is made by `python -m shared.schemas`.",
        "",
    ]
    for field in Settings.model_fields.values():
        default = (
            "needed" if field.is_required() else f"default `{_shown(field.default)}`" if _shown(field.default) else "optional"
        )
        lines += [f"## {field.alias}", "", f"{field.description} ({default})", ""]
    for name, (what, when) in SCHEDULES.items():
        said = f"When {what}, as NCRONTAB (`{when}`). The Functions host reads it, and refuses to start without. (needed)"
        lines += [f"## {name}", "", said, ""]
    return "\n".join(lines)


def _shown(value: object) -> str:
    if isinstance(value, Path):
        return value.name
    if isinstance(value, bytes):
        return value.decode()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


if __name__ == "__main__":
    for path, text in published().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
