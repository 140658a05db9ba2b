"""The app registration that a managed identity vouches for: what goes to Microsoft's token endpoints, by azure-identity itself."""

import json
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import pytest
from azure.core.pipeline.transport import HttpTransport
from azure.identity import ManagedIdentityCredential

from shared.nouns.outcomes import WontWork
from shared.tenant.tokens import Tokens, federated

CUSTOMER = "11111111-2222-3333-4444-555555555555"
APP = "aaaaaaaa-2222-3333-4444-555555555555"


class Answers(HttpTransport[Any, Any]):
    """The token endpoint: notes what it is asked, and answers so."""

    def __init__(self, status: int = 200) -> None:
        self.asked: list[Any] = []
        self._status = status

    def send(self, request: Any, **kwargs: Any) -> Any:
        self.asked.append(request)
        authority = "https://login.microsoftonline.com"
        where = f"{authority}/{CUSTOMER}/oauth2/v2.0"
        body: dict[str, Any] = {"token_type": "Bearer", "expires_in": 3600, "access_token": "a.b.c"}
        if "openid-configuration" in request.url:
            body = {
                "issuer": f"{authority}/{CUSTOMER}/v2.0",
                "authorization_endpoint": f"{where}/authorize",
                "token_endpoint": f"{where}/token",
            }
        elif self._status != 200:
            body = {"error": "invalid_client", "error_description": "AADSTS70021: No matching federated identity record found"}
        text = json.dumps(body)
        status = 200 if "openid-configuration" in request.url else self._status
        return SimpleNamespace(
            status_code=status,
            headers={"content-type": "application/json"},
            text=lambda encoding=None: text,
            body=text.encode,
            content_type="application/json",
            request=request,
            reason="",
            raise_for_status=lambda: None,
        )

    def open(self) -> None: ...

    def close(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture(autouse=True)
def vouched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the managed identity was asked a token for."""
    asked: list[str] = []

    def get_token(self: Any, *scopes: str, **more: Any) -> Any:
        asked.extend(scopes)
        return SimpleNamespace(token="vouching", expires_on=0)

    monkeypatch.setattr(ManagedIdentityCredential, "get_token", get_token)
    return asked


async def test_the_identity_vouches_for_the_app_in_the_tenant(vouched: list[str]) -> None:
    endpoint = Answers()
    credential = federated(CUSTOMER, APP, None, transport=endpoint)
    tokens = Tokens(credential)
    assert await tokens.of("https://graph.microsoft.com") == "a.b.c"
    assert vouched == ["api://AzureADTokenExchange/.default"]
    asked = endpoint.asked[-1]
    assert asked.url == f"https://login.microsoftonline.com/{CUSTOMER}/oauth2/v2.0/token"
    said = asked.body if isinstance(asked.body, dict) else {key: value[0] for key, value in parse_qs(str(asked.body)).items()}
    assert said["client_id"] == APP
    assert said["client_assertion"] == "vouching"
    assert said["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert said["scope"] == "https://graph.microsoft.com/.default"
    assert "client_secret" not in said
    await tokens.close()


async def test_an_app_that_trusts_somebody_else_is_told_with_what_to_do() -> None:
    tokens = Tokens(federated(CUSTOMER, APP, None, transport=Answers(401)))
    with pytest.raises(WontWork, match="trusts the identity and is known in the tenant"):
        await tokens.of("https://graph.microsoft.com")
    await tokens.close()
