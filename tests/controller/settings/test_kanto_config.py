"""Kanto's config.json: read as it is, refused with places, and turned into a config.yaml that says the same."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from evenkeel.controller.mqtt.access import read_access
from evenkeel.controller.settings.kanto_config import load_kanto_config, migrate, to_yaml
from evenkeel.controller.settings.load import load_settings
from evenkeel.specs.codec import changed
from evenkeel.specs.errors import Refused, SettingsError
from evenkeel.specs.problem import Problem, problem_text
from evenkeel.specs.settings.mqtt import (
    AutonomousSettings,
    MqttSettings,
    TlsSettings,
    UpdateAgentSettings,
    WillSettings,
)
from evenkeel.specs.settings.settings import EngineSettings, EventSettings, LogSettings, Settings

LEDA = """{
    "log": {"log_file": "/var/log/container-management.log"},
    "deployment": {"home_dir": "/data/var/lib/container-management"},
    "manager": {"default_ctrs_stop_timeout": 5},
    "containers": {"registry_configurations": {"ghcr.io": {"credentials": {"user_id": "u", "password": "p"}}}},
    "things": {"enable": false, "enable": false},
    "update_agent": {
        "enable": true,
        "system_containers": ["sua"]
    },
    "connection": {
        "broker_url": "tcp://127.0.0.1:1884",
        "keep_alive": "1m",
        "disconnect_timeout": "250ms",
        "client_username": "device",
        "client_password": "s3cret",
        "connect_timeout": "10s",
        "acknowledge_timeout": "15s"
    }
}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.json"


def written(file: Path, **sections: Any) -> Settings:
    file.write_text(json.dumps(sections))
    return load_kanto_config(file)


def complaints(file: Path, text: str) -> list[str]:
    file.write_text(text)
    with pytest.raises(SettingsError) as raised:
        load_kanto_config(file)
    assert raised.value.element == f"file:{file}"
    return raised.value.message.replace(str(file), "F").splitlines()


TAKEN_OVER = changed(Settings(), engine=changed(Settings().engine, kind="docker"))
"""What ran real containers goes on to."""


def test_a_device_of_leda_is_taken_over_by_naming_its_file(file: Path) -> None:
    file.write_text(LEDA)
    settings = load_kanto_config(file)
    assert settings == changed(
        TAKEN_OVER,
        mqtt=MqttSettings(
            enabled=True,
            broker="tcp://127.0.0.1:1884",
            keep_alive=timedelta(minutes=1),
            connect_timeout=timedelta(seconds=10),
            username="device",
            password_file=str(file),
            password_key="connection.client_password",
        ),
        update_agent=UpdateAgentSettings(enable=True, system_containers=("sua",), stop_timeout=timedelta(seconds=5)),
    )
    assert read_access(settings.mqtt).password == "s3cret"
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    "text", ["", "{}", '{"connection": null, "update_agent": {}}', '{"connection": {"broker_url": ""}}']
)
def test_defaults_are_those_of_kanto(file: Path, text: str) -> None:
    file.write_text(text)
    settings = load_kanto_config(file)
    assert settings == TAKEN_OVER
    mqtt, agent = settings.mqtt, settings.update_agent
    assert (mqtt.broker, mqtt.keep_alive) == ("tcp://localhost:1883", timedelta(seconds=20))
    assert mqtt.connect_timeout == timedelta(seconds=30)
    assert (agent.enable, agent.domain, agent.verbose_inventory) == (False, "containers", False)


def test_everything_that_kanto_has_arrives(file: Path) -> None:
    files = {"root_ca": "/ca.crt", "client_cert": "/c.cert", "client_key": "/c.key"}
    settings = written(
        file,
        connection={"broker_url": "tcps://broker:8884", "transport": files},
        update_agent={
            "enable": True,
            "domain": "my-cars",
            "system_containers": ["b", "a"],
            "verbose_inventory_report": True,
        },
    )
    assert settings.mqtt.broker == "tcps://broker:8884"
    assert settings.mqtt.tls == TlsSettings("/ca.crt", "/c.cert", "/c.key")
    assert settings.update_agent == UpdateAgentSettings(True, "my-cars", ("a", "b"), True)


