"""The heads of seals in a container of Azurite: each once, in order, whatever dies; what was tampered with is found."""

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from shared.blobs import Blobs
from shared.nouns.outcomes import NotYet, WontWork
from shared.settings import Settings
from shared.verbs.export_seals import blob_name, export_seals
from shared.verbs.seal import seal
from shared.views.journal import partner_journal
from tests.app.conftest import Moment, Stage
from tests.app.test_journal import REQUEST
from tests.conftest import ACCOUNT, KEY
from tests.rig import Killed, Rig, settings

TENANT = str(uuid.UUID(int=1))
VERSION = "2023-11-03"


@dataclass(frozen=True)
class Container:
    """A container of its own; `setting` has a SAS that may add and read, `door` one that may do anything."""

    place: str
    setting: str
    door: str

    def names(self) -> list[str]:
        listed = httpx.get(f"{self.place}?restype=container&comp=list&{self.door}").raise_for_status().text
        return [part.split("</Name>")[0] for part in listed.split("<Name>")[1:]]

    def read(self, name: str) -> Any:
        return httpx.get(f"{self.place}/{name}?{self.door}").raise_for_status().json()

    def write(self, name: str, content: object) -> None:
        headers = {"x-ms-blob-type": "BlockBlob", "x-ms-version": VERSION}
        httpx.put(f"{self.place}/{name}?{self.door}", json=content, headers=headers).raise_for_status()

    def remove(self, name: str) -> None:
        httpx.delete(f"{self.place}/{name}?{self.door}").raise_for_status()


@pytest.fixture
def container(azurite_blobs: str) -> Iterator[Container]:
    name = f"seals-{uuid.uuid4().hex[:12]}"
    place, door = f"{azurite_blobs}/{name}", _account_sas()
    httpx.put(f"{place}?restype=container&{door}", headers={"x-ms-version": VERSION}).raise_for_status()
    yield Container(place, f"{place}?{_service_sas(name, 'rcw')}", door)
    httpx.delete(f"{place}?restype=container&{door}").raise_for_status()


def _service_sas(container: str, permissions: str) -> str:
    """https://learn.microsoft.com/rest/api/storageservices/create-service-sas#construct-a-signature-string"""
    until = _soon()
    resource = f"/blob/{ACCOUNT}/{container}"
    said = [permissions, "", until, resource, "", "", "", VERSION, "c", "", "", "", "", "", "", ""]
    return urlencode({"sv": VERSION, "sr": "c", "sp": permissions, "se": until, "sig": _signed("\n".join(said))})


def _account_sas() -> str:
    """https://learn.microsoft.com/rest/api/storageservices/create-account-sas#construct-the-signature-string"""
    until = _soon()
    said = [ACCOUNT, "rwdlac", "b", "sco", "", until, "", "", VERSION, "", ""]
    return urlencode({"sv": VERSION, "ss": "b", "srt": "sco", "sp": "rwdlac", "se": until, "sig": _signed("\n".join(said))})


def _soon() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _signed(text: str) -> str:
    return base64.b64encode(hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()).decode()


async def sealed(stage: Stage, setting: str) -> Rig:
    """Three seals, none of them exported."""
    rig = await stage.fresh(ENTENTE_SEAL_CONTAINER=setting)
    await rig.settle(REQUEST)
    assert await seal(rig.world) > 0
    for _ in range(2):
        rig.now += timedelta(days=1)
        assert await seal(rig.world) == 1
    return rig


def chain(rig: Rig) -> list[dict[str, Any]]:
    return [row for (partition, _), row in sorted(rig.tables["seals"].content.items()) if partition == "chain"]


