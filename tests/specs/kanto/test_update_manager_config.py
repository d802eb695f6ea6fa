"""The configuration of Kanto's update manager: every key, flag and variable, their precedence, and what is wrong or does
nothing (update-manager.md §4, §6.13). Pure; the files are in tests/controller/settings."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sampling import examples

from evenkeel.specs.kanto.settings import kanto_settings
from evenkeel.specs.kanto.update_manager.durations import duration_of, go_duration
from evenkeel.specs.kanto.update_manager.keys import AGENT_KEYS, KEYS, Kind, is_of_update_manager
from evenkeel.specs.kanto.update_manager.line import Line, laid_over, read_line
from evenkeel.specs.kanto.update_manager.settings import update_manager_path, update_manager_settings
from evenkeel.specs.problem import Flaw, path_text
from evenkeel.specs.settings.settings import Settings, settings_from
from evenkeel.specs.settings.update_manager import UpdateManagerAgent, UpdateManagerSettings

OWN: dict[str, Kind] = {"state": "text"}
PLAIN = {"thingsEnabled": False}


class Read(NamedTuple):
    settings: Settings | None
    flaws: list[str]
    warnings: list[str]


def read(value: Any, words: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> Read:
    """What a configuration comes to, with its command line and environment."""
    flaws: list[Flaw] = []
    over = laid_over(value, read_line(words, OWN), environment or {}, flaws)
    written = update_manager_settings(over.value, flaws)
    found = settings_from({"mqtt": {"enabled": True}, **written}, flaws) if written else None
    errors, warnings = ([flaw for flaw in flaws if flaw.warning == kind] for kind in (False, True))
    return Read(found if not errors else None, _texts(errors), _texts(warnings))


def _texts(flaws: list[Flaw]) -> list[str]:
    return [f"{path_text(flaw.path)}: {flaw.message}; {flaw.hint}" for flaw in flaws]


def managed(
    value: Any, words: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> UpdateManagerSettings:
    found = read({**PLAIN, **value}, words, environment)
    assert found.settings is not None, found.flaws
    return found.settings.update_manager


# --- every key, flag and variable -------------------------------------------------------------------------------------


class Row(NamedTuple):
    """`value`: in the file; `text`: the same as a flag or variable; `place` in our settings, and what it holds then, the
    default being another one. No place: a warning that names the key."""

    path: tuple[str, ...]
    flag: str
    variable: str
    value: Any
    text: str
    place: str = ""
    means: Any = None
    default: Any = None


def s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


M = "update_manager."
ROWS = [
    Row(("domain",), "domain", "DOMAIN", "car", "car", M + "domain", "car", "device"),
    Row(("rebootEnabled",), "reboot-enabled", "REBOOT_ENABLED", False, "f", M + "reboot.enable", False, True),
    Row(("rebootAfter",), "reboot-after", "REBOOT_AFTER", "1m", "1m", M + "reboot.after", s(60), s(30)),
    Row(
        ("reportFeedbackInterval",),
        "report-feedback-interval",
        "REPORT_FEEDBACK_INTERVAL",
        "2m",
        "2m",
        M + "report_feedback_interval",
        s(120),
        s(60),
    ),
    Row(
        ("currentStateDelay",),
        "current-state-delay",
        "CURRENT_STATE_DELAY",
        "0",
        "0",
        M + "current_state_delay",
        s(0),
        s(30),
    ),
    Row(("phaseTimeout",), "phase-timeout", "PHASE_TIMEOUT", "1h30m", "1h30m", M + "phase_timeout", s(5400), s(600)),
    Row(
        ("ownerConsentCommands",),
        "owner-consent-commands",
        "",
        ["UPDATE", "DOWNLOAD"],
        "update, download,",
        M + "owner_consent.commands",
        ("DOWNLOAD", "UPDATE"),
        (),
    ),
    Row(
        ("ownerConsentTimeout",),
        "owner-consent-timeout",
        "OWNER_CONSENT_TIMEOUT",
        "5m",
        "5m",
        M + "owner_consent.timeout",
        s(300),
        s(1800),
    ),
    Row(
        ("connection", "broker"),
        "mqtt-conn-broker",
        "MQTT_CONN_BROKER",
        "ssl://b:8884",
        "ssl://b:8884",
        "mqtt.broker",
        "ssl://b:8884",
        "tcp://localhost:1883",
    ),
    Row(
        ("connection", "keepAlive"),
        "mqtt-conn-keep-alive",
        "MQTT_CONN_KEEP_ALIVE",
        "1m",
        "1m",
        "mqtt.keep_alive",
        s(60),
        s(20),
    ),
    Row(("connection", "username"), "mqtt-conn-username", "MQTT_CONN_USERNAME", "me", "me", "mqtt.username", "me", ""),
    Row(
        ("connection", "connectTimeout"),
        "mqtt-conn-connect-timeout",
        "MQTT_CONN_CONNECT_TIMEOUT",
        "10s",
        "10s",
        "mqtt.connect_timeout",
        s(10),
        s(30),
    ),
    Row(
        ("connection", "disconnectTimeout"), "mqtt-conn-disconnect-timeout", "MQTT_CONN_DISCONNECT_TIMEOUT", "1s", "1s"
    ),
    Row(("connection", "acknowledgeTimeout"), "mqtt-conn-ack-timeout", "MQTT_CONN_ACK_TIMEOUT", "1s", "1s"),
    Row(("connection", "subscribeTimeout"), "mqtt-conn-sub-timeout", "MQTT_CONN_SUB_TIMEOUT", "1s", "1s"),
    Row(("connection", "unsubscribeTimeout"), "mqtt-conn-unsub-timeout", "MQTT_CONN_UNSUB_TIMEOUT", "1s", "1s"),
    Row(("log", "logFile"), "log-file", "LOG_FILE", "/l", "/l"),
    Row(("log", "logLevel"), "log-level", "LOG_LEVEL", "WARN", "WARN", "log.level", "warning", "info"),
    Row(("log", "logFileSize"), "log-file-size", "LOG_FILE_SIZE", 3, "3"),
    Row(("log", "logFileCount"), "log-file-count", "LOG_FILE_COUNT", 6, "6"),
    Row(("log", "logFileMaxAge"), "log-file-max-age", "LOG_FILE_MAX_AGE", 29, "29"),
    Row(
        ("agents", "self-update", "rebootRequired"),
        "self-update-reboot-required",
        "SELF_UPDATE_REBOOT_REQUIRED",
        True,
        "TRUE",
        M + "agents.self-update.reboot_required",
        True,
        False,
    ),
    Row(
        ("agents", "self-update", "readTimeout"),
        "self-update-read-timeout",
        "SELF_UPDATE_READ_TIMEOUT",
        "20s",
        "20s",
        M + "agents.self-update.read_timeout",
        s(20),
        s(60),
    ),
]
BESIDE = {
    "thingsEnabled": False,
    "agents": {"self-update": {}, "containers": {}},
    "connection": {},
    "log": {},
}
"""What has to stand in a file so that a row can be about it."""
APART = {
    ("thingsEnabled",),
    ("connection", "password"),
    ("connection", "caCert"),
    ("connection", "cert"),
    ("connection", "key"),
}
"""Keys that are looked at below."""


def put(value: Any, path: Sequence[str], item: Any) -> Any:
    key, *rest = path
    return {**value, key: put(value.get(key, {}), rest, item) if rest else item}


def got(settings: Settings, place: str) -> Any:
    found: Any = settings
    for part in place.split("."):
        found = found[part] if isinstance(found, Mapping) else getattr(found, part)
    return found


def test_the_table_has_every_key() -> None:
    """CFG-3: every flag exists."""
    of_agent = {("agents", "self-update", *key.path) for key in AGENT_KEYS}
    assert {row.path for row in ROWS} | APART == {key.path for key in KEYS} | of_agent
    by_path = {key.path: key for key in KEYS}
    for row in ROWS:
        if row.path in by_path:
            assert (by_path[row.path].flag, by_path[row.path].variable) == (row.flag, row.variable)


WAYS = ("file", "variable", "flag=", "flag", "--flag")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.flag)
def test_every_key_flag_and_variable_has_its_effect(row: Row, way: str) -> None:
    value, words, environment = BESIDE, list[str](), dict[str, str]()
    is_truth = isinstance(row.value, bool)
    if way == "file":
        value = put(BESIDE, row.path, row.value)
    elif way == "variable":
        environment = {row.variable: row.text}
    else:
        dashes = "--" if way == "--flag" else "-"
        together = way == "flag=" or is_truth
        words = [f"{dashes}{row.flag}={row.text}"] if together else [f"{dashes}{row.flag}", row.text]
    if way == "variable" and not row.variable:
        environment = {"OWNER_CONSENT_COMMANDS": row.text}
        assert got(read(value, words, environment).settings or Settings(), row.place) == row.default
        return
    without, found = read(BESIDE), read(value, words, environment)
    assert without.settings is not None
    assert found.settings is not None, found.flaws
    assert without.warnings == []
    if row.place:
        assert (got(without.settings, row.place), got(found.settings, row.place)) == (row.default, row.means)
        assert found.warnings == []
    else:
        assert found.settings == without.settings
        (warning,) = found.warnings
        assert f"`{row.path[-1]}` does nothing here" in warning


def test_cfg_1_defaults_are_those_of_the_original() -> None:
    found = read({}, ["-things-enabled=false"])
    assert found.warnings == []
    assert found.settings is not None
    assert found.settings.update_manager == UpdateManagerSettings(
        enable=True, domain="device", agents={"containers": UpdateManagerAgent()}
    )
    assert found.settings.mqtt.enabled


def test_certificates_go_with_an_encrypted_address() -> None:
    files = {"caCert": "/ca", "cert": "/c", "key": "/k"}
    found = read({**PLAIN, "connection": {"broker": "tls://b", **files}})
    assert found.settings is not None
    tls = found.settings.mqtt.tls
    assert (tls.root_ca, tls.client_cert, tls.client_key) == ("/ca", "/c", "/k")
    words = ["-mqtt-conn-broker", "mqtts://b", "-mqtt-conn-ca-cert=/ca", "-mqtt-conn-cert=/c"]
    found = read(PLAIN, words, {"MQTT_CONN_KEY": "/k"})
    assert found.settings is not None
    assert found.settings.mqtt.tls == tls
    found = read({**PLAIN, "connection": files})
    assert found.settings is not None
    assert found.settings.mqtt.tls == Settings().mqtt.tls
    assert [text.partition(";")[0] for text in found.warnings] == [
        "connection: certificates do nothing: the address of the broker is one without encryption"
    ]
    assert read({**PLAIN, "connection": {"broker": "ssl://b", "cert": "/c"}}).flaws == [
        "mqtt.tls: `clientCert` and `clientKey` go together; "
    ]


# --- precedence -------------------------------------------------------------------------------------------------------

LADDER = [row for row in ROWS if row.place and row.variable and isinstance(row.value, str)]
TEXTS = {"log.level": ("ERROR", "WARN", "DEBUG"), "mqtt.broker": ("tcp://a", "tcp://b", "tcp://c")}


@settings(max_examples=examples(150), deadline=None)
@given(st.sampled_from(LADDER), st.lists(st.booleans(), min_size=3, max_size=3), st.booleans())
def test_cfg_9_a_flag_wins_over_a_variable_and_that_over_the_file(row: Row, there: list[bool], twice: bool) -> None:
    """A law, for every key: with its three ways in any combination, the first that is there counts alone."""
    texts = TEXTS.get(row.place, ("11s", "12s", "13s"))
    value = put(BESIDE, row.path, texts[0]) if there[0] else BESIDE
    environment = {row.variable: texts[1]} if there[1] else {}
    words = [f"-{row.flag}={texts[0]}"] * twice + [f"-{row.flag}={texts[2]}"] if there[2] else []
    winner = max((index for index in range(3) if there[index]), default=None)
    alone = BESIDE if winner is None else put(BESIDE, row.path, texts[winner])
    assert read(value, words, environment).settings == read(alone).settings
    assert winner is None or read(alone).settings != read(BESIDE).settings


def test_an_empty_variable_wins_over_the_file() -> None:
    value = {"domain": "car", "currentStateDelay": "5s", "phaseTimeout": "5s", "rebootEnabled": False}
    empty = {"DOMAIN": "", "CURRENT_STATE_DELAY": "", "PHASE_TIMEOUT": ""}
    found = managed(value, (), empty)
    assert (found.domain, found.current_state_delay) == ("", timedelta(0))
    assert found.phase_timeout == timedelta(minutes=10)
    assert managed(value, ["-domain="]).domain == ""


def test_a_wrong_variable_does_nothing_and_a_wrong_flag_is_an_error() -> None:
    """update-manager.md §4.3."""
    wrong = {"REBOOT_ENABLED": "no", "LOG_FILE_SIZE": "big", "THINGS_ENABLED": "", "CONTAINERS_REBOOT_REQUIRED": "y"}
    value = {**PLAIN, "rebootEnabled": False}
    found = read(value, (), wrong)
    assert found.settings == read(value).settings
    assert [text.partition(":")[0] for text in found.warnings] == [
        "THINGS_ENABLED", "REBOOT_ENABLED", "LOG_FILE_SIZE", "CONTAINERS_REBOOT_REQUIRED"
    ]  # fmt: skip
    assert all("it does nothing, as with Kanto" in text for text in found.warnings)
    assert read(PLAIN, ["-reboot-enabled=no", "-log-file-count=1.5"]).flaws == [
        "-reboot-enabled: expected true or false; ",
        "-log-file-count: expected a whole number; ",
    ]


# --- agents -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "words", "environment", "domains"),
    [
        ({}, [], {}, ["containers"]),
        ({"agents": None}, [], {}, ["containers"]),
        ({"agents": {}}, [], {}, []),
        ({"agents": {"a": None, "b": {}}}, [], {}, ["a", "b"]),
        ({"agents": {"a": {}}}, ["-domains=b, a ,,"], {}, ["b", "a"]),
        ({"agents": {"a": {}}}, ["--domains=b"], {"DOMAINS": "c"}, ["b"]),
        ({"agents": {"a": {}}}, ["-domains", "b"], {}, ["b"]),
        ({"agents": {"a": {}}}, [], {"DOMAINS": "c,d"}, ["c", "d"]),
        ({"agents": {"a": {}}}, ["-domains="], {}, ["a"]),
        ({"agents": {"a": {}}}, [], {"DOMAINS": " , "}, ["a"]),
        ({}, ["-domains=a"], {}, ["a"]),
        ({"agents": {}}, ["-domains=a"], {}, ["a"]),
    ],
)
def test_cfg_4_6_the_agents(value: Any, words: list[str], environment: dict[str, str], domains: list[str]) -> None:
    assert list(managed(value, words, environment).agents) == domains


def test_cfg_6_a_list_of_domains_keeps_the_settings_of_those_that_stay() -> None:
    value = {"agents": {"a": {"readTimeout": "5s"}, "b": {"readTimeout": "6s"}}}
    found = managed(value, ["-domains=b,c", "-c-read-timeout=7s", "-b-reboot-required"], {"B_READ_TIMEOUT": "8s"})
    assert found.agents == {"b": UpdateManagerAgent(True, s(8)), "c": UpdateManagerAgent(False, s(7))}


def test_a_flag_of_an_agent_that_is_not_there() -> None:
    assert read(PLAIN, ["-ecu-read-timeout=5s"]).flaws == [
        "-ecu-read-timeout: there is no agent `ecu`; write it among the agents, or give -domains"
    ]


def test_the_name_of_an_agent_is_its_key() -> None:
    """Leda's page has `name`; the original ignores it (update-manager.md §9)."""
    agents = {"containers": {"name": "containers"}, "self-update": {"name": "other"}}
    found = read({**PLAIN, "agents": agents})
    assert found.settings is not None
    assert set(found.settings.update_manager.agents) == {"containers", "self-update"}
    (warning,) = found.warnings
    assert warning.startswith("agents.self-update.name: does nothing, as with Kanto")


