"""What a host refuses before it starts: settings, host.json, bindings, each a sentence, all at once."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devstack.host import hostjson, startup
from devstack.host.appsettings import BadSettingsError, Settings, UnresolvedError, merged, read_local_settings
from devstack.host.checks import check
from devstack.host.functions import Function, Retry
from devstack.host.hostjson import HostConfig
from devstack.host.options import parse as parse_options


def function(name: str, kind: str, *others: dict[str, Any], retry: Retry | None = None, **trigger: Any) -> Function:
    return Function(name, f"id-{name}", {"type": kind, "name": "it", **trigger}, tuple(others), retry)


BUS: dict[str, Any] = {"queueName": "q", "connection": "BUS", "dataType": "BINARY"}
SETTINGS = {"BUS": "Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey=k", "EVERY": "0 * * * * *"}
RETRY = Retry(3, timedelta(seconds=1), timedelta(), timedelta())


@pytest.mark.parametrize(
    ("functions", "settings", "sentence"),
    [
        ([], {}, "The app has no functions"),
        ([function("f", "timerTrigger", schedule="%MISSING%")], {}, "there is no app setting 'MISSING'"),
        ([function("f", "timerTrigger", schedule="61 * * * * *")], {}, "61 is out of range for second"),
        ([function("f", "timerTrigger", schedule="00:00:30")], {}, "is not a valid NCRONTAB expression"),
        ([function("f", "serviceBusTrigger", **BUS | {"queueName": "%Q%"})], {}, "there is no app setting 'Q'"),
        ([function("f", "serviceBusTrigger", **BUS | {"connection": "NONE"})], {}, "'NONE__fullyQualifiedNamespace'; add one"),
        ([function("f", "serviceBusTrigger", **BUS)], {"BUS": f"{SETTINGS['BUS']};EntityPath=q"}, "names an entity (EntityPath)"),
        ([function("f", "serviceBusTrigger", **BUS | {"queueName": ""})], {}, "it names neither"),
        ([function("f", "serviceBusTrigger", retry=RETRY, **BUS)], {}, "@retry is not supported on a Service Bus trigger"),
        ([function("f", "queueTrigger", queueName="q")], {}, "the trigger type 'queueTrigger' is not known to this host"),
        ([function("f", "httpTrigger", {"type": "blob"}, route="r")], {}, "the binding type 'blob' is not known"),
        ([function("f", "httpTrigger", {"type": "timerTrigger"}, route="r")], {}, "has a second trigger"),
        ([function("f", "httpTrigger", route="/r")], {}, "must not begin with '/'"),
        ([function("f", "httpTrigger", route="r", methods=["FETCH"])], {}, "FETCH is no HTTP method"),
        ([function("a", "httpTrigger", route="r/{x}"), function("b", "httpTrigger", route="R/{y}")], {}, "is also that of 'a'"),
        ([function("f", "timerTrigger", schedule="%EVERY%")], {"FUNCTIONS_WORKER_RUNTIME": "node"}, "set it to 'python'"),
    ],
)
def test_what_the_real_host_refuses_is_refused_in_a_sentence(
    functions: list[Function], settings: dict[str, str], sentence: str
) -> None:
    (refusal,) = check(functions, HostConfig(), Settings(SETTINGS | settings)).refusals
    assert sentence in refusal


def test_a_route_may_not_take_the_hosts_own_place() -> None:
    found = check([function("f", "httpTrigger", route="admin/x")], HostConfig(route_prefix=""), Settings({}))
    assert "collides with the host's own '/admin' routes" in found.refusals[0]
    assert check([function("f", "httpTrigger", route="admin/x")], HostConfig(), Settings({})).refusals == []


def test_one_route_with_other_methods_is_no_duplicate() -> None:
    both = [function("a", "httpTrigger", route="r", methods=["GET"]), function("b", "httpTrigger", route="r", methods=["POST"])]
    assert check(both, HostConfig(), Settings({})).refusals == []


@pytest.mark.parametrize(
    ("trigger", "sentence"),
    [
        (BUS | {"dataType": None}, "can overwrite the message's properties"),
        (BUS | {"dataType": None, "cardinality": "MANY"}, "is parsed and re-written as JSON"),
        (BUS | {"autoCompleteMessages": False}, "stays locked and is delivered again"),
    ],
)
def test_what_the_real_host_accepts_to_ones_cost_is_only_warned_of(trigger: dict[str, Any], sentence: str) -> None:
    found = check([function("f", "serviceBusTrigger", **trigger)], HostConfig(), Settings(SETTINGS))
    assert found.refusals == []
    assert sentence in found.warnings[0]


def test_all_problems_are_found_at_once(tmp_path: Path) -> None:
    document = {
        "version": "3",
        "functionTimeout": "soon",
        "extensions": {"serviceBus": {"maxConcurrentCalls": 0, "prefetchcount": 1}},
    }
    config, problems = hostjson.parse(document | {"extra": 1})
    assert len(problems) == 5
    assert config.service_bus.prefetch == 0
    for wanted in (
        'version is "3"',
        'functionTimeout is "soon"',
        "extensions.serviceBus.maxConcurrentCalls is 0",
        "extensions.serviceBus.prefetchcount is not a setting",
        "extra is not a setting",
    ):
        assert any(wanted in each for each in problems), (wanted, problems)


def test_host_json_defaults_and_values() -> None:
    config, problems = hostjson.parse({"version": "2.0"})
    assert problems == []
    assert (config.route_prefix, config.timeout) == ("api", 1800.0)
    bus = config.service_bus
    assert (bus.prefetch, bus.auto_complete, bus.renewal, bus.sessions, bus.calls_per_session) == (0, True, 300.0, 8, 1)
    assert (bus.most_in_batch, bus.least_in_batch, bus.batch_wait, bus.idle) == (1000, 1, 30.0, 60.0)
    assert bus.calls % 16 == 0
    said = {
        "sessionIdleTimeout": "00:00:30",
        "maxAutoLockRenewalDuration": "1.00:00:00",
        "clientRetryOptions": {"mode": "fixed", "maxRetries": 1, "delay": "00:00:01.5"},
    }
    document = {"version": "2.0", "functionTimeout": "-1", "extensions": {"http": {"routePrefix": ""}, "serviceBus": said}}
    config, problems = hostjson.parse(document)
    assert problems == []
    assert (config.route_prefix, config.timeout) == ("", None)
    assert (config.service_bus.idle, config.service_bus.renewal) == (30.0, 86400.0)
    assert (config.service_bus.retry.mode, config.service_bus.retry.tries, config.service_bus.retry.delay) == ("fixed", 1, 1.5)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "is not JSON"),
        ("[]", 'must be an object with an object "Values"'),
        ('{"IsEncrypted": true, "Values": {}}', "func settings decrypt"),
        ('{"Values": {"N": 5}}', "the values of N must be strings"),
    ],
)
def test_a_settings_file_that_cannot_be_used_is_refused(tmp_path: Path, content: str, sentence: str) -> None:
    file = tmp_path / "local.settings.json"
    file.write_text(content)
    with pytest.raises(BadSettingsError) as raised:
        read_local_settings(file)
    assert sentence in str(raised.value)


def test_existing_variables_that_are_not_empty_win() -> None:
    assert merged({"A": "set", "B": ""}, {"A": "file", "B": "file", "C": "file"}) == {"B": "file", "C": "file"}


def test_connections_are_found_by_name_then_prefix_then_identity() -> None:
    settings = Settings(
        {"BUS": "exact", "AzureWebJobsOther": "prefixed", "Third__fullyQualifiedNamespace": "ns", "Third__clientId": "c"}
    )
    exact, prefixed, identity = (settings.connection(name) for name in ("bus", "Other", "Third"))
    assert exact is not None
    assert prefixed is not None
    assert identity is not None
    assert (exact.connection_string, prefixed.connection_string) == ("exact", "prefixed")
    assert (identity.namespace, identity.client_id, identity.connection_string) == ("ns", "c", "")
    assert settings.connection("Nothing") is None
    assert settings.connection("") is None


def test_names_in_percent_signs_are_resolved_or_named() -> None:
    settings = Settings({"Q": "queue"})
    assert settings.resolve("%q%/$deadletterqueue") == "queue/$deadletterqueue"
    with pytest.raises(UnresolvedError, match=r"^X$"):
        settings.resolve("a%X%")


@pytest.mark.parametrize("value", ["1", "true", "TRUE"])
def test_functions_are_disabled_by_setting(value: str) -> None:
    assert Settings({"AzureWebJobs.f.Disabled": value}).disabled("f")
    assert Settings({"AzureWebJobs_f_Disabled": value}).disabled("F")
    assert not Settings({"AzureWebJobs.f.Disabled": "0"}).disabled("f")


async def test_a_directory_without_an_app_is_refused_with_everything_else_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text(json.dumps({"IsEncrypted": True}))
    with pytest.raises(startup.RefusedError) as raised:
        await startup.prepare(parse_options(["--app", str(tmp_path)]))
    assert [sentence for sentence in raised.value.sentences if "host.json is missing" in sentence]
    assert [sentence for sentence in raised.value.sentences if "IsEncrypted" in sentence]
    assert [sentence for sentence in raised.value.sentences if "no function_app.py" in sentence]


async def test_a_refused_app_ends_the_process_with_code_2_and_every_reason(start_host: Any, tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0", "extensions": {"http": {"routePrefx": ""}}}')
    (tmp_path / "function_app.py").write_text(
        "import azure.functions as func\napp = func.FunctionApp()\n"
        "@app.timer_trigger(arg_name='timer', schedule='%WHEN%')\ndef tick(timer: func.TimerRequest) -> None: ...\n"
        "@app.retry(strategy='fixed_delay', max_retry_count='3', delay_interval='00:00:01')\n"
        "@app.service_bus_queue_trigger(arg_name='message', queue_name='q', connection='BUS')\n"
        "def work(message: func.ServiceBusMessage) -> None: ...\n"
    )
    host = await start_host(tmp_path, refused=True)
    assert await host.exited() == 2
    for sentence in ("routePrefx is not a setting", "no app setting 'WHEN'", "no app setting 'BUS'", "@retry is not supported"):
        assert sentence in host.text()
    assert "does not start: 4 problem(s)" in host.text()


async def test_without_strict_the_sound_functions_run(start_host: Any, tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text(
        "import azure.functions as func\napp = func.FunctionApp()\n"
        "@app.timer_trigger(arg_name='timer', schedule='%WHEN%')\ndef tick(timer: func.TimerRequest) -> None: ...\n"
        "@app.route(route='r')\ndef answers(req: func.HttpRequest) -> func.HttpResponse: ...\n"
    )
    host = await start_host(tmp_path, "--no-strict")
    assert [each["name"] for each in host.announced["functions"] if not each["disabled"]] == ["answers"]
    assert "no app setting 'WHEN'" in host.text()


async def test_an_app_that_cannot_be_indexed_is_refused_with_the_apps_own_error(start_host: Any, tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text("import no_such_module\n")
    host = await start_host(tmp_path, refused=True)
    assert await host.exited() == 2
    assert "No module named 'no_such_module'" in host.text()


def test_options_have_the_documented_defaults(tmp_path: Path) -> None:
    given = parse_options(["--app", str(tmp_path), "--only", "a, b"])
    assert (given.host, given.port, given.keys, given.timers, given.strict) == ("127.0.0.1", 0, "random", True, True)
    assert given.only == {"a", "b"}
