"""What the tests of the clients of the tenant share."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    # Importing any request builder of msgraph-sdk 1.65 says this.
    config.addinivalue_line("filterwarnings", "ignore:(This class|GetQueryParameters) is deprecated:DeprecationWarning")