# --- the command line -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "flags"),
    [
        ([], ()),
        (["-domain", "a"], (("domain", "a"),)),
        (["--domain=a=b"], (("domain", "a=b"),)),
        (["-domain", "-domain"], (("domain", "-domain"),)),
        (["-things-enabled", "-domain", "a"], (("things-enabled", "true"), ("domain", "a"))),
        (["-x-y-reboot-required"], (("x-y-reboot-required", "true"),)),
        (["-x-read-timeout", "1s", "--state", "/s"], (("x-read-timeout", "1s"), ("state", "/s"))),
        (["-domain=a", "-domain=b"], (("domain", "a"), ("domain", "b"))),
    ],
)
def test_flags_are_those_of_go(words: list[str], flags: tuple[tuple[str, str], ...]) -> None:
    assert read_line(words, OWN) == Line(flags)


THINGS = "write `-things-enabled=true` or `-things-enabled=false`"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-things-enabled", "false"], f"expected a flag behind `-things-enabled`, got a word; {THINGS}"),
        (["hunter2"], "expected a flag, got a word"),
        (["-mqtt-conn-password=", "hunter2"], "expected a flag behind `-mqtt-conn-password`, got a word"),
        (["--", "-domain", "a"], "expected a flag, got a word"),
        (["-", "a"], "expected a flag, got a word"),
        (["-domain"], "`-domain` needs a value"),
        (["-config"], "there is no flag `-config`; did you mean `-config-file`?"),
        (["--cfg-file", "/c"], "there is no flag `-cfg-file`; did you mean `-config-file`?"),
        (["-phase-timout=1s"], "there is no flag `-phase-timout`; did you mean `-phase-timeout`?"),
        (["-read-timeout=1s"], "there is no flag `-read-timeout`; did you mean `-phase-timeout`?"),
        (["-hunter 2!"], "there is no flag of this name"),
    ],
)
def test_what_is_no_command_line(words: list[str], expected: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        read_line(words, OWN)


# --- durations --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("15m", "15m"), ("0s", "0s"), ("10ms", "10ms"), ("0", "0s"), ("+5s", "5s"), ("1.5h", "1h30m"), (".5s", "500ms"),
        ("1.s", "1s"), ("5µs", "5us"), ("5000ns", "5us"), ("1h1m1s", "1h1m1s"), ("-5s", None), ("5", None), ("soon", None),
        ("5 s", None), ("1d", None), ("s", None), ("", None), ("9" * 200 + "s", None), ("999999999h", None), ("٣s", None),
    ],
)  # fmt: skip
def test_cfg_7_durations_are_those_of_go(text: str, meant: str | None) -> None:
    assert go_duration(text) == meant


