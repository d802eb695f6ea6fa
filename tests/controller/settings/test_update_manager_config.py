"""The config.json of Kanto's update manager on a device: places of what is wrong, the password, evenkeel's own settings below
it, and its migration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from evenkeel.controller.mqtt.access import read_access
from evenkeel.controller.settings.kanto_config import load_kanto_config, migrate, migrated_settings, to_yaml
from evenkeel.controller.settings.load import load_settings
from evenkeel.controller.settings.update_manager_config import Managed, load_update_manager
from evenkeel.specs.codec import changed
from evenkeel.specs.errors import SettingsError, Unavailable
from evenkeel.specs.kanto.update_manager.line import read_line
from evenkeel.specs.problem import Problem, problem_text
from evenkeel.specs.settings.settings import Settings
from evenkeel.specs.settings.update_manager import UpdateManagerAgent, UpdateManagerSettings

DEVICE = """{
  "log": {"logFile": "/var/log/update-manager.log", "logLevel": "DEBUG"},
  "connection": {
    "broker": "tcp://127.0.0.1:1884",
    "keepAlive": 60000,
    "username": "device",
    "password": "s3cret"
  },
  "domain": "vehicle",
  "thingsEnabled": false,
  "agents": {
    "containers": {"readTimeout": "30s"},
    "self-update": {"rebootRequired": true, "readTimeout": "30s"}
  }
}
"""
MS = "it is taken for milliseconds"
VARIABLE = "MQTT_CONN_PASSWORD"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text(DEVICE)
    return path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("{}")
    return path


def load(
    file: Path | None,
    own: Path,
    words: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    overrides: Any = None,
    notes: list[Problem] | None = None,
) -> Managed:
    return load_update_manager(file, read_line(words, {}), environment or {}, own, overrides, notes)


def complaints(
    file: Path, own: Path, words: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        load(file, own, words, environment)
    told = raised.value.message.replace(str(file), "F").replace(str(own), "OWN").splitlines()
    return [text for text in told if "(warning)" not in text]


AGENTS = {
    "containers": UpdateManagerAgent(False, timedelta(seconds=30)),
    "self-update": UpdateManagerAgent(True, timedelta(seconds=30)),
}


def test_a_device_of_leda_is_taken_over_by_naming_its_file(file: Path, own: Path) -> None:
    notes: list[Problem] = []
    found = load(file, own, notes=notes)
    settings = found.settings
    assert settings.update_manager == UpdateManagerSettings(enable=True, domain="vehicle", agents=AGENTS)
    assert (settings.mqtt.enabled, settings.mqtt.broker, settings.log.level) == (True, "tcp://127.0.0.1:1884", "debug")
    assert settings.mqtt.keep_alive == timedelta(minutes=1)
    assert not found.local
    assert read_access(settings.mqtt).password == "s3cret"
    assert "s3cret" not in repr(found)
    assert [problem_text(note).replace(str(file), "F") for note in notes] == [
        "F:2:3: log: `logFile` does nothing here: evenkeel logs to standard error (warning); journald keeps and rotates files",
        f'F:5:5: connection.keepAlive: expected a duration, got the number 60000; {MS} (warning); write "1m"',
    ]


# --- the password -----------------------------------------------------------------------------------------------------


def test_a_password_is_read_where_it_is(file: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "of the environment")
    found = load(file, own, (), {VARIABLE: "of the environment"})
    assert (found.settings.mqtt.password_variable, found.settings.mqtt.password_file) == (VARIABLE, "")
    assert read_access(found.settings.mqtt).password == "of the environment"
    assert "of the environment" not in repr(found)
    monkeypatch.setenv(VARIABLE, "another one")
    assert read_access(found.settings.mqtt).password == "another one"


def test_a_password_of_the_command_line_is_handed_on_with_a_warning(file: Path, own: Path) -> None:
    notes: list[Problem] = []
    found = load(file, own, ["-mqtt-conn-password=hunter2"], {VARIABLE: "other"}, notes=notes)
    assert (found.settings.mqtt.password_variable, found.password) == (VARIABLE, "hunter2")
    told = "\n".join(problem_text(note) for note in notes)
    assert "command line: mqtt-conn-password: all users of this machine can read a password on a command line" in told
    assert "write `connection.password`, or set MQTT_CONN_PASSWORD" in told
    assert "hunter2" not in told + repr(found)


def test_an_empty_password_takes_the_place_of_one_in_the_file(file: Path, own: Path) -> None:
    for words, environment in (([], {VARIABLE: ""}), (["-mqtt-conn-password="], {})):
        mqtt = load(file, own, words, environment).settings.mqtt
        assert (mqtt.password_file, mqtt.password_variable) == ("", "")
        assert read_access(mqtt).password is None


def test_a_password_without_a_user_is_none(file: Path, own: Path) -> None:
    mqtt = load(file, own, ["-mqtt-conn-username="]).settings.mqtt
    assert (mqtt.username, mqtt.password_file) == ("", "")


@pytest.mark.parametrize(("secret", "why"), [("x" * 70_000, "is too long"), ("a\udcff", "is not UTF-8 text")])
def test_a_variable_that_is_no_password(
    file: Path, own: Path, monkeypatch: pytest.MonkeyPatch, secret: str, why: str
) -> None:
    monkeypatch.setenv(VARIABLE, secret)
    mqtt = load(file, own, (), {VARIABLE: secret}).settings.mqtt
    with pytest.raises(Unavailable, match=f"the variable {VARIABLE} {why}"):
        read_access(mqtt)


# --- places -----------------------------------------------------------------------------------------------------------


def test_what_is_wrong_is_told_where_it_is(file: Path, own: Path) -> None:
    file.write_text(DEVICE.replace('"30s"},', '"0s"},').replace("tcp://127", "http://127"))
    own.write_text("resync: 1\n")
    words, environment = ["-reboot-after=5", "-domain=a/b"], {"PHASE_TIMEOUT": "0s"}
    assert complaints(file, own, words, environment)[:1] == [
        "OWN:1:1: resync: expected a duration, got the number 1; write `1s`"
    ]
    own.write_text("{}")
    found = complaints(file, own, words, environment)
    assert [text.partition(": expected")[0] for text in found] == [
        "F:4:5: connection.broker",
        "F:12:20: agents.containers.readTimeout",
        "command line: domain",
        "environment: PHASE_TIMEOUT",
    ]


def test_things_without_a_choice_are_told_with_the_file(file: Path, own: Path) -> None:
    notes: list[Problem] = []
    file.write_text('{"domain": "vehicle"}')
    assert load(file, own, notes=notes).settings.update_manager.backend == "things"
    (told,) = [problem_text(note).replace(str(file), "F") for note in notes if note.path == "thingsEnabled"]
    assert told.startswith("F:1:1: thingsEnabled: is not given, so that the backend has to use Things")
    assert "there are no topics vehicleupdate/…" in told
    assert load(file, own, ["-things-enabled=false"]).settings.update_manager.backend == "topics"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "there is no such file"),
        ("", "is empty"),
        ("{", "no valid JSON"),
        ('{"domain": "a", "domain": "b"}', "domain: the key `domain` stands here again"),
    ],
)
def test_cfg_2_a_file_that_is_none(file: Path, own: Path, content: str | None, told: str) -> None:
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    assert any(told in complaint for complaint in complaints(file, own))


def test_cfg_2_a_folder_is_no_file(tmp_path: Path, own: Path) -> None:
    assert complaints(tmp_path, own) == ["cannot be read: Is a directory"]


def test_without_a_file_the_command_line_is_enough(own: Path) -> None:
    settings = load(None, own, ["-things-enabled=false", "-domains=a"]).settings
    assert (settings.update_manager.domain, tuple(settings.update_manager.agents)) == ("device", ("a",))
    assert settings.update_manager.backend == "topics"
    assert load(None, own).settings.update_manager.backend == "things"


# --- evenkeel's own settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("{}", False),
        ("state: /s\nresync: 5m\n", False),
        ("log: {format: json}\n", False),
        ("mqtt: {broker: 'tcp://x'}\n", False),
        ("specs: [/s]\n", True),
        ("engine: {kind: docker}\n", True),
        ("mqtt: {enabled: true}\nupdateAgent: {enable: true}\n", True),
    ],
)
def test_own_settings_ask_for_domains_of_this_device(file: Path, own: Path, text: str, local: bool) -> None:
    own.write_text(text)
    assert load(file, own).local == local


def test_options_ask_for_domains_of_this_device(file: Path, own: Path) -> None:
    assert load(file, own, overrides={"specs": ["/s"]}).local
    assert not load(file, own, overrides={"state": "/s"}).local


def test_agents_of_this_device_join_in(file: Path, own: Path) -> None:
    own.write_text(
        "mqtt: {enabled: true}\nupdateAgent: {enable: true, domain: cars}\nselfUpdateAgent: {enable: true}\n"
    )
    found = load(file, own, ["-domains=containers"]).settings.update_manager.agents
    assert tuple(found) == ("containers", "cars", "self-update")
    assert found["self-update"].reboot_required
    assert complaints(file, own, ["-domains=selfupdate"]) == [
        "command line: domains.selfupdate: the agent `self-update` has the topics `selfupdate/…`, too; write `self-update`"
    ]


def test_a_connection_takes_the_place_of_the_own_one(file: Path, own: Path) -> None:
    own.write_text("mqtt: {broker: 'tcp://own', username: me, passwordFile: /p, version: '5'}\nlog: {format: json}\n")
    settings = load(file, own).settings
    assert (settings.mqtt.broker, settings.mqtt.username, settings.mqtt.version) == (
        "tcp://127.0.0.1:1884",
        "device",
        "3.1.1",
    )
    assert (settings.log.level, settings.log.format) == ("debug", "json")
    file.write_text('{"domain": "vehicle", "thingsEnabled": false}')
    mqtt = load(file, own).settings.mqtt
    assert (mqtt.enabled, mqtt.broker, mqtt.username, mqtt.password_file) == (True, "tcp://own", "me", "/p")


def test_two_update_managers_are_one_too_many(file: Path, own: Path) -> None:
    own.write_text("state: /s\nupdateManager: {failures: independent}\n")
    (complaint,) = complaints(file, own)
    assert complaint.startswith(
        "OWN:2:1: updateManager: this command takes the update manager from its own configuration; "
    )
    assert complaint.endswith("remove the section, or use `evenkeel run`, which reads it")


# --- migration --------------------------------------------------------------------------------------------------------


def test_migration_writes_what_means_the_same_and_the_password_apart(file: Path, own: Path, tmp_path: Path) -> None:
    config, secret = tmp_path / "etc" / "config.yaml", tmp_path / "etc" / "mqtt-password"
    assert migrate(file, config) == (secret, config)
    assert secret.read_text() == "s3cret\n"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert config.read_text() == (
        f"# Made of {file}; every key that is not here has its default.\n"
        "log:\n"
        "  level: debug\n"
        "mqtt:\n"
        "  enabled: true\n"
        "  broker: tcp://127.0.0.1:1884\n"
        "  keepAlive: 1m\n"
        "  username: device\n"
        f"  passwordFile: {secret}\n"
        "updateManager:\n"
        "  enable: true\n"
        "  agents:\n"
        "    containers:\n"
        "      rebootRequired: false\n"
        "      readTimeout: 30s\n"
        "    self-update:\n"
        "      rebootRequired: true\n"
        "      readTimeout: 30s\n"
    )
    before, after = load(file, own).settings, load_settings(config)
    own_file = {"password_file": str(secret), "password_key": ""}
    assert after == changed(before, mqtt=changed(before.mqtt, **own_file))
    assert read_access(after.mqtt).password == "s3cret"


@pytest.mark.parametrize(("value", "is_told"), [({}, True), ({"thingsEnabled": True}, False)])
def test_things_are_migrated(file: Path, tmp_path: Path, value: Any, is_told: bool) -> None:
    file.write_text(json.dumps({"domain": "vehicle", **value}))
    notes: list[Problem] = []
    settings = migrated_settings(file, notes)
    assert (settings.update_manager.domain, settings.update_manager.backend) == ("vehicle", "things")
    told = [problem_text(note).replace(str(file), "F") for note in notes]
    assert any("there are no topics vehicleupdate/…" in text for text in told) is is_told
    assert "F: it names no engine, so `evenkeel run` only simulates containers of this device (warning); " in told[0]
    config = tmp_path / "new.yaml"
    config.write_text(to_yaml(settings))
    assert "  backend: things\n" in config.read_text()
    assert load_settings(config) == settings


def test_a_wrong_configuration_is_not_migrated(file: Path, tmp_path: Path) -> None:
    file.write_text('{"thingsEnabled": false, "phaseTimeout": []}')
    with pytest.raises(SettingsError, match="phaseTimeout: expected a duration, got a list"):
        migrate(file, tmp_path / "config.yaml")
    assert not (tmp_path / "config.yaml").exists()


def test_everything_that_can_be_migrated_is_read_again(file: Path, tmp_path: Path) -> None:
    more = {
        "rebootEnabled": False,
        "rebootAfter": "1m",
        "reportFeedbackInterval": "",
        "currentStateDelay": "0",
        "phaseTimeout": "2m",
        "ownerConsentCommands": ["ACTIVATE"],
        "ownerConsentTimeout": "1h",
        "agents": {},
        "thingsEnabled": False,
        "domain": "",
    }
    file.write_text(json.dumps(more))
    settings = migrated_settings(file, [])
    config = tmp_path / "new.yaml"
    config.write_text(to_yaml(settings))
    assert load_settings(config) == settings
    manager, usual = settings.update_manager, Settings().update_manager
    same = {name for name in manager.__struct_fields__ if getattr(manager, name) == getattr(usual, name)}
    assert same == {"backend", "agents", "failures", "unknown_domains", "new_desired_state", "values"}


def test_the_other_configuration_of_kanto_is_still_migrated(file: Path) -> None:
    file.write_text('{"connection": {"broker_url": "tcp://b"}, "update_agent": {"enable": true}}')
    assert migrated_settings(file, []) == load_kanto_config(file)


def test_it_is_no_configuration_for_run(file: Path) -> None:
    with pytest.raises(SettingsError, match="`evenkeel update-manager -config-file` takes it, and `evenkeel migrate`"):
        load_kanto_config(file)
