"""Nothing personal gets into a log line, whatever somebody named a group."""

import logging

import pytest

from shared.log import log


def test_addresses_links_and_tokens_in_reasons_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="entente"):
        log.warning(
            "request refused",
            request="fabrikam-1",
            reason="groups[0]: ana.trujillo@fabrikam.com is not a group; see https://login.microsoftonline.com/redeem?rd=x and eyJhbGci.eyJzdWIi.c2ln",
        )
    (line,) = [record.getMessage() for record in caplog.records]
    assert "fabrikam-1" in line
    assert "<address> is not a group" in line
    for secret in ("trujillo", "redeem?", "eyJhbGci"):
        assert secret not in line