@pytest.mark.parametrize("text", ["soon", "-5s", "1d", "500"])
def test_cfg_7_a_text_that_is_no_duration_is_the_default_and_is_told(text: str) -> None:
    found = read({**PLAIN, "phaseTimeout": text, "agents": {"a": {"readTimeout": text}}})
    assert found.settings is not None
    manager = found.settings.update_manager
    assert (manager.phase_timeout, manager.agents["a"].read_timeout) == (s(600), s(60))
    assert len(found.warnings) == 2
    assert all("is no duration; the default counts, as with Kanto" in told for told in found.warnings)
    assert ('write "500s" or "500ms"' in found.warnings[0]) == (text == "500")


def test_cfg_7_an_empty_text_is_the_default_and_of_two_keys_zero() -> None:
    empty = dict.fromkeys(
        ("rebootAfter", "reportFeedbackInterval", "currentStateDelay", "phaseTimeout", "ownerConsentTimeout"), ""
    )
    found = managed(empty)
    assert (found.report_feedback_interval, found.current_state_delay) == (s(0), s(0))
    assert (found.reboot.after, found.phase_timeout, found.owner_consent.timeout) == (s(30), s(600), s(1800))


@pytest.mark.parametrize(
    ("value", "kind"),
    [(1.5, "the number 1.5"), (True, "true"), ([], "a list"), (-1, "the number -1"), ({}, "a mapping")],
)
def test_what_is_no_duration_at_all(value: Any, kind: str) -> None:
    assert read({**PLAIN, "phaseTimeout": value}).flaws == [
        f'phaseTimeout: expected a duration, got {kind}; for example "10m"'
    ]


