"""A sign-in that failed and a mail that came back are shown to people, and are never reasons."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devstack.tenant.seed import plant
from shared.pages import Words
from shared.pages.my_guests import Card, Place, questions
from shared.tables.runs import Candidate, Run
from shared.tenant.evidence import MOST_USERS
from shared.verbs.ask_mails import tell_sponsors
from shared.verbs.cleanup_run import begin
from shared.verbs.cleanup_signs import MOST_LOOKS, mails_returned
from shared.views.cleanup import run_view
from shared.views.my_guests import my_cards
from shared.views.suspicions import suspicions_view
from tests.app.conftest import Stage
from tests.app.test_cleanup import MIA, RULES, TEMPLATE, fresh, guest, mails, request, run_now
from tests.rig import Rig

NOW = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)
REPORT = 'multipart/report; report-type=delivery-status; boundary="x"'


@pytest.fixture
async def rig(stage: Stage, tmp_path: Path) -> Rig:
    (tmp_path / "project.toml").write_text(TEMPLATE + RULES)
    made = await fresh(stage, tmp_path, ENTENTE_APP_URL="https://app.example")
    await made.settle(request("ana", until="2026-11-23", sponsors=[MIA]))
    await made.settle(request("ben", name="second", sponsors=[MIA]))
    made.now = NOW
    return made


async def attempts(rig: Rig, stage: Stage, name: str, failed: datetime, succeeded: datetime) -> None:
    tenant = stage.running.services.tenant
    entry = tenant.objects.entry((await guest(rig, name)).user)
    assert entry is not None
    activity = {
        "lastSignInDateTime": f"{failed:%Y-%m-%dT%H:%M:%SZ}",
        "lastNonInteractiveSignInDateTime": f"{succeeded:%Y-%m-%dT%H:%M:%SZ}",
        "lastSuccessfulSignInDateTime": f"{succeeded:%Y-%m-%dT%H:%M:%SZ}",
    }
    tenant.objects.change(entry, signInActivity=activity, externalUserState="Accepted")


async def test_an_attempt_that_failed_is_in_the_evidence_the_mail_and_the_page_and_moves_nobody(rig: Rig, stage: Stage) -> None:
    failed, succeeded = NOW - timedelta(days=2), NOW - timedelta(days=40)
    for name in ("ana", "ben"):
        await attempts(rig, stage, name, failed, succeeded)
    run = await run_now(rig)
    ana, ben = await guest(rig, "ana"), await guest(rig, "ben")
    named = await rig.world.tables.runs.candidate(run.id, ana.partner, ana.person)
    assert named is not None
    assert (named.move, named.rule) == ("warn", "ended")
    assert f"suspicion: their last attempt to sign in, on {failed.date()}, failed" in named.evidence
    assert await rig.world.tables.runs.candidate(run.id, ben.partner, ben.person) is None, "a suspicion alone is no reason"
    assert (ana.stage, ben.stage) == ("warned", "invited")
    question = await rig.world.tables.asks.get(ana.partner, ana.person)
    assert question is not None
    assert question.failed == failed.date()
    rig.now += timedelta(minutes=15)
    assert await tell_sponsors(rig.world) == 1
    (mail,) = [mail for mail in stage.running.services.tenant.outbox if mail["to"] == "mia@contoso.com"]
    assert "last attempt to sign in failed: 24 November 2026" in mail["text"]
    card = Card(ana.partner, ana.person, run.id, "Ana", "", "Fabrikam", None, None, failed=failed.date())
    for language, words in (("en", "24 November 2026, failed"), ("de", "gescheitert"), ("nl", "mislukt"), ("fr", "échoué")):
        assert words in questions(Words(language), Place("/x", "mark"), [card], NOW.date(), None).html


def came(kind: str, replied: str) -> dict[str, Any]:
    headers = [{"name": "Content-Type", "value": kind}, {"name": "In-Reply-To", "value": replied}]
    return {"mailbox": "mia@contoso.com", "subject": "Undeliverable", "internetMessageHeaders": headers}


async def candidate(rig: Rig, run: Run, name: str) -> Candidate:
    one = await guest(rig, name)
    found = await rig.world.tables.runs.candidate(run.id, one.partner, one.person)
    assert found is not None
    return found


async def test_a_run_shows_the_mail_that_came_back_and_what_the_log_says_of_failed_sign_ins(rig: Rig, stage: Stage) -> None:
    await rig.settle(request("cleo", name="third", until="2026-11-28", sponsors=[MIA]))
    rig.now = NOW
    await run_now(rig)
    tenant = stage.running.services.tenant
    (sent,) = [mail for mail in tenant.outbox if mail["to"] == "ana@fabrikam.com"]
    ana, cleo = await guest(rig, "ana"), await guest(rig, "cleo")
    rig.now += timedelta(days=7)
    signs = [sign_in(1, ana.user, rig.now - timedelta(days=3), 50057), sign_in(2, ana.user, rig.now - timedelta(days=2), 50057)]
    plant(tenant, {"signIns": signs, "inbox": [came(REPORT, sent["internetMessageId"]), came(REPORT, "<other@contoso.com>")]})
    await attempts(rig, stage, "ana", rig.now - timedelta(days=2), rig.now - timedelta(days=50))
    await attempts(rig, stage, "cleo", rig.now - timedelta(days=45), rig.now - timedelta(days=50))
    asked = len(rig.border.log)
    run = await run_now(rig)
    assert len([call for call in rig.border.log[asked:] if call == "tenant.GET"]) < 40
    one = await candidate(rig, run, "ana")
    assert one.error == "error 50057, their own organization has disabled the account; 2 times since their last success"
    assert one.bounced is not None
    assert (one.move, one.rule) == ("warn", "ended"), "neither has moved anybody"
    other = await candidate(rig, run, "cleo")
    assert (other.error, other.bounced) == ("", None), "that failure is older than the log"
    shown = await run_view(rig.world, run.id)
    assert shown is not None
    said = {one["user"]: one["suspicions"] for one in shown["guests"]}
    assert said[cleo.user] == []
    assert [words.partition(" on ")[0] for words in said[ana.user]] == [
        "their last attempt to sign in,",
        "our last mail to them came back",
    ]
    rig.now += timedelta(minutes=15)
    tenant.outbox.clear()
    assert await tell_sponsors(rig.world) == 1
    (mail,) = [mail for mail in tenant.outbox if mail["to"] == "mia@contoso.com"]
    assert mail["text"].count("our last mail to them came back:") == 1
    (card,) = [card for card in await my_cards(rig.world, MIA) if card.person == ana.person]
    assert card.bounced == one.bounced
    for language, words in (("en", "came back"), ("de", "kam am"), ("nl", "terug"), ("fr", "revenu")):
        assert words in questions(Words(language), Place("/x", "mark"), [card], NOW.date(), None).html


async def test_who_is_under_suspicion_alone_is_named_by_no_run(rig: Rig, stage: Stage) -> None:
    await attempts(rig, stage, "ben", NOW - timedelta(days=2), NOW - timedelta(days=50))
    ben = await guest(rig, "ben")
    await rig.world.tables.guests.mark(ben.partner, {ben.person: {"sent": "a" * 40}})
    plant(stage.running.services.tenant, {"inbox": [came(REPORT, f"<{'a' * 40}@contoso.com>")]})
    run = await run_now(rig)
    assert await rig.world.tables.runs.candidate(run.id, ben.partner, ben.person) is None


async def test_what_cannot_be_looked_for_is_said_and_holds_up_nothing(rig: Rig, stage: Stage) -> None:
    await attempts(rig, stage, "ana", NOW - timedelta(days=2), NOW - timedelta(days=50))
    tenant = stage.running.services.tenant
    wrong: dict[str, Any] = {"effect": "status", "status": 403, "code": "ErrorAccessDenied"}
    for path in ("/mailFolders/inbox", "/auditLogs/signIns"):
        tenant.faults.add({**wrong, "match": {"path": path}})
    run = await run_now(rig)
    assert [note.partition(":")[0] for note in run.notes] == [
        "mails that came back cannot be looked for",
        "errors of sign-ins that failed cannot be read",
    ]
    assert (await guest(rig, "ana")).stage == "warned"
    rig.world.settings = rig.world.settings.model_copy(update={"powers": frozenset({"guests", "settings"})})
    assert "another app" in (await mails_returned(rig.world))[1]
    rig.world.settings = rig.world.settings.model_copy(update={"mailbox": ""})
    assert "ENTENTE_MAILBOX" in (await mails_returned(rig.world))[1]


async def test_the_log_is_asked_for_many_at_once_and_not_without_end(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text(TEMPLATE + RULES)
    rig = await fresh(stage, tmp_path)
    names = [f"g{number:03}" for number in range(MOST_LOOKS * MOST_USERS + 3)]
    await rig.settle(request(*names, until="2026-11-23"))
    rig.now = NOW
    users = [(await guest(rig, name)).user for name in names]
    for name in names:
        await attempts(rig, stage, name, NOW - timedelta(days=2), NOW - timedelta(days=50))
    plant(
        stage.running.services.tenant,
        {"signIns": [sign_in(n, user, NOW - timedelta(days=2), 50126) for n, user in enumerate(users)]},
    )
    run = await begin(rig.world, "user x", apply=False)
    began = rig.now
    await rig.deliver_all()
    ended = await rig.world.tables.runs.get(run.id)
    assert ended is not None
    assert ended.counts["signInLooks"] == MOST_LOOKS
    assert "for the first 150 candidates alone" in " ".join(ended.notes)
    assert rig.now - began >= timedelta(seconds=rig.world.settings.clean_up_page_seconds * (MOST_LOOKS - 1))
    told = [one.error async for one in rig.world.tables.runs.candidates(run.id)]
    assert len([error for error in told if "50126" in error]) == MOST_LOOKS * MOST_USERS


async def test_whoever_came_in_or_of_whom_nothing_is_known_is_under_no_suspicion(rig: Rig, stage: Stage) -> None:
    await attempts(rig, stage, "ana", NOW - timedelta(days=2), NOW - timedelta(days=2, minutes=-1))
    run = await run_now(rig)
    ana = await guest(rig, "ana")
    named = await rig.world.tables.runs.candidate(run.id, ana.partner, ana.person)
    assert named is not None
    assert "suspicion" not in named.evidence
    assert named.failed is None


def sign_in(number: int, user: str, at: datetime, code: int) -> dict[str, Any]:
    status = {"errorCode": code, "failureReason": "Other.", "additionalDetails": None}
    return {"id": f"s{number}", "userId": user, "createdDateTime": f"{at:%Y-%m-%dT%H:%M:%SZ}", "status": status}


async def test_sign_ins_that_failed_since_the_last_success_are_shown(rig: Rig, stage: Stage) -> None:
    ana, ben = await guest(rig, "ana"), await guest(rig, "ben")
    days = [(20, 50126), (10, 0), (5, 50057), (3, 50057)]
    found = [sign_in(number, ana.user, NOW - timedelta(days=ago), code) for number, (ago, code) in enumerate(days)]
    plant(stage.running.services.tenant, {"signIns": [*found, sign_in(9, ben.user, NOW, 0)]})
    said = await suspicions_view(rig.world, ana)
    assert said["found"] == ["signing in failed 2 times since their last success, the last time on 2026-11-23 (error 50057)"]
    assert said["notRead"] == []
    assert (await suspicions_view(rig.world, ben))["found"] == []
    plant(stage.running.services.tenant, {"organization": {"premium": False}})
    said = await suspicions_view(rig.world, ana)
    assert said["found"] == []
    assert said["notRead"][0].startswith("sign-ins: ")


async def test_a_mail_of_ours_that_came_back_is_shown_and_moves_nobody(rig: Rig, stage: Stage) -> None:
    await run_now(rig)
    ana, ben = await guest(rig, "ana"), await guest(rig, "ben")
    (sent,) = [mail for mail in stage.running.services.tenant.outbox if mail["to"] == "ana@fabrikam.com"]

    # An automatic reply answers the same mail, and is no report.
    plant(
        stage.running.services.tenant,
        {"inbox": [came("text/plain", sent["internetMessageId"]), came(REPORT, "<other@contoso.com>")]},
    )
    assert (await suspicions_view(rig.world, ana))["found"] == []
    plant(stage.running.services.tenant, {"inbox": [came(REPORT, sent["internetMessageId"])]})
    said = await suspicions_view(rig.world, ana)
    assert [words.partition(" on ")[0] for words in said["found"]] == ["a mail to them came back"]
    assert (await suspicions_view(rig.world, ben))["found"] == []
    before = len(mails(stage))
    rig.now += timedelta(days=1)
    await run_now(rig)
    assert (await guest(rig, "ana")).warnings == 1
    assert len(mails(stage)) == before
