"""What Microsoft Graph says when it refuses. Codes and texts: facts section 0.2 and the published examples."""

from typing import Any


class GraphError(Exception):
    """One refusal in Graph's envelope. `headers` go with the answer; `details` and `inner` into the body."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: dict[str, str] | None = None,
        details: list[dict[str, Any]] | None = None,
        inner: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = headers or {}
        self.details = details
        self.inner = inner or {}

    def body(self, date: str, request_id: str, client_request_id: str) -> dict[str, Any]:
        """The envelope `{"error": {"code", "message", "innerError"}}`; `date` is UTC without zone, as Graph writes it."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.details is not None:
            error["details"] = self.details
        error["innerError"] = {
            **self.inner,
            "date": date,
            "request-id": request_id,
            "client-request-id": client_request_id,
        }
        return {"error": error}


def bad_request(message: str, code: str = "Request_BadRequest") -> GraphError:
    """400: the request breaks a rule."""
    return GraphError(400, code, message)


def unsupported_query(message: str) -> GraphError:
    """400: a query that the directory does not answer."""
    return GraphError(400, "Request_UnsupportedQuery", message)


def not_found(identifier: str) -> GraphError:
    """404: the object is missing, or this replica does not have it yet."""
    return GraphError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{identifier}' does not exist or one of its queried reference-property objects are not present.",
    )


def denied(message: str = "Insufficient privileges to complete the operation.") -> GraphError:
    """403: the token does not carry a permission that allows this. Like Graph, it does not say which."""
    return GraphError(403, "Authorization_RequestDenied", message)


def conflict(property_name: str) -> GraphError:
    """400: another object has the same value for a property that is unique in the directory."""
    return GraphError(
        400,
        "Request_BadRequest",
        f"Another object with the same value for property {property_name} already exists.",
        details=[
            {
                "code": "ObjectConflict",
                "message": f"Another object with the same value for property {property_name} already exists.",
                "target": property_name,
            }
        ],
    )


def already_referenced(relation: str) -> GraphError:
    """400: the reference is there already (facts 2.1; example error-member-already-exists)."""
    return bad_request(f"One or more added object references already exist for the following modified properties: '{relation}'.")


def not_simulated(what: str, file: str) -> GraphError:
    """501: Microsoft has this and the simulation does not. Never a quiet empty answer."""
    return GraphError(
        501, "NotSimulated", f"{what} is not simulated. Write it in {file} and list it there in OPERATIONS.", inner={"file": file}
    )
