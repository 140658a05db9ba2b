"""The pages tell the truth where a machine can tell."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from cli.main import app
from shared.schemas import SCHEDULES
from shared.settings import Settings
from shared.steps import STEPS
from shared.tenant.operations import BY_NAME
from shared.topology import queues

ROOT = Path(__file__).parents[2]
# What the command, the tests and infra/keys.sh read.
OF_OTHERS = {"ENTENTE_URL", "ENTENTE_KEY", "ENTENTE_TOKEN", "ENTENTE_AS", "ENTENTE_TENANT", "ENTENTE_PICTURES"}
PAGES = [ROOT / name for name in subprocess.check_output(["git", "ls-files", "*.md"], cwd=ROOT, text=True).split()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_the_readme_names_every_permission_that_the_code_asks_for() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    asked = {permission for step in STEPS for permission in (*step.permissions, *step.exchange_roles)}
    asked |= {permission for operation in BY_NAME.values() for permission in operation.permissions}
    assert {permission for permission in asked if permission not in readme} == set()


def test_every_queue_is_in_the_page_of_messages() -> None:
    page = (ROOT / "docs/messages.md").read_text(encoding="utf-8")
    names = [queue.name for queue in queues()]
    assert [name for name in names if f"`{name}`" not in page] == []


def test_the_request_in_the_readme_is_one() -> None:
    from shared.nouns.request import read_request

    blocks = re.findall(r"```json\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        assert not read_request(json.loads(block)).faults


def test_the_sample_settings_are_settings_that_exist() -> None:
    sample = json.loads((ROOT / "local.settings.sample.json").read_text(encoding="utf-8"))["Values"]
    known = {field.alias for field in Settings.model_fields.values()}
    hosts_own = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage", *SCHEDULES}
    assert set(sample) - known - hosts_own == set()
    needed = {field.alias for field in Settings.model_fields.values() if field.is_required()}
    assert needed <= set(sample)


_COMMAND = re.compile(r"""(?<![\w/.-])entente ((?:--(?:tenant|as) \S+ )?[a-z][a-z-]+(?: [a-z][a-z-]+)?[^`\n#;")]*)""")


def commands() -> dict[str, Any]:
    """Every command of `entente` by its words, with its options."""
    found: dict[str, Any] = {}

    def under(command: Any, words: str) -> None:
        found[words] = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for name, inner in getattr(command, "commands", {}).items():
            under(inner, f"{words} {name}".strip())

    under(get_command(app), "")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_settings_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    there = commands()
    for match in _COMMAND.findall(_code(text)):
        line = match.partition(" | ")[0]
        words = re.sub(r"^--(tenant|as) \S+ ", "", line).split()
        name = " ".join(words[:2]) if " ".join(words[:2]) in there else words[0]
        # Several of them may stand together: `approve|reject`.
        assert all(one in there for one in name.split("|")), f"entente {line}"
        options = {option for one in name.split("|") for option in there[one]} | there[""]
        assert set(re.findall(r"(?<!\S)\[?(--[a-z-]+)", line)) <= options, f"entente {line}"
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", _code(text), re.MULTILINE)) <= targets
    known = {str(field.alias) for field in Settings.model_fields.values()} | {*SCHEDULES} | OF_OTHERS
    known |= set(re.findall(r"'(ENTENTE_\w+)'", (ROOT / "infra" / "main.bicepparam").read_text("utf-8")))
    named = {name.rstrip("_").partition("__")[0] for name in re.findall(r"(?<!\w)ENTENTE_[A-Z_]+(?:__\w+)?", text)}
    assert {name for name in named if name not in known and f"{name}_" not in {one[: len(name) + 1] for one in known}} == set()


def _code(text: str) -> str:
    """What stands in code: blocks, and pieces within lines."""
    return "\n".join([*re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL), *re.findall(r"`([^`\n]+)`", text)])