@settings(max_examples=examples(200))
@given(
    st.one_of(
        st.text(max_size=30), st.integers(), st.from_regex(r"[-+]?([0-9.]{1,4}(h|m|s|ms|us|ns))+", fullmatch=True)
    )
)
def test_any_duration_is_one_of_evenkeel_the_default_or_a_flaw(value: str | int) -> None:
    flaws: list[Flaw] = []
    found = duration_of(value, ("x",), "1m", "", flaws)
    if found is not None:
        assert settings_from({"updateManager": {"reboot": {"after": found}}}, []) is not None
    assert found is not None or flaws or value == ""
    assert len(flaws) <= 1


LEDA_MINIMAL = """{
"log": {"logFile": "/var/log/update-manager/update-manager.log"},
"domain": "vehicle",
"agents": {
"containers": {"name": "containers", "rebootRequired": false, "readTimeout": "30s"},
"self-update": {"name": "self-update", "rebootRequired": true, "readTimeout": "30s"}
},
"thingsEnabled": false
}"""
LEDA_FULL = """{
"log": {"logFile": "log/update-manager.log", "logLevel": "ERROR", "logFileSize": 3, "logFileCount": 6, "logFileMaxAge": 29},
"connection": {
"broker":"www", "keepAlive": 500, "disconnectTimeout": 500, "username":"username", "password":"pass",
"connectTimeout": 500, "acknowledgeTimeout": 500, "subscribeTimeout": 500, "unsubscribeTimeout": 500
},
"domain": "vehicle", "thingsEnabled": false, "rebootEnabled": true, "rebootAfter": "1m", "reportFeedbackInterval": "2m",
"currentStateDelay": "1m", "phaseTimeout": "2m",
"agents": {
"self-update": {"rebootRequired": false, "readTimeout": "20s"},
"containers": {"rebootRequired": true, "readTimeout": "30s"}
}
}"""