@pytest.mark.parametrize("address", ["tcp://user:hunter2@broker", "ssl://user@broker:8883"])
def test_credentials_in_an_address_lead_to_the_keys_of_the_same_file(file: Path, address: str) -> None:
    """L5: the hint named keys of evenkeel's settings."""
    with pytest.raises(SettingsError) as raised:
        written(file, connection={"broker_url": address})
    text = str(raised.value)
    assert "connection.broker_url: an address holds neither user nor password; write `client_username` and" in text
    assert "hunter2" not in text
    assert "passwordFile" not in text


def test_what_kanto_passes_over_does_not_stop_us(file: Path) -> None:
    settings = written(
        file,
        connection={
            "broker_url": "tcp://b",
            "transport": {"root_ca": "relative.crt"},
            "client_password": "without a user",
        },
    )
    assert (settings.mqtt.tls, settings.mqtt.password_file) == (TlsSettings(), "")


@pytest.mark.parametrize(
    ("given", "taken_s"),
    [
        ("45s", 45),
        ("2m", 120),
        (5, 5),
        ("10", 10),
        (0, 0),
        (None, 30),
        ("", 30),
        ("soon", 30),
        (1.5, 30),
        (True, 30),
        (-1, 30),
    ],
)
def test_the_stop_timeout_of_all_containers_is_carried_over(file: Path, given: object, taken_s: int) -> None:
    """As Kanto reads it: a duration, or whole seconds; what is neither is the default, and is told here."""
    file.write_text(json.dumps({"manager": {"default_ctrs_stop_timeout": given, "home_dir": "/x"}}))
    notes: list[Problem] = []
    assert load_kanto_config(file, notes=notes).update_agent.stop_timeout == timedelta(seconds=taken_s)
    assert [note.path for note in notes] == (
        ["manager.default_ctrs_stop_timeout"] if given in ("soon", 1.5, True, -1) else []
    )


@pytest.mark.parametrize(
    ("deployment", "specs"),
    [
        ({"ctr_dir": "/data/var/containers/manifests"}, ("/data/var/containers/manifests",)),
        ({"ctr_dir": "/m", "enable": True}, ("/m",)),
        ({"ctr_dir": "/m", "enable": False}, Settings().specs),
        ({"ctr_dir": "m"}, Settings().specs),
        ({"ctr_dir": ""}, Settings().specs),
        ({"enable": True}, Settings().specs),
        (None, Settings().specs),
    ],
)
def test_the_folder_of_manifests_is_carried_over(file: Path, deployment: object, specs: tuple[str, ...]) -> None:
    assert written(file, deployment=deployment).specs == specs


def test_overrides_take_precedence(file: Path) -> None:
    file.write_text(LEDA)
    settings = load_kanto_config(file, {"mqtt.broker": "tcp://other", "state": "/s"})
    assert (settings.mqtt.broker, settings.state, settings.mqtt.username) == ("tcp://other", "/s", "device")


UNKNOWN = """{
  "update_agent": {"verbose_inventory": true, "enabled": true, "domain": "cars"},
  "connection": {
    "broker": "tcp://b",
    "transport": {"rootca": "/ca"},
    "client_passwort": "hunter2"
  },
  "containers": {"whatever": 1}
}"""


def test_unknown_keys_of_both_sections_are_told_with_the_nearest_key_and_stop_nothing(file: Path) -> None:
    file.write_text(UNKNOWN)
    notes: list[Problem] = []
    settings = load_kanto_config(file, notes=notes)
    assert settings == changed(TAKEN_OVER, update_agent=UpdateAgentSettings(domain="cars"))
    nothing = "which does nothing, as with Kanto (warning); did you mean"
    assert [problem_text(note).replace(str(file), "F") for note in notes] == [
        f"F:2:20: update_agent.verbose_inventory: unknown key `verbose_inventory`, {nothing} `verbose_inventory_report`?",
        f"F:2:47: update_agent.enabled: unknown key `enabled`, {nothing} `enable`?",
        f"F:4:5: connection.broker: unknown key `broker`, {nothing} `broker_url`?",
        f"F:5:19: connection.transport.rootca: unknown key `rootca`, {nothing} `root_ca`?",
        f"F:6:5: connection.client_passwort: unknown key `client_passwort`, {nothing} `client_password`?",
    ]


