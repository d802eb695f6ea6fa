"""Settings: defaults that are said twice agree, and whatever is wrong is said at once, with its place."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from tests.places import ROOT

from evenkeel.controller.settings.load import load_settings
from evenkeel.specs.codec import changed
from evenkeel.specs.errors import SettingsError
from evenkeel.specs.problem import Problem, problem_text
from evenkeel.specs.settings.doctor import DoctorSettings
from evenkeel.specs.settings.settings import Settings, settings_from
from evenkeel.specs.settings.slots import SlotsSettings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def complaints(path: Path, overrides: dict[str, object] | None = None) -> list[str]:
    """What is wrong, one line each, with the name of the file cut out."""
    with pytest.raises(SettingsError) as raised:
        load_settings(path, overrides)  # type: ignore[arg-type]
    assert raised.value.element == f"file:{path}"
    return raised.value.message.replace(str(path), "F").splitlines()


def test_defaults_that_are_written_and_defaults_that_are_used_agree() -> None:
    assert settings_from({}, []) == Settings()


def test_defaults_are_those_of_the_documentation(tmp_path: Path) -> None:
    settings = load_settings(default=tmp_path / "absent")
    assert settings.specs == ("/etc/evenkeel/specs",)
    assert settings.state == "/var/lib/evenkeel"
    assert (settings.engine.kind, settings.engine.network) == ("memory", "evenkeel")
    assert settings.resync == timedelta(seconds=60)
    assert (settings.parallel, settings.retries) == (3, 5)
    assert (settings.timeouts.pull, settings.timeouts.step) == (timedelta(minutes=30), timedelta(minutes=2))
    assert (settings.backoff.first, settings.backoff.longest) == (timedelta(seconds=1), timedelta(minutes=5))
    assert not settings.empty_source_removes_all


EVERYTHING = """
specs: [/a, /b/c.yaml]
state: /s
engine: {kind: docker, address: 'unix:///run/podman/podman.sock', network: mine, dockerConfig: /root/config.json}
registries: {daemonFile: /d.json, certificates: /c, authFile: /a.json, dropIns: /r, kanto: [/k.json]}
slots: {engine: rauc, store: /data/bundles, bus: 'unix:path=/run/other', markGood: always}
doctor: {can: [can0], units: [gpsd.socket], hosts: ['cloud.example:8883'], ping: 192.0.2.1}
systemContainers: [updater, agent, agent]
emptySourceRemovesAll: true
resync: 1m30s
parallel: 32
timeouts: {pull: 2h, step: 1s}
retries: 1
backoff: {first: 500ms, longest: 10s}
events: {file: "-", keep: 100}
log: {level: debug, format: json}
mqtt:
  enabled: true
  broker: ssl://broker.example
  clientId: device-7
  version: 5
  keepAlive: 1m
  connectTimeout: 5s
  usernameFile: /u
  passwordFile: /p
  tls: {rootCa: /ca.pem, clientCert: /c.pem, clientKey: /k.pem}
  will: {topic: gone, payload: now, retain: true}
updateAgent:
  enable: true
  domain: my-domain
  systemContainers: [sua, cloud, sua]
  verboseInventory: true
  operationTimeout: 10m
  autonomous: {after: 2m}
  reportDebounce: 0s
selfUpdateAgent:
  enable: true
  domain: os
  allow: [http, file, http]
  reboot: others
  operationTimeout: 20m
  autonomous: {after: 3m}
  reportDebounce: 0s
updateManager:
  enable: true
  domain: fleet
  agents:
    os: {rank: 1}
    ecu: {rebootRequired: true, readTimeout: 20s}
  ownerConsent: {commands: [UPDATE], timeout: 1h}
  reboot: {after: 1m}