def test_ledas_minimal_configuration() -> None:
    """leda-device-provisioning.txt §3.1."""
    found = read(json.loads(LEDA_MINIMAL))
    assert found.settings is not None
    assert found.settings.update_manager == UpdateManagerSettings(
        enable=True,
        domain="vehicle",
        agents={"containers": UpdateManagerAgent(False, s(30)), "self-update": UpdateManagerAgent(True, s(30))},
    )
    assert [text.partition(":")[0] for text in found.warnings] == ["log"]


def test_ledas_full_configuration_with_its_numbers() -> None:
    """The original refuses it: its durations are numbers, and `www` has no scheme."""
    found = read(json.loads(LEDA_FULL))
    assert found.settings is not None, found.flaws
    manager, mqtt = found.settings.update_manager, found.settings.mqtt
    assert (manager.reboot.after, manager.phase_timeout) == (s(60), s(120))
    assert (mqtt.broker, mqtt.keep_alive, mqtt.connect_timeout, mqtt.username) == ("tcp://www", s(1), s(1), "username")
    unused = "`disconnectTimeout`, `acknowledgeTimeout`, `subscribeTimeout`, `unsubscribeTimeout`"
    files = "`logFile`, `logFileSize`, `logFileCount`, `logFileMaxAge`"
    assert found.warnings == [
        "connection.broker: expected an address with a scheme; it is read as one of TCP; write tcp:// first",
        'connection.keepAlive: expected a duration, got the number 500; it is taken for milliseconds; write "500ms"',
        'connection.keepAlive: 500ms is not possible here; 1s counts; write "1s"',
        'connection.connectTimeout: expected a duration, got the number 500; it is taken for milliseconds; write "500ms"',
        'connection.connectTimeout: 500ms is not possible here; 1s counts; write "1s"',
        f"connection: {unused} do nothing here: evenkeel has no such limits; ",
        f"log: {files} do nothing here: evenkeel logs to standard error; journald keeps and rotates files",
    ]