def test_what_is_wrong_is_told_with_what_is_doubtful(file: Path) -> None:
    wrong, doubt = complaints(file, '{"update_agent": {"enabled": true, "enable": "yes"}}')
    assert "unknown key `enabled`" in doubt
    assert "(warning)" in doubt
    assert wrong == "F:1:36: update_agent.enable: expected true or false, got the text `yes`"


def test_a_key_in_another_case_which_go_obeys_is_not_passed_over(file: Path) -> None:
    text = '{"Connection": {}, "connection": {"Broker_URL": "tcp://b", "transport": {"root_CA": "/ca"}}}'
    assert complaints(file, text) == [
        "F:1:2: Connection: Kanto takes this for `connection`; write `connection`",
        "F:1:35: connection.Broker_URL: Kanto takes this for `broker_url`; write `broker_url`",
        "F:1:74: connection.transport.root_CA: Kanto takes this for `root_ca`; write `root_ca`",
    ]


MILLISECONDS = "; numbers of older releases of Kanto are milliseconds"


@pytest.mark.parametrize(
    ("key", "written", "hint"),
    [
        ("keep_alive", "20", 'write "20s"'),
        ("keep_alive", "20000", f'write "20s"{MILLISECONDS}'),
        ("keep_alive", '"20000"', f'write "20s"{MILLISECONDS}'),
        ("connect_timeout", "1500", f'write "1.5s"{MILLISECONDS}'),
        ("disconnect_timeout", "250", f'write "250ms"{MILLISECONDS}'),
        ("acknowledge_timeout", "15000", f'write "15s"{MILLISECONDS}'),
        ("keep_alive", "0", 'for example "20s"'),
        ("keep_alive", "-1", 'for example "20s"'),
        ("keep_alive", "true", 'for example "20s"'),
        ("keep_alive", "99999999999999", 'for example "20s"'),
        ("subscribe_timeout", "[]", 'for example "20s"'),
    ],
)
def test_what_to_write_for_a_number_is_a_duration_in_one_step(file: Path, key: str, written: str, hint: str) -> None:
    (complaint,) = complaints(file, f'{{"connection": {{"{key}": {written}}}}}')
    assert complaint.startswith(f"F:1:17: connection.{key}: ")
    assert complaint.endswith(f"; {hint}")
    advised = hint.split('"')[1]
    file.write_text(f'{{"connection": {{"{key}": "{advised}"}}}}')
    assert load_kanto_config(file).mqtt.broker == TAKEN_OVER.mqtt.broker


def test_wrong_values_are_told_in_the_words_of_kanto(file: Path) -> None:
    text = """{
  "update_agent": {
    "domain": "no domain"
  },
  "connection": {
    "broker_url": "http://b",
    "keep_alive": "10",
    "acknowledge_timeout": "soon"
  }
}"""
    assert complaints(file, text) == [
        "F:8:5: connection.acknowledge_timeout: expected a duration with a unit, for example 30s, 1m30s or 500ms",
    ]
    domain, keep_alive = complaints(file, text.replace('"soon"', '"1s"'))
    assert domain.startswith("F:3:5: update_agent.domain: the text `no domain` does not fit; expected letters, digits")
    assert keep_alive.startswith("F:7:5: connection.keep_alive: the text `10` does not fit; write `10s`")
    (complaint,) = complaints(file, text.replace('"soon"', '"1s"').replace('"10"', '"10s"').replace("no domain", "d"))
    assert complaint.startswith("F:6:5: connection.broker_url: expected an address such as ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", "F:1:1: expected a mapping with `connection` and `update_agent`"),
        ('{"connection": []}', "F:1:2: connection: expected a mapping with `broker_url`, "),
        ('{"connection": {"keep_alive": 20}}', "F:1:17: connection.keep_alive: expected a duration, got the number 20"),
        ('{"connection": {"client_password": 31337}}', "F:1:17: connection.client_password: expected a text"),
        (
            '{"update_agent": {"enable": "yes"}}',
            "F:1:19: update_agent.enable: expected true or false, got the text `yes`",
        ),
        (
            '{"update_agent": {"enable": true, "enable": false}}',
            "F:1:35: update_agent.enable: the key `enable` stands here",
        ),
        ('{"connection": ', "F:1:16: no valid JSON: "),
    ],
)
def test_every_fault_has_its_place(file: Path, text: str, expected: str) -> None:
    (complaint,) = complaints(file, text)
    assert complaint.startswith(expected)
    assert "31337" not in complaint


