"""Ten thousand guests in one request."""

from pathlib import Path

import pytest

from tests.system.local import Local, Partner, until

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]

FEW, MANY = 500, 10_000


async def test_ten_thousand_guests_in_one_request_with_bounded_memory(local: Local) -> None:
    """Another request of the partner is paused before them, so that they are planned and not carried out."""
    peaks = {}
    for count in (FEW, MANY):
        # Each count meets a host of its own, fresh, that does all of the work.
        partner = await local.partner(f"crowd{count}")
        first = await local.submit(partner.request([], id=f"{partner.name}-first"))
        await local.ended(first)
        await local.submit(partner.request(partner.guests(1), id=f"{partner.name}-held"))
        await until(lambda held=f"{partner.name}-held": local.seen(held), "it is on record")  # type: ignore[misc]  # a default binds the name
        await local.control("pause", f"{partner.name}-held")
        await local.start_afresh()
        await _accepted(local, partner, count)
        peaks[count] = _peak(local.host.pid)
    assert peaks[MANY] < 2 * peaks[FEW], f"bytes at most: {peaks}"


async def _accepted(local: Local, partner: Partner, count: int) -> None:
    request = partner.request(partner.guests(count))
    status, body = await local.call("POST", "partner-requests", request)
    assert (status, body["parts"] >= count / 2_000) == (202, True), body

    async def planned() -> bool:
        # Not asked of the app, which would count all tasks each time.
        return not any((await local.queues())["partner-requests"].values())

    await until(planned, f"{count} guests are planned")
    shown = await local.seen(partner.name)
    assert shown is not None
    assert (shown["state"], shown["counts"]) == ("queued", {"ready": count + 1})


def _peak(pid: int) -> int:
    """The most memory that the process ever had resident, in bytes (proc(5), VmHWM)."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines())
    return int(status["VmHWM"].split()[0]) * 1024
