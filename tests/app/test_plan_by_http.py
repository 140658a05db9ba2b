"""`?plan=true`: the plan has an id of its own, so that the request itself can still come."""

import re

import pytest

from functions.intake import _as_asked
from shared.nouns.errors import Refusal
from shared.nouns.messages import REQUEST_ID


@pytest.mark.parametrize("name", ["fabrikam", "f" * 64])
def test_a_plan_has_an_id_of_its_own(name: str) -> None:
    first, second = (_as_asked({"id": name, "action": "onboard"}, "true") for _ in range(2))
    assert first["mode"] == "plan"
    assert len({first["id"], second["id"], name}) == 3
    assert re.fullmatch(REQUEST_ID, first["id"])
    assert first["id"].startswith(name[:40])


def test_a_plan_that_names_itself_keeps_its_id() -> None:
    body = {"id": "mine", "mode": "plan"}
    assert _as_asked(body, "true") == body
    assert _as_asked({"id": "mine"}, "false") == {"id": "mine"}


def test_a_body_without_an_id_is_refused_where_bodies_are_read() -> None:
    assert _as_asked({"action": "onboard"}, "true") == {"action": "onboard", "mode": "plan"}


def test_plan_is_true_or_false() -> None:
    with pytest.raises(Refusal, match="must be true or false"):
        _as_asked({}, "yes")
