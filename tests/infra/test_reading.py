"""The reader of Bicep agrees with Microsoft's language where our files use it, and refuses the rest instead of skipping it."""

from pathlib import Path
from typing import Any

import pytest

from infra.check.evaluating import Evaluator
from infra.check.functions import FUNCTIONS
from infra.check.reading import BicepFault, read
from infra.check.rendering import render

NAMES: dict[str, Any] = {"yes": True, "no": False, "text": "a", "list": [{"name": "x"}, {"name": "y"}], "tree": {"b": {"c": 1}}}


def value(expression: str) -> Any:
    (statement,) = read(f"var it = {expression}\n", "it.bicep")
    return Evaluator("it.bicep", lambda name, line: NAMES[name], FUNCTIONS).value(statement.body or (), {})


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'a${text}b'", "aab"),
        ("'it\\'s ${yes ? 'x' : 'y'} ${'in ${text}'}'", "it's x in a"),
        ("'''\nline\n  two'''", "line\n  two"),
        ("no && no || yes", True),
        ("no && (no || yes)", False),
        ("!no && yes ? 1 : 2", 1),
        ("text == 'a' && 1 + 1 == 2", True),
        ("no ? 1 : yes ? 2 : 3", 2),
        ("tree.b.c", 1),
        ("list[1].name", "y"),
        ("map(filter(list, one => one.name != 'x'), one => '${one.name}!')", ["y!"]),
        ("[for (one, i) in list: { at: i, of: one.name }]", [{"at": 0, "of": "x"}, {"at": 1, "of": "y"}]),
        ("{\n  // why\n  a: 1\n  'b c': [\n    1\n    2\n  ]\n}", {"a": 1, "b c": [1, 2]}),
        ("union({ a: 1 }, { a: 2, b: 3 })", {"a": 2, "b": 3}),
        ("toObject(list, one => one.name, one => 1)", {"x": 1, "y": 1}),
        ("empty('') && !empty('x')", True),
        ("take('abc', 2)", "ab"),
        ("cidrSubnet('10.0.0.0/24', 26, 1)", "10.0.0.64/26"),
    ],
)
def test_an_expression_has_the_value_that_bicep_gives_it(expression: str, expected: Any) -> None:
    assert value(expression) == expected


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("var a = {\n  ...b\n}\n", "it.bicep:2"),
        ("func f() string => 'x'\n", "the statement 'func' is not known"),
        ("var a = 'x\n", "a string does not end"),
        ("var a = [\n  1\n", "was not expected here"),
        ("param a string = = 'x'\n", "it.bicep:1"),
        ("resource a 'b@1' = {\n  name 'x'\n}\n", "it.bicep:2: : was expected"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_line(text: str, fault: str) -> None:
    with pytest.raises(BicepFault, match=fault):
        read(text, "it.bicep")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("var a = b\n", "it.bicep:1: b is not declared"),
        ("var a = reverse([])\n", "it.bicep:1: the function reverse is not known"),
        ("var a = { x: 1 }\nvar b = a.y\n", "there is no 'y' in x"),
        ("param a string\n", "the parameter a is needed"),
        ("module a 'inner.bicep' = {\n  name: 'a'\n}\nvar b = a.outputs.c\n", "there is no 'c' in d"),
    ],
)
def test_what_does_not_exist_is_named(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "it.bicep").write_text(text, "utf-8")
    (tmp_path / "inner.bicep").write_text("output d string = 'x'\n", "utf-8")
    with pytest.raises(BicepFault, match=fault):
        render(tmp_path / "it.bicep", {})
