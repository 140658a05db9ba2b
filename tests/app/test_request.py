"""Reading, checking and splitting partner requests."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.nouns.errors import Refusal
from shared.nouns.parts import split
from shared.nouns.request import canonical, domain_name, email_address, read_request


def request(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "version": 1,
        "id": "fabrikam-1",
        "template": "joint-project",
        "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]},
        "guests": [{"email": "ana@fabrikam.com", "name": "Ana"}],
    }
    return {key: value for key, value in {**base, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"version": 2}, "version", "must be 1"),
        ({"version": None}, "version", "must be 1"),
        ({"id": "no blanks"}, "id", "match"),
        ({"id": "x" * 65}, "id", "match"),
        ({"action": "destroy"}, "action", "onboard"),
        ({"mode": "rehearse"}, "mode", "apply"),
        ({"template": "../etc"}, "template", "match"),
        ({"partner": {"name": "", "domains": ["fabrikam.com"]}}, "partner.name", "at least 1"),
        ({"partner": {"name": "F", "domains": []}}, "partner.domains", "at least 1"),
        ({"partner": {"name": "F", "domains": ["nodot"]}}, "partner.domains[0]", "domain name"),
        ({"partner": {"name": "F", "domains": ["a.com", "-b.com"]}}, "partner.domains[1]", "domain name"),
        ({"until": "2027-13-01"}, "until", "date"),
        ({"until": "2027-06-30T00:00:00Z"}, "until", "date such as"),
        ({"invitation": {"redirectUrl": "http://fabrikam.com"}}, "invitation.redirectUrl", "https"),
        ({"invitation": {"redirectUrl": "javascript:alert(1)"}}, "invitation.redirectUrl", "https"),
        ({"unheardOf": 1}, "unheardOf", "there are: action, groups, guests, id"),
        ({"guests": {}}, "guests", "list"),
        ({"part": 3, "parts": 2}, "part", "3 of 2"),
    ],
)
def test_what_is_wrong_with_the_request_is_named_with_its_field(changes: dict[str, Any], field: str, says: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_request(request(**changes))
    assert any(fault.field == field and says in fault.reason for fault in refused.value.faults), str(refused.value)


def test_every_fault_is_found_at_once() -> None:
    with pytest.raises(Refusal) as refused:
        read_request(request(id="no blanks", template="X", until="soon"))
    assert {fault.field for fault in refused.value.faults} == {"id", "template", "until"}


@pytest.mark.parametrize(
    ("guest", "says"),
    [
        ({"email": "nobody"}, "not an e-mail"),
        ({"email": "two@@fabrikam.com"}, "refused"),
        ({"email": "o'brien@fabrikam.com"}, "refused"),
        ({"email": "a b@fabrikam.com"}, "refused"),
        ({"email": "a+b@fabrikam.com"}, "refused"),
        ({"email": ".a@fabrikam.com"}, "refused"),
        ({"email": "a@fabrikam"}, "domain name"),
        ({"email": 7}, "string"),
        ({"name": "no address"}, "required"),
        ("ana@fabrikam.com", "dictionary"),
        ({"email": "a@fabrikam.com", "until": 20270630}, "date"),
    ],
)
def test_a_bad_guest_is_refused_alone_and_without_the_address(guest: Any, says: str) -> None:
    found = read_request(request(guests=[{"email": "ana@fabrikam.com"}, guest]))
    assert list(found.guests) == [0]
    assert says in str(found.faults[1][0])
    assert "@" not in str(found.faults[1][0]).replace("~!#$%^&*", "")


def test_a_guest_named_twice_is_refused_the_second_time_however_it_is_written() -> None:
    found = read_request(request(guests=[{"email": "Ana@Fabrikam.com"}, {"email": " ana@fabrikam.COM "}]))
    assert list(found.guests) == [0]
    assert str(found.faults[1][0]) == "guests[1].email: stands in the request already, as guests[0]"


def test_the_same_content_has_the_same_digests_whatever_the_order_of_its_keys() -> None:
    one = read_request(request(groups=["a"], until="2027-01-01"))
    other = read_request(dict(reversed(list(request(groups=["a"], until="2027-01-01").items()))))
    third = read_request(request(groups=["b"], until="2027-01-01"))
    assert (one.header_digest, one.part_digest) == (other.header_digest, other.part_digest)
    assert one.header_digest != third.header_digest


@given(st.text(max_size=80))
def test_an_address_is_refused_or_normal(text: str) -> None:
    try:
        normal = email_address(text)
    except ValueError:
        return
    assert email_address(normal) == normal == normal.lower()
    assert domain_name(normal.rpartition("@")[2]) == normal.rpartition("@")[2]
    assert not set(normal) & set("'\"<>\\ \n\t;")


@given(st.lists(st.text(min_size=1, max_size=40), max_size=60), st.integers(min_value=600, max_value=4_000))
def test_parts_are_complete_small_enough_and_hold_every_guest_once_in_order(names: list[str], most: int) -> None:
    guests = [{"email": f"g{index}@fabrikam.com", "name": name} for index, name in enumerate(names)]
    parts = [json.loads(part) for part in split(request(guests=guests), most)]
    assert [guest for part in parts for guest in part["guests"]] == guests
    assert all(len(canonical(part).encode()) <= most for part in parts)
    assert [part["part"] for part in parts] == list(range(1, len(parts) + 1))
    assert {part["parts"] for part in parts} == {len(parts)}
    offset = 0
    for part in parts:
        assert part["offset"] == offset
        offset += len(part["guests"])
    assert len({read_request(part).header_digest for part in parts}) == 1


def test_one_guest_who_is_larger_than_a_message_is_named() -> None:
    with pytest.raises(Refusal, match=r"guests\[1\]: is larger than a message"):
        split(request(guests=[{"email": "a@fabrikam.com"}, {"email": "b@fabrikam.com", "message": "x" * 5_000}]), 2_000)


def test_ten_thousand_guests_become_parts_that_service_bus_takes() -> None:
    guests = [{"email": f"guest.number.{index}@fabrikam.com", "name": "Somebody With A Name"} for index in range(10_000)]
    parts = split(request(guests=guests))
    assert max(len(part.encode()) for part in parts) <= 240_000
    assert sum(len(read_request(json.loads(part)).guests) for part in parts) == 10_000
