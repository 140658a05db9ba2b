"""The pages tell the truth where a machine can tell."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from shared.steps import STEPS
from shared.tenant.operations import BY_NAME
from shared.topology import queues

ROOT = Path(__file__).parents[2]
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
    from shared.schemas import SCHEDULES
    from shared.settings import Settings

    sample = json.loads((ROOT / "local.settings.sample.json").read_text(encoding="utf-8"))["Values"]
    known = {field.alias for field in Settings.model_fields.values()}
    hosts_own = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage", *SCHEDULES}
    assert set(sample) - known - hosts_own == set()
    needed = {field.alias for field in Settings.model_fields.values() if field.is_required()}
    assert needed <= set(sample)