def warnings(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [
        json.loads(record.getMessage()) for record in caplog.records if record.name == "entente" and record.levelname == "WARNING"
    ]


async def verdict(rig: Rig) -> Any:
    return (await partner_journal(rig.world, "fabrikam.com", verified=True))["verification"]


async def test_every_head_is_exported_once_and_holds(stage: Stage, container: Container) -> None:
    rig = await sealed(stage, container.setting)
    number = len(chain(rig))
    before = await verdict(rig)
    assert before["exported"] == {"container": container.place, "compared": 0, "notExported": number}
    assert [flaw["where"] for flaw in before["flaws"]] == ["seal 1"], "more than a day late"
    assert await export_seals(rig.world) == number
    assert container.names() == [blob_name(1 + index) for index in range(number)]
    for row in chain(rig):
        said = container.read(f"{row['RowKey']}.json")
        assert said == {
            "number": int(row["RowKey"]),
            "hash": row["digest"],
            "at": said["at"],
            "entries": len(json.loads(row["entries"])),
        }
        assert datetime.fromisoformat(said["at"]) == datetime.fromisoformat(row["at"])
    rig.border.log.clear()
    assert await export_seals(rig.world) == 0
    assert not [call for call in rig.border.log if call.startswith("blobs.")], "nothing new costs no call"
    found = await verdict(rig)
    assert (found["holds"], found["exported"]["compared"], found["exported"]["notExported"]) == (True, number, 0)


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_worker_that_dies_anywhere_leaves_nothing_out(
    stage: Stage, container: Container, caplog: pytest.LogCaptureFixture, after_effect: bool
) -> None:
    rig = await sealed(stage, container.setting)
    moment: Moment = stage.moment(rig, ENTENTE_SEAL_CONTAINER=container.setting)
    calls = rig.border.calls
    await export_seals(rig.world)
    number, whole = len(chain(rig)), rig.border.calls - calls
    names = container.names()
    for kill_at in range(1, whole + 1):
        for name in container.names():
            container.remove(name)
        rig = await stage.back_at(moment)
        rig.border.kill_at, rig.border.kill_after_effect = kill_at, after_effect
        with pytest.raises(Killed):
            await export_seals(rig.world)
        rig.border.kill_at = None
        rig.now += timedelta(days=1)
        assert await seal(rig.world) == 1, "sealing goes on"
        await export_seals(rig.world)
        assert not warnings(caplog)
        assert container.names() == [*names, blob_name(number + 1)]
        assert (await verdict(rig))["holds"]


@pytest.mark.parametrize("deed", ["head changed", "head removed", "made anew", "cut short", "all cut", "first made anew"])
async def test_what_was_tampered_with_is_found(
    stage: Stage, container: Container, caplog: pytest.LogCaptureFixture, deed: str
) -> None:
    rig = await sealed(stage, container.setting)
    await export_seals(rig.world)
    seals, last = rig.tables["seals"].content, len(chain(rig))
    match deed:
        case "head changed":
            container.write(blob_name(2), container.read(blob_name(2)) | {"hash": "0" * 64})
        case "head removed":
            container.remove(blob_name(1))
        case "cut short":
            del seals["chain", f"{last:012}"]
            seals["head", "head"]["number"] = last - 1
        case "all cut":
            for spot in [spot for spot in seals if spot != ("head", "exported")]:
                del seals[spot]
        case _:
            kept = dict(seals["head", "exported"])
            for spot in [spot for spot in seals if spot[0] != "requests"]:
                del seals[spot]
            seals["head", "exported"] = kept
            rig.now += timedelta(seconds=1)
            for _ in range(20 if deed == "made anew" else 1):
                await seal(rig.world)
                rig.now += timedelta(days=1)
    found = await verdict(rig)
    assert not found["holds"]
    assert "export" in {flaw["kind"] for flaw in found["flaws"]}
    assert await export_seals(rig.world) == 0
    assert bool(warnings(caplog)) == (deed in {"made anew", "cut short", "all cut", "first made anew"})


async def test_a_storage_out_of_reach_stops_no_sealing_and_proves_nothing(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    rig = await sealed(stage, "http://127.0.0.1:9/account/seals?sig=secret")
    assert await export_seals(rig.world) == 0
    (line,) = warnings(caplog)
    assert (line["event"], line["seal"]) == ("seal not exported", 1)
    assert "secret" not in caplog.text
    rig.now += timedelta(days=1)
    assert await seal(rig.world) == 1
    found = await verdict(rig)
    assert not found["holds"]
    assert "were not compared" in json.dumps(found["flaws"])
    assert "secret" not in json.dumps(found)


async def test_another_container_gets_all_heads(stage: Stage, container: Container) -> None:
    rig = await sealed(stage, container.setting)
    row = {"PartitionKey": "head", "RowKey": "exported", "container": "https://x/seals", "number": 2, "etag": "1"}
    rig.tables["seals"].content["head", "exported"] = row
    assert await export_seals(rig.world) == len(chain(rig))


async def test_without_a_container_it_is_said(stage: Stage) -> None:
    rig = await sealed(stage, "")
    assert await export_seals(rig.world) == 0
    found = await verdict(rig)
    assert (found["holds"], found["exported"]) == (True, {"container": None, "compared": 0})


class Answers(httpx.AsyncBaseTransport):
    """Says what it was told to, and remembers what it was asked."""

    def __init__(self, *answers: httpx.Response) -> None:
        self._answers = list(answers)
        self.asked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self._answers.pop(0)


class Identity:
    """A managed identity; each token is another."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    async def get_token(self, *scopes: str, claims: str | None = None) -> Any:
        del claims
        self.scopes += scopes
        return type("Token", (), {"token": f"token-{len(self.scopes)}", "expires_on": 2**40})()

    async def close(self) -> None:
        return


AZURE = settings(TENANT, ENTENTE_SEAL_CONTAINER="https://account.blob.core.windows.net/seals/")
IMMUTABLE = httpx.Response(409, headers={"x-ms-error-code": "BlobImmutableDueToPolicy"})
MISSING = httpx.Response(404, headers={"x-ms-error-code": "BlobNotFound"})


async def test_azure_is_asked_with_the_identity_of_the_app() -> None:
    identity, answers = Identity(), Answers(httpx.Response(401), httpx.Response(201))
    blobs = Blobs(AZURE, identity, answers)
    await blobs.put_once("1.json", b"{}")
    await blobs.close()
    request = answers.asked[1]
    assert str(request.url) == "https://account.blob.core.windows.net/seals/1.json"
    assert identity.scopes == ["https://storage.azure.com/.default"] * 2
    assert request.headers["Authorization"] == "Bearer token-2"
    assert (request.headers["If-None-Match"], request.headers["x-ms-version"]) == ("*", VERSION)


@pytest.mark.parametrize(
    ("answers", "raised"),
    [
        ((IMMUTABLE, httpx.Response(200, content=b"{}")), None),
        ((httpx.Response(412), httpx.Response(200, content=b"{}")), None),
        ((IMMUTABLE, httpx.Response(200, content=b"[]")), WontWork),
        ((httpx.Response(409), MISSING), NotYet),
        ((httpx.Response(503),), NotYet),
        ((httpx.Response(429),), NotYet),
        ((httpx.Response(403),), WontWork),
        ((httpx.Response(404, headers={"x-ms-error-code": "ContainerNotFound"}),), WontWork),
    ],
)
async def test_what_the_service_says_is_understood(answers: tuple[httpx.Response, ...], raised: type[Exception] | None) -> None:
    blobs = Blobs(
        AZURE, Identity(), Answers(*(httpx.Response(a.status_code, headers=a.headers, content=a.content) for a in answers))
    )
    if raised is None:
        await blobs.put_once("1.json", b"{}")
    else:
        with pytest.raises(raised):
            await blobs.put_once("1.json", b"{}")


@pytest.mark.parametrize(
    "wrong",
    [
        "http://account.blob.core.windows.net/seals",
        "https://account.blob.core.windows.net/seals?sig=x",
        "https://account.blob.core.windows.net",
    ],
)
def test_an_address_that_is_none_of_a_container_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="ENTENTE_SEAL_CONTAINER"):
        settings(TENANT, ENTENTE_SEAL_CONTAINER=wrong)
    assert Settings.model_fields["seal_container"].default == ""
