"""Start-up refusals: everything about an app that the real host would refuse, found at once, and what it would accept in silence
although it will hurt (warnings). Sources: facts/azure-functions-host.md 2.1 (retry), 2.2 (data type), 2.6 (routes), 2.7 (settings).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from devstack.host import functions as kinds
from devstack.host import ncrontab, routes
from devstack.host.appsettings import Settings, UnresolvedError
from devstack.host.functions import Function
from devstack.host.hostjson import HostConfig

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "QUERY")


@dataclass(slots=True)
class Findings:
    """Sentences: `refusals` stop the start, `warnings` do not."""

    refusals: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check(functions: Iterable[Function], config: HostConfig, settings: Settings) -> Findings:
    """Every refusal and warning for these functions."""
    findings = Findings()
    listed = list(functions)
    for function in listed:
        _bindings(function, findings)
        match function.kind:
            case kinds.HTTP:
                _http(function, config, settings, findings)
            case kinds.TIMER:
                _timer(function, settings, findings)
            case kinds.SERVICE_BUS:
                _service_bus(function, settings, findings)
            case _:
                findings.refusals.append(
                    f"Function '{function.name}': the trigger type '{function.kind}' is not known to this host; "
                    f"use one of {', '.join(kinds.TRIGGERS)}."
                )
    _duplicate_routes(listed, config, settings, findings)
    runtime = settings.get("FUNCTIONS_WORKER_RUNTIME")
    if runtime and runtime.lower() != "python":
        findings.refusals.append(
            f"The app setting FUNCTIONS_WORKER_RUNTIME is '{runtime}', and this is a Python app; set it to 'python'."
        )
    if not listed:
        findings.refusals.append("The app has no functions: none was found in function_app.py; register at least one.")
    return findings


def _bindings(function: Function, findings: Findings) -> None:
    for binding in function.others:
        kind = str(binding.get("type", ""))
        if kind.endswith("Trigger"):
            findings.refusals.append(
                f"Function '{function.name}' has a second trigger, '{kind}'; a function has exactly one: split it in two."
            )
        elif kind not in kinds.OUTPUTS:
            findings.refusals.append(
                f"Function '{function.name}': the binding type '{kind}' is not known to this host (only the http output is); "
                "use the service's client library instead."
            )


def _resolved(function: Function, what: str, settings: Settings, findings: Findings) -> str | None:
    said = str(function.trigger.get(what) or "")
    try:
        return settings.resolve(said)
    except UnresolvedError as missing:
        findings.refusals.append(
            f"Function '{function.name}': {what} is '{said}', but there is no app setting '{missing}'; "
            f"add {missing} to the app settings (locally: Values in local.settings.json)."
        )
        return None


def _http(function: Function, config: HostConfig, settings: Settings, findings: Findings) -> None:
    route = _resolved(function, "route", settings, findings)
    if route is None:
        return
    try:
        parsed = routes.parse(route)
    except routes.BadTemplateError as error:
        findings.refusals.append(f"Function '{function.name}': the route '{route}' is not valid, {error}; correct the template.")
        return
    first = f"{config.route_prefix}/{parsed.shape}".strip("/").partition("/")[0]
    if first in {"admin", "runtime"}:
        findings.refusals.append(
            f"Function '{function.name}': the route '{route}' collides with the host's own '/{first}' routes; choose another."
        )
    odd = [str(method) for method in function.trigger.get("methods", ()) if str(method).upper() not in _METHODS]
    if odd:
        findings.refusals.append(f"Function '{function.name}': {', '.join(odd)} is no HTTP method; use {', '.join(_METHODS)}.")
    if function.retry is not None:
        findings.warnings.append(
            f"Function '{function.name}': @retry has no effect on an HTTP trigger; answer 503 and let the caller retry."
        )


def _timer(function: Function, settings: Settings, findings: Findings) -> None:
    text = _resolved(function, "schedule", settings, findings)
    if text is None:
        return
    try:
        ncrontab.parse(text)
    except ncrontab.BadScheduleError as error:
        findings.refusals.append(f"Function '{function.name}': the schedule '{text}' is not a valid NCRONTAB expression: {error}")
    if function.trigger.get("runOnStartup"):
        findings.warnings.append(
            f"Function '{function.name}': run_on_startup runs at every cold start and scale-out; leave it out in production."
        )


def _service_bus(function: Function, settings: Settings, findings: Findings) -> None:
    name = function.name
    entity = [what for what in ("queueName", "topicName", "subscriptionName") if function.trigger.get(what)]
    if entity not in (["queueName"], ["topicName", "subscriptionName"]):
        findings.refusals.append(
            f"Function '{name}': a Service Bus trigger names a queue, or a topic and a subscription; it names {entity or 'neither'}."
        )
    for what in entity:
        _resolved(function, what, settings, findings)
    said = str(function.trigger.get("connection") or "")
    connection = settings.connection(said)
    if connection is None:
        setting = said or "AzureWebJobsServiceBus"
        findings.refusals.append(
            f"Function '{name}': connection is '{setting}', but there is no app setting '{setting}', 'AzureWebJobs{setting}' or "
            f"'{setting}__fullyQualifiedNamespace'; add one of them."
        )
    elif "entitypath=" in connection.connection_string.lower():
        findings.refusals.append(
            f"Function '{name}': the connection string in '{connection.setting}' names an entity (EntityPath); "
            "use one of the whole namespace."
        )
    if function.retry is not None:
        findings.refusals.append(
            f"Function '{name}': @retry is not supported on a Service Bus trigger; remove it, and schedule a copy of the message "
            "or raise, so that the message is delivered again."
        )
    if function.data_type != "binary":
        findings.warnings.append(
            f"Function '{name}': without data_type=BINARY the message body "
            + ("is parsed and re-written as JSON" if function.many else "can overwrite the message's properties")
            + "; set data_type=func.DataType.BINARY."
        )
    if function.trigger.get("autoCompleteMessages") is False:
        findings.warnings.append(
            f"Function '{name}': auto_complete_messages is False, and this host injects no settlement client, so every message "
            "stays locked and is delivered again until it is dead-lettered."
        )


def _duplicate_routes(functions: list[Function], config: HostConfig, settings: Settings, findings: Findings) -> None:
    seen: dict[tuple[str, str], str] = {}
    for function in functions:
        if function.kind != kinds.HTTP:
            continue
        try:
            shape = routes.parse(settings.resolve(str(function.trigger.get("route") or ""))).shape
        except (UnresolvedError, routes.BadTemplateError):
            continue
        clashes = set()
        for method in function.trigger.get("methods") or _METHODS:
            other = seen.setdefault((shape, str(method).upper()), function.name)
            if other != function.name:
                clashes.add(other)
        for other in sorted(clashes):
            findings.refusals.append(
                f"Function '{function.name}': its route '{config.route_prefix}/{function.trigger.get('route')}' is also that of "
                f"'{other}' for the same method; give one of them another route or other methods."
            )
