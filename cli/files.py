"""A partner request from files: read, put together, and checked here before anything is sent."""

import json
import re
import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cli.errors import BadInput
from cli.guest_csv import GuestFile, read_guests
from shared.nouns.checked import reasons
from shared.nouns.errors import Fault, Refusal
from shared.nouns.parts import split
from shared.nouns.request import GuestWish, read_request

MOST_BYTES = 100_000_000
_GUEST = re.compile(r"^guests\[(\d+)\](?:\.([A-Za-z]+))?")


def load(path: Path, guests: Path | None = None, name: str = "") -> tuple[dict[str, Any], list[str]]:
    """The request in `path` (`-` is standard input) with the CSV's guests behind its own, and its parts as they are sent.

    Raises BadInput with everything that is wrong, each with its field, or its line and column.
    """
    raw = _request(path)
    if name:
        raw["id"] = name
    file = _guests(guests) if guests else None
    own = raw.get("guests", [])
    if file is not None and isinstance(own, list):
        raw["guests"] = own + file.guests
    faults, parts = _check(raw)
    first = len(own) if isinstance(own, list) else 0
    told = [_placed(fault, file, first) for fault in faults]
    if file is not None:
        told = file.faults + _unsaid(told, file.faults)
    if told:
        raise BadInput(f"{len(told)} thing{'s' if len(told) > 1 else ''} to correct; nothing was sent.", told)
    return raw, parts


def checked(raw: dict[str, Any]) -> list[str]:
    """The parts of a request that was made here. Raises BadInput with everything that is wrong."""
    faults, parts = _check(raw)
    if faults:
        raise BadInput("The request cannot be sent.", faults)
    return parts


def _request(path: Path) -> dict[str, Any]:
    try:
        raw = sys.stdin.buffer.read(MOST_BYTES + 1) if str(path) == "-" else _bytes(path)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    if len(raw) > MOST_BYTES:
        raise BadInput(f"{path} is larger than {MOST_BYTES // 1_000_000} MB; split it into requests with ids of their own.")
    try:
        found = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise BadInput(f"{path} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}.") from error
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{path} is not UTF-8 text: line {line}.") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} cannot be used: {error}.") from error
    if not isinstance(found, dict):
        raise BadInput(f"{path} must hold one JSON object, a partner request ('entente request schema' describes it).")
    return found


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are all different: of two, JSON readers would quietly drop one."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in names if names.count(key) > 1)!r} stands twice in one object")
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a JSON value")


def _guests(path: Path) -> GuestFile:
    try:
        return read_guests(path)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error


def _check(raw: dict[str, Any]) -> tuple[list[Fault], list[str]]:
    """All faults that can be seen without the tenant, or else the parts."""
    faults: list[Fault] = []
    guests = raw.get("guests", [])
    try:
        read_request({**raw, "guests": []})
    except Refusal as refusal:
        faults += refusal.faults
    faults += _guest_faults(guests) if isinstance(guests, list) else [Fault("guests", "must be a list")]
    try:
        return (faults, []) if faults else ([], split(raw))
    except Refusal as refusal:
        return list(refusal.faults), []


def _guest_faults(guests: list[Any]) -> list[Fault]:
    faults = []
    first: dict[str, int] = {}
    for index, item in enumerate(guests):
        try:
            email = GuestWish.model_validate(item).email
        except ValidationError as error:
            faults += reasons(error, GuestWish, ("guests", index))
            continue
        if first.setdefault(email, index) != index:
            faults.append(Fault(f"guests[{index}].email", f"stands in the request already, as guests[{first[email]}]"))
    return faults


def _placed(fault: Fault, file: GuestFile | None, first: int) -> Fault:
    """The fault where its author can find it: a guest of the CSV by line and column."""
    match = _GUEST.match(fault.field)
    if match is None or file is None or int(match[1]) < first:
        return fault
    place = file.place(int(match[1]) - first, match[2] or "")

    def line(other: re.Match[str]) -> str:
        index = int(other[1]) - first
        return f"in line {file.lines[index]}" if 0 <= index < len(file.lines) else other[0]

    return Fault(place, re.sub(r"as guests\[(\d+)\]", line, fault.reason))


def _unsaid(faults: list[Fault], said: list[Fault]) -> list[Fault]:
    """Faults of cells about which nothing was said yet."""
    places = {fault.field for fault in said}
    return [fault for fault in faults if fault.field not in places]
