"""A link says one thing, and only with our key; a form's mark is for whom it was given."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.asking import FORM_HOURS, Forged, Link, form_mark, from_our_page, is_form_of_ours, read_link, signed

KEY = bytes(range(32))
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
GUIDS = st.uuids().map(str)
LINKS = st.builds(
    Link,
    sponsor=GUIDS,
    run=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True),
    partner=GUIDS,
    person=st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
    expires=st.integers(0, 9_999_999_999).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
)


@given(LINKS)
def test_a_link_says_what_was_signed(link: Link) -> None:
    assert read_link(KEY, signed(KEY, link)) == link


@given(LINKS, st.data())
def test_no_bit_of_a_link_can_be_changed(link: Link, data: st.DataObject) -> None:
    token = signed(KEY, link)
    place = data.draw(st.integers(0, len(token) - 1))
    bit = data.draw(st.integers(0, 6))
    changed = token[:place] + chr(ord(token[place]) ^ (1 << bit)) + token[place + 1 :]
    with pytest.raises(Forged):
        read_link(KEY, changed)


@given(LINKS, st.data())
def test_a_link_that_was_cut_or_grew_is_none(link: Link, data: st.DataObject) -> None:
    token = signed(KEY, link)
    cut = token[: data.draw(st.integers(0, len(token) - 1))]
    grown = token + data.draw(st.text(min_size=1, max_size=3))
    for other in (cut, grown):
        with pytest.raises(Forged):
            read_link(KEY, other)


@given(LINKS, LINKS)
def test_parts_of_two_links_make_none(one: Link, other: Link) -> None:
    body, mac = signed(KEY, one).split(".")[0], signed(KEY, other).split(".")[1]
    if one != other:
        with pytest.raises(Forged):
            read_link(KEY, f"{body}.{mac}")


@given(st.text(max_size=700))
def test_no_text_is_a_link(text: str) -> None:
    with pytest.raises(Forged):
        read_link(KEY, text)


@given(LINKS, st.binary(min_size=32, max_size=32).filter(lambda key: key != KEY))
def test_another_key_makes_links_worthless(link: Link, key: bytes) -> None:
    with pytest.raises(Forged):
        read_link(key, signed(KEY, link))


def test_what_our_key_signs_as_a_form_is_no_link() -> None:
    mark = form_mark(KEY, "mia", "page", NOW)
    with pytest.raises(Forged):
        read_link(KEY, mark)
    said = base64.urlsafe_b64encode(b"1").decode().rstrip("=")
    with pytest.raises(Forged):
        read_link(KEY, f"{said}.{mark.split('.')[1]}")


WORDS = st.text(st.characters(codec="ascii", min_codepoint=45), min_size=1, max_size=40)


@given(WORDS, WORDS, st.integers(0, FORM_HOURS * 3600 - 1))
def test_a_form_is_good_for_whom_it_was_given_for_some_hours(who: str, about: str, seconds: int) -> None:
    mark = form_mark(KEY, who, about, NOW)
    assert is_form_of_ours(KEY, mark, who, about, NOW + timedelta(seconds=seconds))
    assert not is_form_of_ours(KEY, mark, who, about, NOW + timedelta(hours=FORM_HOURS))
    assert not is_form_of_ours(KEY, mark, f"{who}x", about, NOW)
    assert not is_form_of_ours(KEY, mark, who, f"{about}x", NOW)
    assert not is_form_of_ours(bytes(32), mark, who, about, NOW)
    later = f"{int(mark.split('.')[0]) + 1}.{mark.split('.')[1]}"
    assert not is_form_of_ours(KEY, later, who, about, NOW)


@given(st.text(max_size=80))
def test_no_text_is_a_mark(text: str) -> None:
    assert not is_form_of_ours(KEY, text, "mia", "page", NOW)


@pytest.mark.parametrize(
    ("headers", "good"),
    [
        ({"sec-fetch-site": "same-origin", "origin": "null"}, True),
        ({"sec-fetch-site": "same-site", "origin": "https://other.azurewebsites.net"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "https://app.example"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"origin": "https://app.example"}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({}, True),
    ],
)
def test_only_our_own_page_sends_forms(headers: dict[str, str], good: bool) -> None:
    assert from_our_page(headers, "app.example") is good
