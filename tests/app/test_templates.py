"""Template files: the four that are shipped, what is wrong with others, and what requests may not override."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from shared.admission import admit_header
from shared.nouns.errors import Refusal
from shared.nouns.request import read_request
from shared.nouns.template import Template
from shared.steps import STEPS
from shared.templates import load_template

ROOT = Path(__file__).parents[2]
NAMED = frozenset(step.name for step in STEPS if step.subject == "named")
WHOLE = 'name = "odd"\nversion = 1\ndescription = "x"\nsteps = []\n'


@pytest.mark.parametrize("name", ["customer", "joint-project", "same-group", "supplier"])
def test_the_shipped_templates_are_right_and_end_closed(name: str) -> None:
    template = load_template(ROOT / "templates", name, STEPS)
    assert template.offboard == "closed"
    assert template.expiry is not None
    assert template.expiry.report_only, "who installs this has to decide that it touches anybody"
    assert not set(template.steps) & set(template.optional)
    assert {*template.defaults, *template.locked} <= {*template.steps, *template.optional}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name = \n", r"odd\.toml: is not valid TOML: .*line 1"),
        ('name = "odd"\nversion = 0\ndescription = "x"\nsteps = []\n', r"odd\.toml version: .*greater than or equal to 1"),
        (WHOLE.replace('"odd"', '"even"'), r"odd\.toml name: must be odd"),
        (WHOLE + "colour = 1\n", r"odd\.toml colour: there is no such field; there are: .*approval"),
        (WHOLE + 'offboard = "gone"\n', r"odd\.toml offboard: .*'closed' or 'restore-before'"),
        (WHOLE + 'groups = { us = "x" }\n', r"odd\.toml groups\.us: "),
        (WHOLE.replace("[]", '["fly"]'), r"odd\.toml steps: unknown steps fly; there are: add-to-group"),
        (WHOLE + 'optional = ["fly"]\n', r"odd\.toml optional: unknown steps fly"),
        (WHOLE + "[defaults.fly]\n", r"odd\.toml defaults: unknown steps fly"),
        (WHOLE + '[approval]\nsteps = ["fly"]\n', r"odd\.toml approval\.steps: unknown steps fly"),
        (WHOLE + '[locked]\nfly = ["high"]\n', r"odd\.toml locked: unknown steps fly"),
        (WHOLE + '[invitation]\nredirect_url = "https://evil.example"\n', r"odd\.toml: .*evil\.example.*myapps"),
        (WHOLE + '[defaults.allow-domain]\nunblock = "no"\n', r"odd\.toml defaults\.allow-domain\.unblock: .*boolean"),
        (
            WHOLE + '[defaults.set-sharing-policy]\nActions = ["Everything"]\n',
            r"odd\.toml defaults\.set-sharing-policy\.Actions\[0\]: .*CalendarSharingFreeBusySimple",
        ),
        (
            WHOLE + '[defaults.share-site.files]\naccess = "own"\n',
            r"odd\.toml defaults\.share-site\.files\.access: .*'read' or 'edit'",
        ),
        (WHOLE + "[expiry]\nreport_only = false\nended = 0\n", r"odd\.toml expiry: .*changed_by is needed"),
        (WHOLE + "[defaults.share-site]\nfiles = 1\n", r"odd\.toml defaults\.share-site(\.files)?: "),
    ],
)
def test_a_template_that_is_wrong_is_refused_with_file_field_and_what_is_allowed(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "odd.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Refusal, match=says):
        load_template(tmp_path, "odd", STEPS)


def test_one_that_is_not_there_is_refused_with_those_that_are() -> None:
    for name in ("enemy", "../templates/supplier"):
        with pytest.raises(Refusal, match="template: is not a template of this installation; there are: customer, joint-project"):
            load_template(ROOT / "templates", name, STEPS)


def test_a_template_may_leave_to_the_request_what_a_step_cannot_do_without(tmp_path: Path) -> None:
    (tmp_path / "odd.toml").write_text(
        WHOLE
        + '[defaults.share-site.files]\naccess = "edit"\n[defaults.allow-domain]\ndomains = ["sister.example"]\n[defaults.add-to-group]\n',
        encoding="utf-8",
    )
    assert load_template(tmp_path, "odd", STEPS).defaults["share-site"] == {"files": {"access": "edit"}}


LOCKED = Template(
    name="odd",
    version=1,
    description="x",
    steps=("share-site", "set-sharing-policy", "share-item"),
    defaults={"set-sharing-policy": {"Actions": ["CalendarSharingFreeBusySimple"]}, "share-site": {"files": {"access": "read"}}},
    locked={"set-sharing-policy": ("Actions",), "share-site": ("access",), "share-item": ("role",)},
)


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        (
            {"set-sharing-policy": {"Actions": ["CalendarSharingFreeBusyReviewer"]}},
            'steps.set-sharing-policy.Actions: may not be given in requests of template odd: it is ."CalendarSharingFreeBusySimple"',
        ),
        (
            {"share-site": {"files": {"access": "edit"}}},
            'steps.share-site.files.access: may not be .* it is "read"; leave it out',
        ),
        ({"share-site": {"other": {"access": "edit"}}}, "steps.share-site.other.access: .* the step's own value stands"),
        ({"share-item": {"plans": {"role": "write"}}}, "steps.share-item.plans.role"),
        ({"set-sharing-policy": {"Actions": ["CalendarSharingFreeBusySimple"]}}, None),
        ({"share-site": {"files": {"access": "read", "site": "x"}}, "set-sharing-policy": {"Policy": "p"}}, None),
    ],
)
def test_what_the_template_locks_no_request_overrides(steps: dict[str, Any], says: str | None) -> None:
    header = read_request(
        {"version": 1, "id": "r", "template": "odd", "partner": {"name": "F", "domains": ["f.com"]}, "steps": steps}
    ).header
    if says is None:
        return admit_header(header, LOCKED, date(2026, 11, 22), {}, LOCKED.group_id, NAMED)
    with pytest.raises(Refusal, match=says):
        admit_header(header, LOCKED, date(2026, 11, 22), {}, LOCKED.group_id, NAMED)
    return None