"""


def test_everything_can_be_set(file: Path) -> None:
    file.write_text(EVERYTHING)
    settings = load_settings(file)
    assert settings == load_settings(default=file)
    assert settings.specs == ("/a", "/b/c.yaml")
    assert settings.engine.docker_config == "/root/config.json"
    registries = settings.registries
    assert (registries.daemon_file, registries.certificates) == ("/d.json", "/c")
    assert (registries.auth_file, registries.drop_ins, registries.kanto) == ("/a.json", "/r", ("/k.json",))
    slots = settings.slots
    assert slots == SlotsSettings("rauc", "/data/bundles", "unix:path=/run/other", "always")
    assert settings.system_containers == ("agent", "updater")
    assert settings.empty_source_removes_all
    assert settings.resync == timedelta(seconds=90)
    assert settings.timeouts.pull == timedelta(hours=2)
    assert settings.backoff.first == timedelta(milliseconds=500)
    assert (settings.events.file, settings.events.keep) == ("-", 100)
    assert (settings.log.level, settings.log.format) == ("debug", "json")
    mqtt, agent = settings.mqtt, settings.update_agent
    assert (mqtt.broker, mqtt.client_id, mqtt.version) == ("ssl://broker.example", "device-7", "5")
    assert (mqtt.keep_alive, mqtt.connect_timeout) == (timedelta(minutes=1), timedelta(seconds=5))
    assert (mqtt.username_file, mqtt.password_file, mqtt.tls.client_key) == ("/u", "/p", "/k.pem")
    assert mqtt.will is not None
    assert (mqtt.will.topic, mqtt.will.payload, mqtt.will.retain) == ("gone", "now", True)
    assert (agent.domain, agent.system_containers, agent.verbose_inventory) == ("my-domain", ("cloud", "sua"), True)
    assert (agent.operation_timeout, agent.autonomous.after) == (timedelta(minutes=10), timedelta(minutes=2))
    assert agent.report_debounce == timedelta(0)
    os_agent = settings.self_update_agent
    assert (os_agent.enable, os_agent.domain, os_agent.allow, os_agent.reboot) == (
        True,
        "os",
        ("file", "http"),
        "others",
    )
    assert (os_agent.operation_timeout, os_agent.autonomous.after) == (timedelta(minutes=20), timedelta(minutes=3))
    assert settings.doctor == DoctorSettings(("can0",), ("gpsd.socket",), ("cloud.example:8883",), "192.0.2.1")
    manager = settings.update_manager
    assert (manager.domain, tuple(manager.agents)) == ("fleet", ("os", "ecu", "my-domain"))
    assert (manager.agents["os"].rank, manager.agents["os"].reboot_required) == (1, True)
    assert (manager.owner_consent.commands, manager.reboot.after) == (("UPDATE",), timedelta(minutes=1))
    assert not {name for name in settings.__struct_fields__ if getattr(settings, name) == getattr(Settings(), name)}


def test_places_of_slots_that_are_none(file: Path) -> None:
    file.write_text("slots:\n  bus: /run/dbus/system_bus_socket\n  store: bundles\n  engine: RAUC\n")
    assert complaints(file) == [
        "F:4:3: slots.engine: expected one of auto, memory, none, rauc; got the text `RAUC`; did you mean `rauc`?"
    ]
    file.write_text("slots:\n  bus: /run/dbus/system_bus_socket\n  store: bundles\n")
    assert complaints(file) == [
        "F:2:3: slots.bus: expected the address of a socket; write `unix:path=/run/dbus/system_bus_socket`",
        "F:3:3: slots.store: expected an absolute path",
    ]


def test_names_for_the_doctor_that_are_none(file: Path) -> None:
    file.write_text("doctor: {can: [an-interface-name], units: [gpsd], hosts: [cloud], ping: '-f'}\n")
    assert [each.partition(": ")[2] for each in complaints(file)] == [
        "doctor.can[0]: expected the name of an interface; for example can0",
        "doctor.units[0]: expected the name of a unit of systemd; write `gpsd.service`",
        "doctor.hosts[0]: expected a host and a port; for example cloud.example:8883",
        "doctor.ping: expected the name or the address of a host",
    ]


def test_json_is_read_too(file: Path) -> None:
    file.write_text('{"state": "/s", "engine": {"kind": "docker"}}')
    assert load_settings(file) == changed(Settings(), state="/s", engine=changed(Settings().engine, kind="docker"))


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "{}\n"])
def test_a_file_that_says_nothing_leaves_the_defaults(file: Path, text: str) -> None:
    file.write_text(text)
    assert load_settings(file) == Settings()


def test_all_faults_are_reported_at_once_in_order_of_place(file: Path) -> None:
    file.write_text(
        "stat: /s\n"
        "engine:\n"
        "  kind: dokcer\n"
        "  sock: /x\n"
        "parallel: 33\n"
        "resync: 60\n"
        "specs: /etc/evenkeel/specs\n"
        "log:\n"
        "  level: [info]\n"
        "retries: five\n"
    )
    of_engine = "`address`, `dockerConfig`, `kind`, `network`, `owner`, `tokenRealms`"
    assert complaints(file) == [
        "F:1:1: stat: unknown key `stat`; did you mean `state`?",
        "F:3:3: engine.kind: expected one of docker, memory, podman; got the text `dokcer`; did you mean `docker`?",
        f"F:4:3: engine.sock: unknown key `sock`; expected one of: {of_engine}",
        "F:5:1: parallel: expected a number from 1 to 32, got 33",
        "F:6:1: resync: expected a duration, got the number 60; write `60s`",
        "F:7:1: specs: expected a list, got a text; put a `-` before each entry",
        "F:9:3: log.level: expected one of debug, error, info, warning; got a list",
        "F:10:1: retries: expected a whole number, got the text `five`",
    ]


OWN_NETWORK = "expected the name of a network of its own, for example evenkeel"


def test_all_contradictions_are_reported_at_once(file: Path) -> None:
    file.write_text(
        "engine:\n"
        "  address: tcp://device:2375\n"
        "  network: bridge\n"
        "  dockerConfig: config.json\n"
        "  owner: /var/lib/evenkeel\n"
        "resync: 10ms\n"
        "timeouts: {pull: 0s}\n"
        "backoff:\n"
        "  first: 10m\n"
        "events: {file: events.jsonl}\n"
    )
    assert complaints(file) == [
        "F:2:3: engine.address: expected the address of a socket; for example unix:///path/to/the.sock",
        "F:3:3: engine.network: `bridge` is one of the engine's own networks; " + OWN_NETWORK,
        "F:4:3: engine.dockerConfig: expected an absolute path",
        "F:5:3: engine.owner: expected a name; letters, digits and _ . -; a path is the default",
        "F:6:1: resync: expected a duration of at least 1s, got 10ms",
        "F:7:12: timeouts.pull: expected a duration of at least 1s, got 0s",
        "F:8:1: backoff.longest: expected at least the 10m of `first`, got 5m",
        "F:10:10: events.file: expected an absolute path",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("state: /s\nstate: /t\n", "F:2:1: state: the key `state` stands here again; first at F:1:1"),
        ("state: /s\n---\nstate: /t\n", "F:3:1: expected one document, got another one"),
        ("state: [\n", "F:2:1: no valid YAML: "),
        ("- state\n", "F:1:1: expected a mapping with `specs`, `state`, "),
        ('{"state": 1,}', "F:1:2: state: expected a text, got the number 1; put it into quotes"),
        ("specs: []\n", "F:1:1: specs: expected at least 1 entry"),
        ("specs: [a.yaml]\n", "F:1:9: specs[0]: the text `a.yaml` does not fit; expected an absolute path"),
        ("engine:\n", "F:1:1: engine: expected a mapping with `kind`, "),
        ("engine: {apiVersion: x}\n", "F:1:10: engine.apiVersion: unknown key `apiVersion`; "),
    ],
)
def test_every_fault_has_its_place(file: Path, text: str, expected: str) -> None:
    file.write_text(text)
    (complaint,) = complaints(file)
    assert complaint.startswith(expected)


def test_overrides_take_precedence(file: Path) -> None:
    file.write_text("state: /s\nengine: {kind: docker, network: mine}\n")
    settings = load_settings(file, {"engine.kind": "memory", "specs": ["/x"], "log.level": "debug"})
    assert (settings.engine.kind, settings.engine.network) == ("memory", "mine")
    assert (settings.state, settings.specs, settings.log.level) == ("/s", ("/x",), "debug")


def test_overrides_mend_a_wrong_file_and_faults_in_them_name_the_command_line(file: Path) -> None:
    file.write_text("state: s\nparallel: 0\n")
    assert complaints(file, {"state": "/s", "engine.knd": "docker"}) == [
        "F:2:1: parallel: expected a number from 1 to 32, got 0",
        "command line: engine.knd: unknown key `knd`; did you mean `kind`?",
    ]


def test_an_override_below_something_else_leaves_that_to_be_reported(file: Path) -> None:
    file.write_text("engine: docker\n")
    (complaint,) = complaints(file, {"engine.kind": "docker"})
    assert complaint.startswith("F:1:1: engine: expected a mapping with ")


def test_a_named_file_must_exist(file: Path) -> None:
    assert complaints(file) == ["there is no such file"]


@pytest.mark.parametrize("named", [True, False])
def test_a_file_that_cannot_be_read_is_an_error_named_or_not(tmp_path: Path, named: bool) -> None:
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        load_settings(tmp_path if named else None, default=tmp_path)


def test_without_a_file_no_yaml_is_imported(tmp_path: Path) -> None:
    program = "import sys, pathlib; from evenkeel.controller.settings.load import load_settings\n"
    program += "load_settings(default=pathlib.Path(sys.argv[1])); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "absent"],
        env={**os.environ, "PYTHONPATH": str(ROOT / ".dev")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"ruamel.yaml", "asyncio", "watchfiles"} & set(done.stdout.split())


NOTHING = "nothing connects to the broker without an update agent or an update manager"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mqtt:\n  enabled: true\n", [f"F:2:3: mqtt.enabled: {NOTHING}"]),
        ("mqtt:\n  enabled: true\nupdateAgent: {enable: true}\n", []),
        ("mqtt:\n  enabled: true\nupdateManager: {enable: true}\n", []),
        ("mqtt: {broker: 'tcp://b'}\n", []),
    ],
)
def test_a_broker_that_nothing_connects_to_is_told(file: Path, text: str, told: list[str]) -> None:
    """It did nothing and said nothing (O11); the opposite, an agent without a broker, is an error."""
    file.write_text(text)
    notes: list[Problem] = []
    settings = load_settings(file, notes=notes)
    assert settings.mqtt.enabled == ("enabled" in text)
    assert [problem_text(note).replace(str(file), "F").partition(" (warning)")[0] for note in notes] == told


def test_what_is_doubtful_is_said_with_what_is_wrong(file: Path) -> None:
    file.write_text("mqtt: {enabled: true}\nresync: 1ms\n")
    wrong, doubt = complaints(file)
    assert doubt.startswith("F:1:8: mqtt.enabled: ")
    assert wrong.startswith("F:2:1: resync: ")