def test_a_named_file_must_exist(file: Path) -> None:
    with pytest.raises(SettingsError, match="there is no such file"):
        load_kanto_config(file)


KANTO_DEFAULTS = {
    "things": {"enable": True},
    "update_agent": {"enable": False, "domain": "containers", "system_containers": [], "verbose_inventory": False},
    "connection": {
        "broker_url": "tcp://localhost:1883", "keep_alive": "20s", "disconnect_timeout": "250ms", "client_username": "",
        "client_password": "", "connect_timeout": "30s", "acknowledge_timeout": "15s", "subscribe_timeout": "15s",
        "unsubscribe_timeout": "5s",
    },
}  # fmt: skip


def test_group_89_kantos_configuration(file: Path, tmp_path: Path) -> None:
    """container-management.md §7.7, as far as it is about these two sections. Differs: a file that was named must be there."""
    with pytest.raises(SettingsError, match="there is no such file"):
        load_kanto_config(file)
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        load_kanto_config(tmp_path)
    file.touch()
    assert load_kanto_config(file) == TAKEN_OVER
    (complaint,) = complaints(file, "{")
    assert "no valid JSON" in complaint
    assert written(file, **KANTO_DEFAULTS) == TAKEN_OVER
    secure = {"broker_url": "ssl://b:8883", "transport": {"root_ca": "/ca", "client_cert": "/c", "client_key": "/k"}}
    assert written(file, connection=secure).mqtt.tls == TlsSettings("/ca", "/c", "/k")


# ── config.yaml ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_migration_writes_what_means_the_same_and_the_password_apart(file: Path, tmp_path: Path) -> None:
    file.write_text(LEDA)
    config = tmp_path / "etc" / "config.yaml"
    secret = tmp_path / "etc" / "mqtt-password"
    assert migrate(file, config) == (secret, config)
    assert secret.read_text() == "s3cret\n"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert config.read_text() == (
        f"# Made of {file}; every key that is not here has its default.\n"
        "engine:\n"
        "  kind: docker\n"
        "mqtt:\n"
        "  enabled: true\n"
        "  broker: tcp://127.0.0.1:1884\n"
        "  keepAlive: 1m\n"
        "  connectTimeout: 10s\n"
        "  username: device\n"
        f"  passwordFile: {secret}\n"
        "updateAgent:\n"
        "  enable: true\n"
        "  systemContainers:\n"
        "  - sua\n"
        "  stopTimeout: 5s\n"
    )
    before, after = load_kanto_config(file), load_settings(config)
    assert read_access(after.mqtt).password == read_access(before.mqtt).password
    own_file = {"password_file": str(secret), "password_key": ""}
    assert after == changed(before, mqtt=changed(before.mqtt, **own_file))


def test_migration_replaces_nothing_unless_told(file: Path, tmp_path: Path) -> None:
    file.write_text(LEDA)
    config = tmp_path / "config.yaml"
    secret = tmp_path / "mqtt-password"
    secret.write_text("old")
    with pytest.raises(SettingsError, match="is there already"):
        migrate(file, config)
    assert not config.exists()
    assert secret.read_text() == "old"
    migrate(file, config, replace=True)
    assert secret.read_text() == "s3cret\n"
    with pytest.raises(SettingsError, match="is there already"):
        migrate(file, config)
    config.unlink()
    config.symlink_to(tmp_path / "none")
    with pytest.raises(Refused, match="symbolic link"):
        migrate(file, config, replace=True)
    assert config.is_symlink()