def test_no_keep_alive_is_the_longest() -> None:
    found = read({**PLAIN, "connection": {"keepAlive": "0"}})
    assert found.settings is not None
    assert found.settings.mqtt.keep_alive == timedelta(seconds=65535)
    assert [text.partition(";")[0] for text in found.warnings] == ["connection.keepAlive: 0s is not possible here"]


# --- Things -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "words", "environment", "backend"),
    [
        ({"thingsEnabled": True}, (), {}, "things"),
        ({"thingsEnabled": False}, (), {}, "topics"),
        ({}, ["-things-enabled"], {}, "things"),
        ({"thingsEnabled": True}, ["-things-enabled=false"], {}, "topics"),
        ({"thingsEnabled": True}, (), {"THINGS_ENABLED": "0"}, "topics"),
        ({"thingsEnabled": False}, (), {"THINGS_ENABLED": "true"}, "things"),
        ({"thingsEnabled": False}, ["-things-enabled"], {"THINGS_ENABLED": "0"}, "things"),
    ],
)
def test_things_enabled_chooses_the_backend(
    value: Any, words: Sequence[str], environment: Mapping[str, str], backend: str
) -> None:
    found = read(value, words, environment)
    assert found.settings is not None
    assert (found.settings.update_manager.backend, found.warnings) == (backend, [])


@pytest.mark.parametrize("value", [{}, {"thingsEnabled": None}, {"domain": "device"}])
def test_without_the_key_things_are_used_as_with_kanto_and_that_is_told(value: Any) -> None:
    found = read(value)
    assert found.settings is not None
    assert found.settings.update_manager.backend == "things"
    (told,) = found.warnings
    assert told == (
        "thingsEnabled: is not given, so that the backend has to use Things, as with Kanto; there are no topics "
        'deviceupdate/… for it; write `"thingsEnabled": true`, or `false` for the topics'
    )


# --- consent ----------------------------------------------------------------------------------------------------------


def test_commands_that_nobody_is_asked_about() -> None:
    found = read({**PLAIN, "ownerConsentCommands": ["CLEANUP", "ACTIVATE", "ROLLBACK"]})
    assert found.settings is not None
    assert found.settings.update_manager.owner_consent.commands == ("ACTIVATE",)
    assert [text.partition(":")[0] for text in found.warnings] == ["ownerConsentCommands[0]", "ownerConsentCommands[2]"]


