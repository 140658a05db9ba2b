"""Config.json of Microsoft's emulator."""

import json
from pathlib import Path

import pytest

from devstack.broker import config
from devstack.broker.config import ConfigError
from devstack.broker.model.properties import QueueProperties

SAMPLE = """{
  // The emulator's own sample has comments such as this one.
  "UserConfig": {
    "Namespaces": [ { "Name": "sbemulatorns", /* the only name */
      "Queues": [
        { "Name": "queue.1", "Properties": {
            "DeadLetteringOnMessageExpiration": true, "DefaultMessageTimeToLive": "PT1H",
            "DuplicateDetectionHistoryTimeWindow": "PT20S", "ForwardDeadLetteredMessagesTo": "parked//x", "ForwardTo": "",
            "LockDuration": "PT1M", "MaxDeliveryCount": 3, "RequiresDuplicateDetection": true, "RequiresSession": true } },
        { "Name": "parked//x" }
      ],
      "Topics": [] } ],
    "Logging": { "Type": "File" } } }"""


def document(*queues: object, **namespace: object) -> str:
    held = {"Name": "sbemulatorns", "Queues": list(queues)} | namespace
    return json.dumps({"UserConfig": {"Namespaces": [held]}})


def test_the_emulators_sample_is_read() -> None:
    expected = {
        "queue.1": QueueProperties(60, 3, 3600, True, True, True, 20, None, "parked//x"),  # in the order of the sample
        "parked//x": QueueProperties(),
    }
    assert config.parse(SAMPLE).queues == expected


def test_the_emulators_limits_clamp_and_its_defaults_hold_if_asked_for() -> None:
    given = {"LockDuration": "PT1S", "MaxDeliveryCount": 100, "DefaultMessageTimeToLive": "P7D"}
    text = document({"Name": "a", "Properties": given}, {"Name": "b"}, Topics=[])
    text = text.replace('"UserConfig": {', '"UserConfig": {"Logging": {"Type": "Console"}, ')
    limited = config.parse(text, emulator_limits=True).queues
    assert limited["a"] == QueueProperties(lock_duration=5, max_delivery_count=10, time_to_live=3600, duplicate_window=20)
    assert limited["b"] == config.EMULATOR_DEFAULTS
    assert config.parse(text).queues["a"] == QueueProperties(1, 100, 604800)


def test_what_the_emulator_requires_is_required_with_its_limits() -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse(document(Name="other"), emulator_limits=True)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "UserConfig.Logging.Type",
        "UserConfig.Namespaces[0].Name",
        "UserConfig.Namespaces[0]",
    ]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    text = document(
        {"Name": "a", "Properties": {"LockDuration": "soon", "Colour": "red"}},
        {"Name": "A"},
        {"Name": "-x"},
        {"Properties": {}},
        {"Name": "f", "Properties": {"ForwardTo": "missing", "ForwardDeadLetteredMessagesTo": "F"}, "Rules": []},
        Topics=[{"Name": "t"}],
    )
    with pytest.raises(ConfigError) as caught:
        config.parse(text)
    lines = "\n".join(sorted(str(caught.value).splitlines()))
    for expected in (
        "Topics: this broker has queues only",
        "[0] (a).Properties.LockDuration: 'soon' is not",
        "[0] (a).Properties: there is no property 'Colour'",
        "[1].Name: there is a queue 'A' already",
        "[2].Name: '-x' is not a queue name",
        "[3]: must be an object with a Name",
        "[4] (f): there is no 'Rules'",
        "Queue 'f': ForwardTo names 'missing', which does not exist",
        "Queue 'f': ForwardDeadLetteredMessagesTo names the queue itself",
    ):
        assert expected in lines


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"UserConfig": {"Namespaces": []}}', '{"UserConfig": 1}'])
def test_what_is_no_config_at_all(text: str) -> None:
    with pytest.raises(ConfigError):
        config.parse(text)


def test_comment_signs_in_strings_are_no_comments() -> None:
    assert list(config.parse(document({"Name": "a//b"}) + "// end").queues) == ["a//b"]


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.json cannot be read: No such file"):
        config.load(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ConfigError, match=r"bad\.json: line 1, column 2 is not JSON"):
        config.load(tmp_path / "bad.json")


def test_properties_come_back_as_they_were_given() -> None:
    held = QueueProperties(0.5, 2, 60, True, True, True, 30, "a", "b")  # every property set
    assert config.properties(config.described(held)) == held
    assert config.properties(config.described(QueueProperties())) == QueueProperties()
