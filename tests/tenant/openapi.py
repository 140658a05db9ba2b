"""Microsoft's OpenAPI description as a judge of request and response bodies."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

SHARED = Path(__file__).parents[3] / "shared" / "graph"

# Answered by Graph according to its published examples, and missing from the description.
_UNDECLARED = frozenset({"creationOptions", "directorySizeQuota", "isMultipleDataLocationsForServicesEnabled"})


# Documented by Microsoft and left out of the subset; the tests of their rules judge them.
NOT_IN_THE_SUBSET = frozenset(
    {
        # https://learn.microsoft.com/graph/api/resources/accessreviewsv2-overview and /identitygovernance-lifecycleworkflows-overview
        "GET /identityGovernance/accessReviews/definitions",
        "GET /identityGovernance/accessReviews/definitions/{id}/instances",
        "GET /identityGovernance/accessReviews/definitions/{id}/instances/{instance}/decisions",
        "GET /identityGovernance/lifecycleWorkflows/workflows",
        "GET /identityGovernance/lifecycleWorkflows/workflows/{id}",
        "GET /identityGovernance/lifecycleWorkflows/workflows/{id}/executionScope",
        "GET /identityGovernance/entitlementManagement/subjects",
        "GET /users/{id}/mailFolders/{folder}/messages",
        *("GET /groups/$count", "GET /groups/{id}/members/$count", "GET /groups/{id}/members/graph.user/$count"),
        *("GET /groups/{id}/owners/$count", "GET /users/{id}/memberOf/$count", "GET /users/{id}/memberOf/graph.group"),
        "GET /users/{id}/memberOf/graph.group/$count",
        "PATCH /policies/crossTenantAccessPolicy/partners/{id}/identitySynchronization",
        "POST /teams/{id}/archive",
        "DELETE /servicePrincipals/{id}/appRoleAssignedTo/{assignment}",
    }
)
# The SDK, from which the subset was made, does not keep this one: https://learn.microsoft.com/graph/api/user-sendmail
_STATUSES = {"POST /users/{id}/sendMail": 202}


@cache
def description() -> dict[str, Any]:
    """The whole description; skips the test where the file is missing."""
    path = SHARED / "openapi-v1.0.yaml"
    if not path.exists():
        pytest.skip(f"{path} is missing: bodies cannot be judged by Microsoft's OpenAPI description")
    loaded: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    # What there is under /beta alone is judged by its own description.
    beta = yaml.load((SHARED / "openapi-beta.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    loaded["paths"] = {**beta["paths"], **loaded["paths"]}
    loaded["components"]["schemas"] = {**beta["components"]["schemas"], **loaded["components"]["schemas"]}
    return loaded


@cache
def _schemas() -> dict[str, Any]:
    converted: dict[str, Any] = _nullable(description()["components"]["schemas"])
    return converted


def _nullable(node: Any) -> Any:
    """OpenAPI 3.0's `nullable` in the words of JSON Schema."""
    if isinstance(node, list):
        return [_nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _nullable(value) for key, value in node.items() if key not in ("nullable", "discriminator")}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain


def described(operation: str) -> dict[str, Any] | None:
    """The description of `METHOD path`, whatever its parameters are called there."""
    method, _, path = operation.partition(" ")
    wanted = re.sub(r"\{[^}]*\}", "{}", path).lower()
    for candidate, item in description()["paths"].items():
        if re.sub(r"\{[^}]*\}", "{}", candidate).lower() == wanted and method.lower() in item:
            found: dict[str, Any] = item[method.lower()]
            return found
    return None


def _content(part: dict[str, Any] | None) -> dict[str, Any] | None:
    schema: dict[str, Any] | None = ((part or {}).get("content") or {}).get("application/json", {}).get("schema")
    return schema


def judge_request(operation: str, body: Any) -> None:
    """The body is one that the description allows; raises AssertionError."""
    found = described(operation)
    schema = _content(found.get("requestBody")) if found else None
    if schema is not None:
        _judge(body, schema, strict=True)


def judge_response(operation: str, status: int, body: Any) -> None:
    """The answer is one that the description allows, and has no property that it does not know; raises AssertionError."""
    if status >= 400:
        _judge(body, {"$ref": "#/components/schemas/microsoft.graph.o_data_errors.oDataError"}, strict=False)
        return
    if operation in NOT_IN_THE_SUBSET:
        return
    found = described(operation)
    assert found is not None, f"{operation} is not in the description"
    if operation in _STATUSES:
        assert (status, body) == (_STATUSES[operation], None)
        return
    responses = found["responses"]
    assert str(status) in responses or (f"{status // 100}XX" in responses), (
        f"{operation} answers {status}, described are {list(responses)}"
    )
    schema = _content(responses.get(str(status)) or responses.get(f"{status // 100}XX"))
    if schema is not None and body is not None:
        _judge(body, schema, strict=True)


def _judge(body: Any, schema: dict[str, Any], *, strict: bool) -> None:
    root = {**_nullable(schema), "components": {"schemas": _schemas()}}
    validator = jsonschema.Draft202012Validator(root, format_checker=jsonschema.FormatChecker())
    problems = [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(body)]
    assert not problems, "\n".join(problems)
    if strict:
        undeclared = list(_undeclared(body, schema, "$"))
        assert not undeclared, f"not in the description: {undeclared}"


def _undeclared(body: Any, schema: dict[str, Any], path: str) -> Any:
    """Properties of the body that the description does not know, `@odata.type` taken into account."""
    schema = _resolved(schema)
    if "x-pruned-type" in schema:
        return
    if isinstance(body, list):
        for place, item in enumerate(body):
            yield from _undeclared(item, schema.get("items", {}), f"{path}[{place}]")
    elif isinstance(body, dict):
        properties = _properties(schema)
        named = body.get("@odata.type", "").removeprefix("#")
        if named:
            properties = {**properties, **_properties(description()["components"]["schemas"][named])}
        for name, value in body.items():
            if "@" in name or name in _UNDECLARED or not properties:
                continue
            if name not in properties:
                yield f"{path}.{name}"
            else:
                yield from _undeclared(value, properties[name], f"{path}.{name}")


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = description()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _properties(schema: dict[str, Any]) -> dict[str, Any]:
    schema = _resolved(schema)
    found = dict(schema.get("properties", {}))
    for part in schema.get("allOf", []):
        found.update(_properties(part))
    return found