@pytest.mark.parametrize(
    ("words", "commands"),
    [
        ("DOWNLOAD", ("DOWNLOAD",)),
        ("download,Update,ACTIVATE", ("DOWNLOAD", "UPDATE", "ACTIVATE")),
        (" activate , download", ("DOWNLOAD", "ACTIVATE")),
        (",", ()),
        ("", ()),
    ],
)
def test_cfg_5_commands_for_the_owner_are_a_list_in_any_case(words: str, commands: tuple[str, ...]) -> None:
    """They overrule those of the file."""
    file = {"ownerConsentCommands": ["UPDATE"]}
    assert managed(file, [f"-owner-consent-commands={words}"]).owner_consent.commands == commands


def test_a_consent_that_would_never_be_asked_for_is_an_error() -> None:
    """The original compares with the case, so that `download` would ask nobody (update-manager.md §4.3)."""
    got = "expected one of DOWNLOAD, UPDATE, ACTIVATE; got the text `download`"
    assert read({**PLAIN, "ownerConsentCommands": ["download"]}).flaws == [
        f"ownerConsentCommands[0]: {got}; did you mean `DOWNLOAD`?"
    ]


# --- what is wrong, or does nothing -----------------------------------------------------------------------------------


NOTHING = ", which does nothing, as with Kanto"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"domian": "x"}, f"domian: unknown key `domian`{NOTHING}; did you mean `domain`?"),
        ({"agents": {"a": {"reboot": True}}}, f"agents.a.reboot: unknown key `reboot`{NOTHING}; "),
        (
            {"connection": {"broker_url": "tcp://b"}},
            f"connection.broker_url: unknown key `broker_url`{NOTHING}; did you mean `broker`?",
        ),
        ({"log": {"level": "INFO"}}, f"log.level: unknown key `level`{NOTHING}; did you mean `logLevel`?"),
        (
            {"log": {"logLevel": "LOUD"}},
            "log.logLevel: expected one of ERROR, WARN, INFO, DEBUG, TRACE, got the text `LOUD`; ERROR counts",
        ),
        ({"connection": {"password": "hunter2"}}, "connection.password: does nothing: there is no `username`; "),
    ],
)
def test_what_does_nothing_is_told(value: Any, told: str) -> None:
    found = read({**PLAIN, **value})
    assert found.settings is not None, found.flaws
    (warning,) = found.warnings
    assert warning.startswith(told)
    assert "hunter2" not in warning


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"Domain": "x"}, "Domain: Kanto takes this for `domain`; write `domain`"),
        (
            {"connection": {"Password": "hunter2"}},
            "connection.Password: Kanto takes this for `password`; write `password`",
        ),
        (
            {"agents": {"a": {"REBOOTREQUIRED": True}}},
            "agents.a.REBOOTREQUIRED: Kanto takes this for `rebootRequired`; ",
        ),
        ({"domain": 7}, "domain: expected a text, got a number; put it into quotes"),
        ({"domain": "a/b"}, "updateManager.domain: expected the name of a domain; letters, digits"),
        ({"rebootEnabled": "yes"}, "rebootEnabled: expected true or false, got the text `yes`; "),
        ({"agents": ["a"]}, "agents: expected a mapping, got a list; "),
        ({"agents": {"a": 1}}, "agents.a: expected a mapping with "),
        ({"agents": {"a": {}, "a-": {}}}, "updateManager.agents.a-: the agent `a` has the topics `aupdate/…`, too"),
        ({"connection": []}, "connection: expected a mapping with "),
        ({"connection": {"username": "u", "password": 31337}}, "connection.password: expected a text; "),
        (
            {"connection": {"broker": "tcp://me:hunter2@b"}},
            "connection.broker: an address holds neither user nor password; ",
        ),
        ({"connection": {"broker": "http://b"}}, "mqtt.broker: expected an address such as "),
        ({"log": {"logFileSize": "big"}}, "log.logFileSize: expected a whole number, got the text `big`; "),
        ({"phaseTimeout": "0"}, "updateManager.phaseTimeout: expected a duration of at least 1ms, got 0s; "),
        ({"ownerConsentCommands": "DOWNLOAD"}, "ownerConsentCommands: expected a list, got a text; "),
    ],
)
def test_what_is_wrong_is_told_with_its_place(value: Any, told: str) -> None:
    found = read({**PLAIN, **value})
    assert found.settings is None
    assert found.flaws[0].startswith(told)
    assert not {"hunter2", "31337"} & {*"".join(found.flaws).split()}
    assert "hunter2" not in "".join(found.flaws)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"activityId": "a", "payload": {"domains": []}}, "this is what to run, and no configuration"),
        (
            {"connection": {"broker_url": "tcp://b"}, "update_agent": {}},
            "this is a configuration of Kanto's container-management",
        ),
        ({"updateManager": {"enable": True}}, "these are settings of evenkeel already"),
        ({"specs": ["/s"], "log": {"level": "debug"}}, "these are settings of evenkeel already"),
        ({"name": "other"}, "this is no configuration of Kanto's update manager"),
        ([], "expected a mapping with `domain`, `agents` and `connection`"),
    ],
)
def test_another_file_is_told_from_it(value: Any, told: str) -> None:
    flaws: list[Flaw] = []
    assert update_manager_settings(value, flaws) == {}
    assert [flaw.message for flaw in flaws] == [told]


