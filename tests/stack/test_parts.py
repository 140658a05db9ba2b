"""What the stack is made of, each by itself."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devstack.__main__ import main
from devstack.broker.config import parse
from devstack.demo.report import changes, closing
from devstack.stack.addresses import Addresses
from devstack.stack.child import TETHER, Child
from devstack.stack.errors import StackError
from devstack.stack.folder import AlreadyUpError, WorkFolder, running
from devstack.stack.queues import config
from devstack.stack.settings import app_settings, host_environment, part_environment
from devstack.stack.tenants import settings_of_several
from shared.nouns.tenants import OWN
from shared.settings import read_settings
from shared.topology import PARKED, Queue, queues

ROOT = Path(__file__).parents[2]
WHERE = Addresses(
    functions=(),
    function_keys={},
    service_bus="Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=R;SharedAccessKey=S;UseDevelopmentEmulator=true;",
    service_bus_control="http://127.0.0.1:2",
    tables="DefaultEndpointsProtocol=http;AccountName=a;AccountKey=aw==;TableEndpoint=http://127.0.0.1:3/a;",
    identity="http://127.0.0.1:4/msi/token",
    identity_header="header",
    tenant="http://127.0.0.1:4",
    tenant_id="11111111-1111-1111-1111-111111111111",
    control="http://127.0.0.1:4/_sim",
    pids={},
)


def test_the_queues_fit_the_official_emulator_as_they_are() -> None:
    ours = {queue.name: queue for queue in queues()}
    text = json.dumps(config(ours.values(), PARKED))
    as_emulator = parse(text, emulator_limits=True)
    assert as_emulator == parse(text)
    assert ours.keys() == as_emulator.queues.keys()
    assert as_emulator.queues["parked"].forward_dead_letters_to is None
    for name, held in as_emulator.queues.items():
        assert held.detects_duplicates, name
        assert (held.lock_duration, held.max_delivery_count, held.duplicate_window) == (120, 10, 300)
        assert held.forward_dead_letters_to == (None if name == "parked" else "parked")
        assert held.requires_session == ours[name].sessions


@pytest.mark.parametrize(("seconds", "text"), [(30, "PT30S"), (120, "PT2M"), (90, "PT1M30S")])
def test_durations(seconds: int, text: str) -> None:
    (queue,) = config([Queue("a", lock=seconds)], PARKED)["UserConfig"]["Namespaces"][0]["Queues"]
    assert queue["Properties"]["LockDuration"] == text


def test_the_app_can_read_its_settings_and_nothing_outside_leads_it_away() -> None:
    outside = {
        "ServiceBus__fullyQualifiedNamespace": "real.servicebus.windows.net",
        "Tables": "real",
        "AZURE_CLIENT_ID": "real",
        "AzureWebJobsStorage": "real",
        "IDENTITY_ENDPOINT": "http://real",
        "WEBSITE_AUTH_ENABLED": "true",
        "ENTENTE_TENANT_ID": "99999999-9999-9999-9999-999999999999",
        "ENTENTE_GRAPH_URL": "https://graph.microsoft.com/v1.0",
        "ENTENTE_EXCHANGE_URL": "https://outlook.office365.com",
        "ENTENTE_IDENTITY_CLIENT_ID": "real",
        "ENTENTE_KEY": "real",
        "ENTENTE_TOKEN": "real",
        "ENTENTE_HORIZON_SECONDS": "7",
        "ENTENTE_CLAIM_SECONDS": "8",
        "ENTENTE_SPLIT_SECONDS": "",
        "NO_PROXY": "intranet",
        "PATH": "/bin",
    }
    found = host_environment(outside, app_settings(WHERE, "http://127.0.0.1:4/v1.0"), {"ENTENTE_CLAIM_SECONDS": "9"})
    assert "real" not in " ".join(found.values())
    settings = read_settings(found)
    assert settings.tenant_id == WHERE.tenant_id
    assert settings.graph_url == "http://127.0.0.1:4/v1.0"
    assert settings.exchange_url == "http://127.0.0.1:4"
    assert (settings.horizon_seconds, settings.claim_seconds) == (7, 9)
    assert settings.trust_sign_in
    assert set(settings.key_roles) == {"Requester", "Approver", "Operator", "Reader"}
    assert found["PATH"] == "/bin"
    assert found["NO_PROXY"] == "intranet,127.0.0.1,localhost"
    assert part_environment({})["NO_PROXY"] == "127.0.0.1,localhost"


def test_the_key_of_person_ids_is_new_each_time() -> None:
    first, second = (app_settings(WHERE, "http://127.0.0.1:4/v1.0")["ENTENTE_PERSON_KEY"] for _ in range(2))
    assert first != second


def test_a_folder_has_one_stack_and_its_record_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    assert running(folder) is None
    with WorkFolder(folder) as work:
        assert running(folder) is None
        path = work.write("stack.json", {"a": 1})
        assert running(folder) == {"a": 1}
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        with (
            pytest.raises(AlreadyUpError, match=rf"A local stack is up already in .*\(process {os.getpid()}\)"),
            WorkFolder(folder),
        ):
            pytest.fail("two stacks had the folder")
        assert running(folder) == {"a": 1}
    assert running(folder) is None
    assert not path.exists()
    with WorkFolder(folder):
        pass


def test_a_stale_record_is_not_taken_for_a_stack(tmp_path: Path) -> None:
    with WorkFolder(tmp_path):
        pass
    (tmp_path / "stack.json").write_text("{}", encoding="utf-8")
    assert running(tmp_path) is None
    with WorkFolder(tmp_path) as work:
        assert not work.record.exists()


def test_a_tethered_process_ends_when_its_parent_is_killed(tmp_path: Path, until: Any, gone: Any) -> None:
    parent = (
        "import os, subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, {str(TETHER)!r}, str(os.getpid()), sys.executable, '-c',"
        " 'import time; print(1, flush=True); time.sleep(600)'], stdout=subprocess.PIPE, start_new_session=True)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert not gone(child)
        process.kill()
    until(lambda: gone(child), f"process {child} ends with its parent")


def test_a_tethered_process_does_not_begin_without_its_parent() -> None:
    command = [sys.executable, str(TETHER), "1", sys.executable, "-c", "print('ran')"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")


async def child_of(tmp_path: Path, code: str) -> Child:
    log = tmp_path / "part.log"
    return await Child.start("part", [sys.executable, "-c", code], log=log, environment=os.environ, folder=tmp_path)


async def test_a_part_that_cannot_start_says_why(tmp_path: Path) -> None:
    child = await child_of(tmp_path, "import sys; sys.exit('no room on the disk')")
    with pytest.raises(StackError, match=r"part has ended with exit code 1(.|\n)*no room on the disk"):
        await child.announcement()
    await child.stop(1)


async def test_a_part_that_announces_nonsense_says_so(tmp_path: Path) -> None:
    child = await child_of(tmp_path, "print('hello'); import time; time.sleep(600)")
    with pytest.raises(StackError, match="hello"):
        await child.announcement()
    await child.stop(0)
    assert child.process.returncode == -signal.SIGKILL


async def test_a_part_that_does_not_end_when_asked_is_killed(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('{}', flush=True); time.sleep(600)"
    child = await child_of(tmp_path, code)
    assert await child.announcement() == {}
    await child.stop(0.2)
    assert child.process.returncode == -signal.SIGKILL
    assert "did not end within" in child.log.read_text(encoding="utf-8")


async def test_what_a_part_prints_later_is_in_its_log(tmp_path: Path) -> None:
    child = await child_of(tmp_path, "print('{\"a\": 1}'); print('more'); import sys; print('errors', file=sys.stderr)")
    assert await child.announcement() == {"a": 1}
    await child.process.wait()
    await child.stop(1)
    assert set(child.log.read_text(encoding="utf-8").split()) == {"more", "errors"}


def test_the_demo_tells_writes_from_looking() -> None:
    before = {"requests": 10, "writes": 3, "invitations": 1, "operations": {"Get-OrganizationRelationship": 1, "GET /users": 9}}
    looked = {"requests": 20, "writes": 3, "invitations": 1, "operations": {"Get-OrganizationRelationship": 4, "GET /users": 16}}
    wrote = looked | {"writes": 5, "invitations": 2, "operations": {"New-OrganizationRelationship": 1, "POST /x-y": 2}}
    assert (
        closing(before, looked, done=True)
        == "Nothing was changed in the tenant: everything was there already. 10 requests looked, none wrote."
    )
    assert (
        closing(before, wrote, done=True)
        == "The tenant was changed by 3 writes, 1 of them invitations, in 10 requests altogether."
    )
    assert changes({}) == 0


def test_what_is_said_of_one_of_several_tenants_is_not_the_environments_to_say() -> None:
    said = {
        "ENTENTE_GRAPH_URL__contoso": "https://graph.microsoft.com/v1.0",
        "ENTENTE_TENANTS": "contoso",
        "REQUESTS_CA_BUNDLE": "/x",
    }
    assert not part_environment(said).keys() & said.keys()
    assert part_environment({"ENTENTE_HORIZON_SECONDS": "1"})["ENTENTE_HORIZON_SECONDS"] == "1"


def test_several_tenants_have_what_is_their_own_by_name() -> None:
    one = {
        "ServiceBus": "b",
        "ENTENTE_TENANT_ID": "1",
        "ENTENTE_PERSON_KEY": "k1",
        "ENTENTE_MAILBOX": "m",
        "ENTENTE_GRAPH_URL": "g1",
    }
    other = {**one, "ENTENTE_TENANT_ID": "2", "ENTENTE_PERSON_KEY": "k2", "ENTENTE_GRAPH_URL": "g2"}
    made = settings_of_several({"contoso": one, "tailspin": other}, {"authority": "https://a", "certificate": "c"}, Path("/t"))
    assert made["ServiceBus"] == "b"
    assert made["ENTENTE_TENANTS"] == "contoso,tailspin"
    assert (made["ENTENTE_GRAPH_URL__contoso"], made["ENTENTE_GRAPH_URL__tailspin"]) == ("g1", "g2")
    # A tenant's own, though both have the same.
    assert made["ENTENTE_MAILBOX__tailspin"] == "m"
    assert not {name for name in made if name in OWN}


@pytest.mark.parametrize("names", ["contoso", "contoso,contoso", "Contoso,tailspin", ""])
def test_tenants_are_named_as_the_app_names_them(names: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["up", "--tenants", names])
    assert ended.value.code == 2
    assert "--tenants" in capsys.readouterr().err