def test_migration_without_password_writes_one_file_and_of_nothing_next_to_nothing(file: Path, tmp_path: Path) -> None:
    file.write_text("{}")
    config = tmp_path / "config.yaml"
    assert migrate(file, config) == (config,)
    assert config.read_text().startswith("# Made of ")
    assert load_settings(config) == TAKEN_OVER


def test_a_wrong_configuration_is_not_migrated(file: Path, tmp_path: Path) -> None:
    file.write_text('{"connection": {"broker_url": 1}}')
    with pytest.raises(SettingsError):
        migrate(file, tmp_path / "config.yaml")
    assert not (tmp_path / "config.yaml").exists()


@pytest.mark.parametrize("content", ['{"image": {"name": "web:1"}}', '{"activityId": "a", "payload": {"domains": []}}'])
def test_what_to_run_is_not_taken_for_a_configuration(file: Path, tmp_path: Path, content: str) -> None:
    """It was migrated to settings with nothing in them."""
    file.write_text(content)
    with pytest.raises(
        SettingsError, match="this is what to run, and no configuration; put the file into a folder of specs"
    ):
        migrate(file, tmp_path / "config.yaml")


EVERYTHING = Settings(
    specs=("/a", "/b"),
    state="/s",
    engine=EngineSettings("docker", "unix:///x.sock", "net", "/c.json"),
    system_containers=("x",),
    empty_source_removes_all=True,
    resync=timedelta(seconds=90),
    parallel=4,
    retries=2,
    events=EventSettings("-", 200),
    log=LogSettings("debug", "json"),
    mqtt=MqttSettings(
        enabled=True,
        broker="ssl://b",
        client_id="1234",
        version="5",
        keep_alive=timedelta(seconds=5),
        username_file="/u",
        password_file="/p",
        tls=TlsSettings("/ca", "/c", "/k"),
        will=WillSettings("gone", "yes: no #\n", retain=True),
    ),
    update_agent=UpdateAgentSettings(
        enable=True, autonomous=AutonomousSettings(timedelta(minutes=5)), report_debounce=timedelta(milliseconds=5)
    ),
)


@pytest.mark.parametrize("settings", [Settings(), EVERYTHING])
def test_settings_that_are_written_are_read_again(tmp_path: Path, settings: Settings) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(to_yaml(settings))
    assert load_settings(config) == settings


def test_settings_with_a_password_in_the_middle_of_something_are_not_written(file: Path) -> None:
    file.write_text(LEDA)
    with pytest.raises(ValueError, match="no file of its own"):
        to_yaml(load_kanto_config(file))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("specs: [/s]\nengine: {kind: docker}\nlog: {level: debug}\n", "these are settings of evenkeel already"),
        ("mqtt: {enabled: true}\n", "these are settings of evenkeel already; use the file as it is, with --config"),
        ('{"name": "other", "version": 3}', "this is no configuration of Kanto's container-management; it would have"),
        ("services: {a: {image: b}}\n", "this is no configuration of Kanto's container-management; it would have"),
    ],
)
def test_a_file_with_nothing_of_kantos_in_it_is_none_of_kantos(tmp_path: Path, content: str, told: str) -> None:
    """S18: each key was one that does nothing, as with Kanto, and the settings of a device came out of it."""
    file = tmp_path / "config.json"
    file.write_text(content)
    with pytest.raises(SettingsError, match=f"{re.escape(str(file))}:1:1: {told}"):
        load_kanto_config(file)
    with pytest.raises(SettingsError, match=told):
        migrate(file, tmp_path / "config.yaml")
    assert not (tmp_path / "config.yaml").exists()


@pytest.mark.parametrize("content", ["{}", '{"log": {"log_level": "INFO"}}', '{"THINGS": {}, "more": 1}'])
def test_a_file_with_something_of_kantos_may_have_more(tmp_path: Path, content: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(content)
    assert load_kanto_config(file).engine.kind == "docker"