def test_it_is_told_from_the_other_configuration_of_kanto() -> None:
    for text in (LEDA_MINIMAL, LEDA_FULL):
        value = json.loads(text)
        assert is_of_update_manager(value)
        flaws: list[Flaw] = []
        assert kanto_settings(value, flaws) == {}
        assert [flaw.message for flaw in flaws] == ["this is a configuration of Kanto's update manager"]
    others: list[Any] = [
        {},
        {"connection": {"broker_url": "tcp://b"}},
        {"update_agent": {"domain": "x"}},
        {"log": {}},
        [],
    ]
    for other in others:
        assert not is_of_update_manager(other)


def test_the_files_of_the_reboot_are_not_used() -> None:
    found = read(PLAIN, (), {"FILE_SYS_RQ": "", "FILE_SYS_RQ_TRIGGER": "/x"})
    assert [text.partition(";")[0] for text in found.warnings] == [
        "FILE_SYS_RQ: does nothing here: the device is rebooted by logind",
        "FILE_SYS_RQ_TRIGGER: does nothing here: the device is rebooted by logind",
    ]


def test_a_place_in_our_settings_leads_to_one_in_the_file() -> None:
    assert update_manager_path(("updateManager", "agents", "a", "readTimeout")) == ("agents", "a", "readTimeout")
    assert update_manager_path(("updateManager", "ownerConsent", "commands", 1)) == ("ownerConsentCommands", 1)
    assert update_manager_path(("mqtt", "tls")) == ("connection", "tls")
    assert update_manager_path(("specs",)) == ()


# --- secrecy ----------------------------------------------------------------------------------------------------------

SECRET = st.text("abcXYZ0189-_:/@", min_size=6, max_size=20).map(lambda text: f"zq{text}")


@settings(max_examples=examples(150), deadline=None)
@given(SECRET, st.sampled_from(["file", "flag", "variable", "key", "address", "word"]))
def test_no_text_has_the_password(secret: str, where: str) -> None:
    """A law: it is in no flaw, no written settings, and no tree, wherever it was given, well or not."""
    value: Any = {**PLAIN, "connection": {"username": "u"}, "nonsense": 1}
    words, environment = list[str](), dict[str, str]()
    match where:
        case "file":
            value["connection"]["password"] = [secret]
        case "key":
            value["connection"][f"password {secret}"] = 1
        case "address":
            value["connection"]["broker"] = f"tcp://u:{secret}@b"
        case "flag":
            words = ["-mqtt-conn-password", secret, "-reboot-enabled=no"]
        case "variable":
            environment = {"MQTT_CONN_PASSWORD": secret, "REBOOT_ENABLED": "no"}
        case _:
            words = ["-mqtt-conn-password=", secret]
    flaws: list[Flaw] = []
    if where == "word":
        with pytest.raises(ValueError, match="expected a flag") as raised:
            read_line(words, OWN)
        assert secret not in str(raised.value)
        return
    over = laid_over(value, read_line(words, OWN), environment, flaws)
    written = update_manager_settings(over.value, flaws)
    found = settings_from(written, flaws)
    told = [f"{flaw.message} {flaw.hint}" for flaw in flaws]
    assert told
    assert secret not in "".join(told)
    assert secret not in repr(found)
    if where in ("flag", "variable"):
        assert secret not in json.dumps([over.value, over.password])
        assert over.password in ("-mqtt-conn-password", "MQTT_CONN_PASSWORD")
