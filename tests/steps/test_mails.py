"""Our own mails over sockets: one each whatever is lost, in the reader's language, with a link that nothing keeps."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.mails import _PLACEHOLDER, FOLDER, LANGUAGES, _mails, spoken, write
from shared.notify import notify
from shared.nouns.errors import Refusal
from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.partner import Partner
from shared.nouns.person import Person
from shared.nouns.request import GuestWish, Header
from shared.nouns.state import State, difference
from shared.nouns.step import Ask, Entry, Intent, Step, Subject
from shared.nouns.template import Template, TemplateInvitation
from shared.steps.change_guest_address import CHANGE_GUEST_ADDRESS
from shared.steps.invite_guest import INVITE_GUEST
from shared.steps.tell_owners import TELL_OWNERS
from shared.steps.welcome_guest import WELCOME_GUEST
from shared.tenant import Tenant
from tests.steps.conftest import Simulation, settings_of

READERS = "aaaaaaaa-0000-4000-8000-000000000002"
FABRIKAM = Partner("22222222-2222-2222-2222-222222222222", "Fabrikam", ("fabrikam.com", "fabrikam.co.uk"))
SILENT: dict[str, Json] = {"redirectUrl": "https://myapps.microsoft.com", "sendMail": False}
ANA = Subject(
    id="p-ana",
    partner=FABRIKAM,
    person=Person("p-ana", "ana@fabrikam.com", 'Ana <b>"Silva"'),
    details=SILENT
    | {
        "organization": "Contoso & Sons",
        "language": "de",
        "until": "2027-06-30",
        "open": [["Project <x>", "https://contoso.example/p?a=1&b=2"]],
    },
)
WELCOMED: State = {"welcomed": True}
OWNERS = Subject(id="t.readers", partner=FABRIKAM, group=READERS, details={"title": "Partner Readers", "language": "en"})
CHANGE = Subject(
    id="t.ana",
    partner=FABRIKAM,
    details={
        "from": "ana@fabrikam.com",
        "to": "ana.silva@fabrikam.co.uk",
        "redirectUrl": SILENT["redirectUrl"],
        "sendMail": True,
    },
)
NEW_ADDRESS: State = {"address": "new", "redemption": "begun anew"}


@pytest.fixture
async def ours(simulation: Simulation) -> AsyncIterator[Tenant]:
    tenant = Tenant(replace(settings_of(simulation), mailbox="mia@contoso.com"))
    yield tenant
    await tenant.close()


async def invited(tenant: Tenant) -> str:
    return (await INVITE_GUEST.apply(tenant, replace(ANA, details=SILENT), {"guest": True})).ids["user"]


def begun(subject: Subject, change: State, *, ago: float = 600) -> Subject:
    """The subject with one more apply, begun so many seconds ago, whose answer never came."""
    intent = Intent(datetime.now(UTC) - timedelta(seconds=ago), 1, change, answered=False)
    return replace(subject, intents=(*subject.intents, intent))


def mails(simulation: Simulation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = simulation.order("GET", "mails")["value"]
    return found


async def test_a_guest_gets_one_mail_in_their_language(ours: Tenant, simulation: Simulation) -> None:
    await invited(ours)
    assert mails(simulation) == []
    before = await WELCOME_GUEST.read(ours, ANA)
    assert difference(WELCOMED, before) == WELCOMED
    assert WELCOME_GUEST.explain(ANA, before) is None
    applied = await WELCOME_GUEST.apply(ours, replace(ANA, seen=before), WELCOMED)
    assert difference(WELCOMED, await WELCOME_GUEST.read(ours, replace(ANA, ids=applied.ids))) == {}
    # Another request for the same guest finds it, unless it asks for one more.
    assert difference(WELCOMED, await WELCOME_GUEST.read(ours, ANA)) == {}
    again = replace(ANA, details={**ANA.details, "again": "request-2"})
    assert difference(WELCOMED, await WELCOME_GUEST.read(ours, again)) == WELCOMED
    (mail,) = mails(simulation)
    assert (mail["to"], mail["from"], mail["subject"]) == (
        "ana@fabrikam.com",
        "mia@contoso.com",
        "Contoso & Sons hat Sie eingeladen",
    )
    assert "30. Juni 2027" in mail["text"]
    link = re.search(r"https://login\.microsoftonline\.com/redeem\S+", mail["text"])
    assert link is not None
    assert f'href="{link[0].replace("&", "&amp;")}"' in mail["html"]
    assert "Ana &lt;b&gt;&quot;Silva&quot;" in mail["html"]
    assert '<a href="https://contoso.example/p?a=1&amp;b=2">Project &lt;x&gt;</a>' in mail["html"]
    assert "redeem" not in repr(applied)


async def test_a_lost_answer_never_doubles_the_mail(ours: Tenant, simulation: Simulation) -> None:
    await invited(ours)
    seen = replace(ANA, seen=await WELCOME_GUEST.read(ours, ANA))
    simulation.fault("effect-then-lost", "/sendMail")
    with pytest.raises(NotYet) as lost:
        await WELCOME_GUEST.apply(ours, seen, WELCOMED)
    assert lost.value.effect_unknown
    assert difference(WELCOMED, await WELCOME_GUEST.read(ours, begun(ANA, WELCOMED))) == {}
    assert len(mails(simulation)) == 1


async def test_a_lost_link_is_asked_for_again_at_once(ours: Tenant, simulation: Simulation) -> None:
    await invited(ours)
    seen = replace(ANA, seen=await WELCOME_GUEST.read(ours, ANA))
    simulation.fault("effect-then-lost", "/invitations")
    with pytest.raises(NotYet) as lost:
        await WELCOME_GUEST.apply(ours, seen, WELCOMED)
    assert not lost.value.effect_unknown
    assert mails(simulation) == []
    await WELCOME_GUEST.apply(ours, seen, WELCOMED)
    assert len(mails(simulation)) == 1


async def test_who_has_accepted_needs_no_mail_and_who_is_blocked_gets_none(ours: Tenant, simulation: Simulation) -> None:
    user = await invited(ours)
    simulation.order("POST", "redeem", {"id": user})
    state = await WELCOME_GUEST.read(ours, ANA)
    assert difference(WELCOMED, state) == {}
    assert "needs no mail" in WELCOME_GUEST.settled(ANA, state)
    simulation.order("POST", "act", {"do": "update", "target": user, "set": {"accountEnabled": False}})
    assert "blocked" in str(WELCOME_GUEST.explain(ANA, await WELCOME_GUEST.read(ours, ANA)))


async def test_a_mailbox_that_is_not_there_is_said_by_its_setting(tenant: Tenant, simulation: Simulation) -> None:
    await INVITE_GUEST.apply(tenant, replace(ANA, details=SILENT), {"guest": True})
    with pytest.raises(WontWork, match="ENTENTE_MAILBOX"):
        await WELCOME_GUEST.read(tenant, ANA)
    nobody = Tenant(replace(settings_of(simulation), mailbox="nobody@contoso.com"))
    with pytest.raises(WontWork, match="ENTENTE_MAILBOX was not found"):
        await WELCOME_GUEST.read(nobody, ANA)
    await nobody.close()


async def test_owners_are_told_once_in_one_mail(ours: Tenant, simulation: Simulation) -> None:
    simulation.order("POST", "act", {"do": "add-owner", "target": READERS, "who": "noor@contoso.com"})
    told: State = {"told": True}
    before = await TELL_OWNERS.read(ours, OWNERS)
    assert (difference(told, before), before["owners"]) == (told, 2)
    applied = await TELL_OWNERS.apply(ours, OWNERS, told)
    assert difference(told, await TELL_OWNERS.read(ours, OWNERS)) == {}
    assert difference(told, await TELL_OWNERS.read(ours, replace(OWNERS, ids=applied.ids))) == {}
    assert sorted(mail["to"] for mail in mails(simulation)) == ["mia@contoso.com", "noor@contoso.com"]
    assert len({mail["internetMessageId"] for mail in mails(simulation)}) == 1
    nobody = replace(OWNERS, group="aaaaaaaa-0000-4000-8000-000000000005")
    assert "no owner" in str(TELL_OWNERS.explain(nobody, await TELL_OWNERS.read(ours, nobody)))


async def test_an_address_changes_and_the_account_stays(ours: Tenant, simulation: Simulation) -> None:
    user = await invited(ours)
    simulation.order("POST", "redeem", {"id": user})
    await ours.groups.add_member(READERS, user)
    before = await CHANGE_GUEST_ADDRESS.read(ours, CHANGE)
    assert difference(NEW_ADDRESS, before) == NEW_ADDRESS
    first = await CHANGE_GUEST_ADDRESS.apply(ours, replace(CHANGE, seen=before), NEW_ADDRESS)
    there = begun(replace(CHANGE, ids=first.ids), NEW_ADDRESS)
    then = await CHANGE_GUEST_ADDRESS.read(ours, there)
    change = difference(NEW_ADDRESS, then)
    assert change == {"redemption": "begun anew"}
    simulation.fault("effect-then-lost", "/invitations")
    with pytest.raises(NotYet):
        await CHANGE_GUEST_ADDRESS.apply(ours, replace(there, seen=then), change)
    lost = begun(there, change, ago=5)
    assert difference(NEW_ADDRESS, await CHANGE_GUEST_ADDRESS.read(ours, lost)) == {}
    shown = simulation.user("ana.silva@fabrikam.co.uk")
    assert (shown["id"], shown["otherMails"], shown["externalUserState"]) == (
        user,
        ["ana.silva@fabrikam.co.uk"],
        "PendingAcceptance",
    )
    assert READERS in shown["memberOf"]
    assert [mail["kind"] for mail in mails(simulation)] == ["redemption-reset"]
    entry = Entry(before, NEW_ADDRESS, first.ids, created=False)
    await CHANGE_GUEST_ADDRESS.undo(ours, lost, entry)
    await CHANGE_GUEST_ADDRESS.undo(ours, lost, entry)
    assert simulation.user("ana@fabrikam.com")["id"] == user
    assert [mail["kind"] for mail in mails(simulation)] == ["redemption-reset"]


async def test_an_address_that_somebody_has_is_left_with_them(ours: Tenant, simulation: Simulation) -> None:
    user = await invited(ours)
    other = (await ours.redemption.link("ana.silva@fabrikam.co.uk", "https://myapps.microsoft.com", subject="p-other")).user
    state = await CHANGE_GUEST_ADDRESS.read(ours, CHANGE)
    why = str(CHANGE_GUEST_ADDRESS.explain(CHANGE, state))
    assert user in why
    assert other in why
    nobody = replace(CHANGE, details={**CHANGE.details, "from": "x@fabrikam.com", "to": "y@fabrikam.com"})
    assert "Nobody" in str(CHANGE_GUEST_ADDRESS.explain(nobody, await CHANGE_GUEST_ADDRESS.read(ours, nobody)))


async def test_a_notice_goes_out_once(ours: Tenant, simulation: Simulation) -> None:
    values = {"partner": "Fabrikam", "request": "r1", "who": "user 1", "reason": ""}
    for expected in (True, False):
        sent = await notify(ours, "request-approved", "fr-CA", values, to=["li@contoso.com"], mark="m", about="whoever asked")
        assert sent is expected
    assert [mail["subject"] for mail in mails(simulation)] == ["Approuvée : Fabrikam (demande r1)"]


def ask(guest: dict[str, Any] | None = None, name: str = "", settings: dict[str, Any] | None = None) -> Ask:
    raw = {
        "version": 1,
        "id": "r1",
        "template": "t",
        "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]},
        "groups": ["readers"],
    }
    template = Template(
        name="t",
        version=1,
        description="x",
        steps=(),
        groups={"readers": READERS, "other": READERS},
        invitation=TemplateInvitation(send_mail=False),
    )
    wish = GuestWish.model_validate({"email": "ana@fabrikam.com", **guest}) if guest is not None else None
    return Ask(Header.model_validate(raw), template, FABRIKAM, settings or {}, wish, name=name)


def test_a_guest_is_told_of_their_own_groups_only() -> None:
    links = {"readers": "https://r.example", "other": "https://o.example", "Handbook": "https://h.example"}
    wish = WELCOME_GUEST.wanted(ask({"until": "2027-06-30"}, settings={"open": links, "language": "nl-BE"}))
    assert wish is not None
    assert wish.details["open"] == [["readers", "https://r.example"], ["Handbook", "https://h.example"]]
    assert (wish.details["language"], wish.details["until"]) == ("nl", "2027-06-30")
    assert WELCOME_GUEST.wanted(ask({"sendMail": True})) is None
    assert WELCOME_GUEST.wanted(ask({"sendMail": False})) is None


@pytest.mark.parametrize(
    "settings", [{"open": {"x": "http://x"}}, {"greeting": "Hi"}, {"open": {"x": "javascript:alert(1)"}}], ids=str
)
def test_settings_of_the_welcome_that_are_wrong_are_named(settings: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match=r"steps\.welcome-guest\."):
        WELCOME_GUEST.wanted(ask({}, settings=settings))


def test_another_employer_is_another_guest() -> None:
    with pytest.raises(Refusal, match=r"steps\.change-guest-address\.ana\.to: is of no domain of the partner") as refused:
        CHANGE_GUEST_ADDRESS.wanted(ask(name="ana", settings={"from": "ana@fabrikam.com", "to": "ana@wingtip.com"}))
    assert "wingtip" not in str(refused.value)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_every_mail_says_the_same_in_every_language(path: Any) -> None:
    said = _mails(path.stem)
    assert tuple(said) == LANGUAGES
    names = {
        language: set(_PLACEHOLDER.findall(f"{said[language]['subject']} {said[language]['body']}")) for language in LANGUAGES
    }
    assert len({frozenset(found) for found in names.values()}) == 1
    for language in LANGUAGES:
        whole = write(path.stem, language, dict.fromkeys(names[language], "<x>\r\nBcc: y"))
        assert "\n" not in whole.subject
        assert "<x>" not in whole.html


def test_a_language_that_is_not_spoken_becomes_english() -> None:
    assert [spoken(tag) for tag in ("de-AT", "FR", "pt-BR", "")] == ["de", "fr", "en", "en"]


@pytest.mark.parametrize(
    ("step", "subject", "wanted", "needed"),
    [
        (WELCOME_GUEST, ANA, WELCOMED, WELCOME_GUEST.permissions),
        # The simulated tenant shows members whole where Microsoft would show their ids alone without User.Read.All.
        (TELL_OWNERS, OWNERS, {"told": True}, ("GroupMember.Read.All", "Mail.ReadBasic.All", "Mail.Send")),
        # Where it may write users, Microsoft lets it read and invite them too.
        (CHANGE_GUEST_ADDRESS, CHANGE, NEW_ADDRESS, ("User.ReadWrite.All",)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_a_step_needs_the_permissions_that_it_names(
    step: Step[Tenant], subject: Subject, wanted: State, needed: tuple[str, ...], tenant: Tenant, simulation: Simulation
) -> None:
    await invited(tenant)
    for missing in (None, *needed):
        granted = [permission for permission in step.permissions if permission != missing]
        simulation.order("POST", "seed", {"permissions": {"https://graph.microsoft.com": granted}})
        fresh = Tenant(replace(settings_of(simulation), mailbox="mia@contoso.com"))
        one_more = replace(subject, details={**subject.details, "again": str(missing)})
        try:
            if missing is None:
                await _through(step, fresh, one_more, wanted)
            else:
                with pytest.raises(WontWork):
                    await _through(step, fresh, _back(one_more), wanted)
        finally:
            await fresh.close()


async def _through(step: Step[Tenant], tenant: Tenant, subject: Subject, wanted: State) -> None:
    """Applied as often as it takes, with the horizon behind it each time."""
    for _ in range(2):
        seen = await step.read(tenant, subject)
        if not (change := difference(wanted, seen)):
            return
        applied = await step.apply(tenant, replace(subject, seen=seen), change)
        subject = replace(subject, ids={**subject.ids, **applied.ids})
    assert difference(wanted, await step.read(tenant, subject)) == {}


def _back(subject: Subject) -> Subject:
    """The address change the other way round, since the first one was carried out."""
    if "from" not in subject.details:
        return subject
    return replace(subject, details={**subject.details, "from": subject.details["to"], "to": subject.details["from"]})
