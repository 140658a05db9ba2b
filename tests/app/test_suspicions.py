"""A sign-in that failed and a mail that came back are shown to people, and are never reasons."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devstack.tenant.seed import plant
from shared.pages import Words
from shared.pages.my_guests import Card, Place, questions
from shared.verbs.ask_mails import tell_sponsors
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

    def came(kind: str, replied: str) -> dict[str, Any]:
        headers = [{"name": "Content-Type", "value": kind}, {"name": "In-Reply-To", "value": replied}]
        return {"mailbox": "mia@contoso.com", "subject": "Undeliverable", "internetMessageHeaders": headers}

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
