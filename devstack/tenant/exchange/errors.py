"""What a failed cmdlet looks like: the exception class is the only reliable part (facts 4.1)."""

from typing import Any

_CONFIGURATION = "Microsoft.Exchange.Configuration.Tasks"
_SYSTEM = "Microsoft.Exchange.Management.SystemConfigurationTasks"


class CmdletError(Exception):
    """A cmdlet failed. `exception` is the full class name, `code` the envelope's; a `status` of None is chosen by turns."""

    def __init__(self, exception: str, message: str, *, status: int | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.exception, self.message, self.status, self.headers = exception, message, status, headers or {}

    def body(self, status: int) -> dict[str, Any]:
        """The envelope for the status it goes out with."""
        code = {400: "BadRequest", 404: "NotFound", 429: "TooManyRequests"}.get(status, "InternalServerError")
        text = f"Ex6F9304|{self.exception}|{self.message}"
        return {
            "error": {
                "code": code,
                "message": "Error executing cmdlet",
                "details": [{"code": "Client", "target": "", "message": text}],
                "innererror": {
                    "message": "Error executing cmdlet",
                    "type": "Microsoft.Exchange.Admin.OData.Core.ODataServiceException",
                    "stacktrace": "",
                    "internalexception": {"message": text, "type": self.exception, "stacktrace": ""},
                },
            }
        }


def object_not_found(identity: str) -> CmdletError:
    """No object of the noun has the identity."""
    return CmdletError(
        f"{_CONFIGURATION}.ManagementObjectNotFoundException",
        f"The operation couldn't be performed because object '{identity}' couldn't be found on 'TENANT.PROD.OUTLOOK.COM'.",
    )


def name_taken(name: str) -> CmdletError:
    """Another object of the noun has the name."""
    return CmdletError(
        "Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException",
        f'The object "{name}" already exists. Please choose a different name.',
    )


def domain_taken(domain: str, other: str) -> CmdletError:
    """The domain is in another organization relationship."""
    return CmdletError(
        f"{_SYSTEM}.DuplicateOrganizationRelationshipDomainException",
        f'The domain "{domain}" is already in another organization relationship: "{other}".',
    )


def remote_domain_taken(domain: str, other: str) -> CmdletError:
    """Another remote domain has the domain."""
    return CmdletError(
        f"{_SYSTEM}.DuplicateRemoteDomainException", f'The domain name "{domain}" is already used by remote domain "{other}".'
    )


def invalid(message: str) -> CmdletError:
    """The parameters fit one by one, and not together or not with what is there."""
    return CmdletError(f"{_CONFIGURATION}.TaskInvalidOperationException", message)


def binding(message: str) -> CmdletError:
    """The parameters do not fit the cmdlet."""
    return CmdletError("System.Management.Automation.ParameterBindingException", message, status=400)


def transformation(name: str, message: str) -> CmdletError:
    """A parameter's value cannot be made into its type."""
    return CmdletError(
        "System.Management.Automation.ParameterBindingArgumentTransformationException",
        f"Cannot process argument transformation on parameter '{name}'. {message}",
        status=400,
    )


def no_cmdlet(name: str) -> CmdletError:
    """The caller's role has no such cmdlet, or there is none."""
    return CmdletError(
        "System.Management.Automation.CommandNotFoundException",
        f"The term '{name}' is not recognized as the name of a cmdlet, function, script file, or executable program.",
        status=400,
    )


def needs_confirmation(name: str) -> CmdletError:
    """The cmdlet would ask, and nobody can answer: `"Confirm": false` is missing (facts 4.1)."""
    return CmdletError(
        "System.Management.Automation.PSInvalidOperationException",
        f"{name} would prompt for confirmation and cannot: the host does not support user interaction. Send Confirm:false.",
        status=400,
    )


def throttled() -> CmdletError:
    """Too many cmdlets run at once for the tenant."""
    return CmdletError(
        "Microsoft.Exchange.Admin.OData.Core.TooManyRequestsException",
        "The maximum number of concurrent requests per tenant has been exceeded. Try again later.",
        status=429,
    )
