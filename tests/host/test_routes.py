"""Route templates."""

import pytest

from devstack.host.routes import BadTemplateError, parse


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("", "", {}),
        ("a/b", "A/B", {}),
        ("a/b", "a", None),
        ("a/{x}", "a/1%2F2", {"x": "1/2"}),
        ("a/{x}", "a/", None),
        ("a/{x?}", "a", {}),
        ("a/{x=5}", "a", {"x": "5"}),
        ("a/{x:int=5}", "a/7", {"x": "7"}),
        ("a/{x:int}", "a/99999999999", None),
        ("a/{x:int:min(10)}", "a/9", None),
        ("a/{x:int:min(10)}", "a/10", {"x": "10"}),
        ("a/{x:range(2,4)}", "a/5", None),
        ("a/{x:length(2)}", "a/abc", None),
        ("a/{x:length(2,3)}", "a/abc", {"x": "abc"}),
        ("a/{x:guid}", "a/6f9619ff-8b86-d011-b42d-00cf4fc964ff", {"x": "6f9619ff-8b86-d011-b42d-00cf4fc964ff"}),
        ("a/{x:guid}", "a/6f9619ff", None),
        ("a/{x:regex(^\\d{{3}}-\\d{{2}}$)}", "a/123-45", {"x": "123-45"}),
        ("a/{x:regex(^\\d{{3}}$)}", "a/1234", None),
        ("a/{x:alpha}", "a/b1", None),
        ("files/{name}.{extension}", "files/a.b.txt", {"name": "a.b", "extension": "txt"}),
        ("a/{*rest}", "a/b/c%20d", {"rest": "b/c d"}),
        ("a/{*rest}", "a", {}),
        ("{**all}", "x/y", {"all": "x/y"}),
        ("a/b", "a/b/c", None),
    ],
)
def test_a_template_matches_what_asp_net_would_match(template: str, path: str, expected: dict[str, str] | None) -> None:
    assert parse(template).match(path) == expected


def test_the_more_specific_template_comes_first() -> None:
    templates = ["{*all}", "{x}", "{x:int}", "a{x}", "literal", "{*all:alpha}"]
    found = sorted(templates, key=lambda each: parse(each).precedence)
    assert found == ["literal", "a{x}", "{x:int}", "{x}", "{*all:alpha}", "{*all}"]


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("/a", "begin with"),
        ("a//b", "empty segment"),
        ("a/{x", "braces"),
        ("{x}/{X}", "twice"),
        ("{x?}/b", "only at the end"),
        ("{*x}/b", "only at the end"),
        ("{x:nonsense}", "not a route constraint"),
        ("{x:regex([)}", "regex"),
        ("{}", "no parameter name"),
        ("{x}{y}", "literal between"),
    ],
)
def test_a_bad_template_is_refused_with_the_reason(template: str, why: str) -> None:
    with pytest.raises(BadTemplateError, match=why):
        parse(template)
