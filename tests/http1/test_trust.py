"""Who is believed to be who they say: over real TLS, with certificates made for the test, in processes of their own."""

import asyncio
import json
import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.certificates import Certified
from shared.http1.trust import trusting_the_system
from tests.answering import saying, server

ASK = """
import asyncio, json, sys
from shared.http1.connection import NothingSent
from shared.http1.pool import Connections, Patience, Place
from shared.http1.trust import trusting_the_system
async def main():
    connections = Connections()
    try:
        reply = await connections.ask(Place("https", "localhost", int(sys.argv[1])), "GET", b"/", [], patience=Patience(20, 20))
        said = reply.body.decode()
    except NothingSent as error:
        said = type(error.__cause__).__name__
    connections.close()
    print(json.dumps([said, trusting_the_system().cert_store_stats()["x509_ca"]]))
asyncio.run(main())
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def asked(certified: Certified, environment: dict[str, str]) -> tuple[str, int]:
    """What a process with this environment was answered, or why it did not get so far; and how many roots it had read by then."""
    usual = {name: value for name, value in os.environ.items() if not name.startswith("SSL_")}
    async with server(saying(OK), tls=certified.context()) as port:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", ASK, str(port)), env=usual | environment, stdout=subprocess.PIPE
        )
        said, _ = await process.communicate()
    answer, roots = json.loads(said)
    return str(answer), int(roots)


@pytest.fixture
def certified(tmp_path: Path) -> Certified:
    return Certified(tmp_path)


async def test_a_server_whose_root_is_trusted_is_spoken_to_and_no_other_root_is_read(certified: Certified) -> None:
    environment = certified.trusted()
    if "SSL_CERT_DIR" not in environment:
        pytest.skip("this machine has no folder of root certificates by hash")
    assert await asked(certified, environment) == ("ok", 1)


async def test_a_file_of_roots_that_is_named_is_what_counts(certified: Certified) -> None:
    assert await asked(certified, {"SSL_CERT_FILE": str(certified.root)}) == ("ok", 1)


@pytest.mark.skipif(
    not Path(ssl.get_default_verify_paths().openssl_cafile).is_file(), reason="this machine has no file of root certificates"
)
async def test_a_folder_without_hashes_is_no_reason_to_trust_nobody(certified: Certified, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    answer, roots = await asked(certified, {"SSL_CERT_DIR": str(tmp_path / "empty")})
    assert (answer, roots > 1) == ("SSLCertVerificationError", True)


async def test_a_server_whose_root_is_not_trusted_gets_nothing(certified: Certified) -> None:
    assert (await asked(certified, {}))[0] == "SSLCertVerificationError"


async def test_a_server_by_another_name_gets_nothing(tmp_path: Path) -> None:
    certified = Certified(tmp_path, "elsewhere.invalid")
    assert (await asked(certified, certified.trusted()))[0] == "SSLCertVerificationError"


def test_it_is_checked_as_strictly_as_python_does_by_itself() -> None:
    ours, usual = trusting_the_system(), ssl.create_default_context()
    for what in ("verify_mode", "check_hostname", "verify_flags", "minimum_version", "options", "security_level"):
        assert getattr(ours, what) == getattr(usual, what)
