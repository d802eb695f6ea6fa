"""The section `updateManager` of the settings: what may stand there, what contradicts itself, and which agents there are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from evenkeel.specs.codec import decode, encode
from evenkeel.specs.kanto.topics import topic_prefix
from evenkeel.specs.operations.conduct import Conduct
from evenkeel.specs.preconditions.source import FileSource, TopicSource, WindowSource
from evenkeel.specs.problem import Flaw, path_text
from evenkeel.specs.settings.settings import Settings, settings_from
from evenkeel.specs.settings.update_manager import (
    ManagedRebootSettings,
    OwnerConsentSettings,
    UpdateManagerAgent,
    UpdateManagerSettings,
)
from evenkeel.specs.settings.written import written
from evenkeel.specs.window import Window

BROKER: dict[str, Any] = {"mqtt": {"enabled": True}}
LOCAL: dict[str, Any] = {"updateAgent": {"enable": True}, "selfUpdateAgent": {"enable": True}}


def read(section: dict[str, Any], **others: Any) -> UpdateManagerSettings:
    flaws: list[Flaw] = []
    settings = settings_from({**BROKER, **others, "updateManager": section}, flaws)
    assert settings is not None, flaws
    return settings.update_manager


def faults(section: dict[str, Any], **others: Any) -> list[str]:
    flaws: list[Flaw] = []
    settings = settings_from({**BROKER, **others, "updateManager": section}, flaws)
    flaws = [flaw for flaw in flaws if not flaw.warning]
    assert (settings is None) == bool(flaws)
    return [f"{path_text(flaw.path)}: {flaw.message}; {flaw.hint}" for flaw in flaws]


def test_defaults_are_those_of_the_original_but_for_the_domain_and_failures() -> None:
    """update-manager.md §4.2."""
    usual = Settings().update_manager
    assert not usual.enable
    assert (usual.domain, usual.agents) == ("vehicle", {})
    assert (usual.phase_timeout, usual.current_state_delay) == (timedelta(minutes=10), timedelta(seconds=30))
    assert usual.report_feedback_interval == timedelta(minutes=1)
    assert usual.owner_consent == OwnerConsentSettings((), timedelta(minutes=30))
    assert usual.reboot == ManagedRebootSettings(enable=True, after=timedelta(seconds=30))
    assert (usual.failures, usual.unknown_domains, usual.new_desired_state) == ("together", "skip", "queue")
    assert UpdateManagerAgent() == UpdateManagerAgent(False, timedelta(minutes=1), None)


def test_defaults_are_those_of_the_decisions() -> None:
    usual, decisions = Settings().update_manager, Conduct()
    assert usual.phase_timeout.total_seconds() == decisions.phase_timeout_s
    assert usual.owner_consent.timeout.total_seconds() == decisions.consent_timeout_s
    assert usual.failures == decisions.failures
    assert usual.owner_consent.commands == decisions.consent


EVERYTHING: dict[str, Any] = {
    "enable": True,
    "domain": "fleet",
    "backend": "things",
    "agents": {
        "safety-ecu": {"rebootRequired": True, "readTimeout": "500ms", "rank": 2},
        "radio": {},
    },
    "phaseTimeout": "2m",
    "reportFeedbackInterval": "0s",
    "currentStateDelay": "0s",
    "ownerConsent": {"commands": ["ACTIVATE", "DOWNLOAD", "ACTIVATE"], "timeout": "5m"},
    "reboot": {"enable": False, "after": "0s", "window": "02:00-04:30"},
    "failures": "independent",
    "unknownDomains": "fail",
    "newDesiredState": "supersede",
    "values": {
        "vehicle.parked": {"topic": "vehicle/state", "path": "$.parked[0]", "maxAge": "10s"},
        "mode": {"file": "/run/mode"},
        "night": {"window": "22:00-05:00"},
    },
}
MEANT = UpdateManagerSettings(
    enable=True,
    domain="fleet",
    backend="things",
    agents={
        "safety-ecu": UpdateManagerAgent(True, timedelta(milliseconds=500), 2),
        "radio": UpdateManagerAgent(),
    },
    phase_timeout=timedelta(minutes=2),
    report_feedback_interval=timedelta(0),
    current_state_delay=timedelta(0),
    owner_consent=OwnerConsentSettings(("DOWNLOAD", "ACTIVATE"), timedelta(minutes=5)),
    reboot=ManagedRebootSettings(enable=False, after=timedelta(0), window=Window(120, 270)),
    failures="independent",
    unknown_domains="fail",
    new_desired_state="supersede",
    values={
        "vehicle.parked": TopicSource("vehicle/state", ("parked", 0), timedelta(seconds=10)),
        "mode": FileSource("/run/mode"),
        "night": WindowSource(Window(22 * 60, 5 * 60)),
    },
)


def test_everything_can_be_set() -> None:
    assert read(EVERYTHING) == MEANT
    usual = UpdateManagerSettings()
    assert not {name for name in MEANT.__struct_fields__ if getattr(MEANT, name) == getattr(usual, name)}


def test_what_is_written_is_read_again() -> None:
    assert read(written(MEANT)) == MEANT
    assert read(written(MEANT, UpdateManagerSettings())) == MEANT
    assert written(MEANT)["agents"]["radio"] == {"rebootRequired": False, "readTimeout": "1m"}


def test_settings_with_agents_go_to_another_process() -> None:
    settings = settings_from({**BROKER, **LOCAL, "updateManager": EVERYTHING}, [])
    assert settings is not None
    assert decode(encode(settings), Settings) == settings


# --- agents of this device --------------------------------------------------------------------------------------------


def test_agents_of_this_device_belong_to_it_by_themselves() -> None:
    ecu = UpdateManagerAgent(rank=1)
    assert read({"enable": True, "agents": {"ecu": {"rank": 1}}}, **LOCAL).agents == {
        "ecu": ecu,
        "containers": UpdateManagerAgent(),
        "self-update": UpdateManagerAgent(reboot_required=True),
    }
    cars = {"updateAgent": {"enable": True, "domain": "cars"}, "selfUpdateAgent": {"enable": False}}
    assert set(read({"enable": True}, **cars).agents) == {"cars"}
    assert read({"enable": False}, **LOCAL).agents == {}


def test_an_entry_of_an_agent_of_this_device_counts() -> None:
    found = read(
        {"enable": True, "agents": {"self-update": {"rank": 1}, "containers": {"rebootRequired": True}}}, **LOCAL
    )
    assert found.agents == {
        "self-update": UpdateManagerAgent(reboot_required=True, rank=1),
        "containers": UpdateManagerAgent(reboot_required=True),
    }
    given = {"enable": True, "agents": {"self-update": {"rebootRequired": False}}}
    found = read(given, **LOCAL)
    assert not found.agents["self-update"].reboot_required
    assert read(written(found), **LOCAL) == found
    assert not read(given).agents["self-update"].reboot_required
    assert not read({"enable": True, "agents": {"self-update": {}}}).agents["self-update"].reboot_required


# --- what is wrong ----------------------------------------------------------------------------------------------------


ONE_OF = "expected one of ACTIVATE, DOWNLOAD, UPDATE; got the text"
NO_NAME = "expected the name of a domain; letters, digits and _ . -, beginning with a letter, a digit or _; up to 200"


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"ownerConsent": {"commands": ["CLEANUP"]}}, f"ownerConsent.commands[0]: {ONE_OF} `CLEANUP`; "),
        (
            {"ownerConsent": {"commands": ["UPDATE", "download"]}},
            f"ownerConsent.commands[1]: {ONE_OF} `download`; did you mean `DOWNLOAD`?",
        ),
        ({"ownerConsent": {"timeout": "0s"}}, "ownerConsent.timeout: expected a duration of at least 1ms, got 0s; "),
        (
            {"reboot": {"window": "2-4"}},
            "reboot.window: expected two times of the day; write it as `02:00-04:30`",
        ),
        ({"phaseTimeout": "0s"}, "phaseTimeout: expected a duration of at least 1ms, got 0s; "),
        ({"phaseTimeout": 600}, "phaseTimeout: expected a duration, got the number 600; write `600s`"),
        (
            {"agents": {"a": {"readTimeout": "0s"}}},
            "agents.a.readTimeout: expected a duration of at least 1ms, got 0s; ",
        ),
        ({"agents": {"a": {"rank": 1000}}}, "agents.a.rank: expected a number from 0 to 999, got 1000; "),
        (
            {"agents": {"a": {"rebootRequired": "no"}}},
            "agents.a.rebootRequired: expected true or false, got the text `no`; ",
        ),
        ({"agents": ["a"]}, "agents: expected a mapping, got a list; "),
        ({"agents": {"a b": {}}}, f"agents.a b: {NO_NAME}"),
        ({"domain": "a/b"}, f"domain: {NO_NAME}"),
        ({"domain": "+"}, f"domain: {NO_NAME}"),
        ({"domain": "x" * 201}, f"domain: {NO_NAME}"),
        ({"failures": "seperate"}, "failures: expected one of independent, together; got the text `seperate`; "),
        (
            {"newDesiredState": "supercede"},
            "newDesiredState: expected one of queue, supersede; got the text `supercede`; did you mean `supersede`?",
        ),
        ({"phaseTimout": "1m"}, "phaseTimout: unknown key `phaseTimout`; did you mean `phaseTimeout`?"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(section: dict[str, Any], expected: str) -> None:
    assert faults(section) == [f"updateManager.{expected}"]


def test_the_domain_may_be_empty_as_with_the_original() -> None:
    """update-manager.md §6.1, TOP-5."""
    assert topic_prefix(read({"enable": True, "domain": ""}).domain) == "update"


def test_it_needs_a_broker() -> None:
    assert faults({"enable": True}, mqtt={}) == [
        "updateManager.enable: the update manager needs a broker; write `mqtt: {enabled: true}`"
    ]
    flaws: list[Flaw] = []
    settings_from({**BROKER, "updateManager": {"enable": True}}, flaws)
    assert flaws == []
    settings_from(BROKER, flaws)
    assert [flaw.message for flaw in flaws] == [
        "nothing connects to the broker without an update agent or an update manager"
    ]


# --- topics -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "prefix"),
    [
        ("vehicle", "vehicleupdate"),
        ("device", "deviceupdate"),
        ("self-update", "selfupdate"),
        ("safety-ecu", "safetyecuupdate"),
        ("test", "testupdate"),
        ("testupdate", "testupdate"),
        ("test-withdash", "testwithdashupdate"),
        ("test-withdash-update", "testwithdashupdate"),
        ("", "update"),
        ("A_b.c", "A_b.cupdate"),
    ],
)
def test_top_1_to_5_the_prefix_of_a_domain(domain: str, prefix: str) -> None:
    """update-manager.md §1.1, §6.1."""
    assert topic_prefix(domain) == prefix


OTHER = "topics are made of domains; "


def agents(*domains: str) -> dict[str, Any]:
    return {"enable": True, "agents": {domain: {} for domain in domains}}


def test_two_domains_with_the_same_topics() -> None:
    """The original does not see it (update-manager.md §1.1)."""
    other = "the agent `radio` has the topics `radioupdate/…`, too"
    assert faults(agents("radio", "ra-dio")) == [f"updateManager.agents.ra-dio: {other}; {OTHER}leave one of them"]
    other = "the update manager itself has the topics `ecuupdate/…`"
    assert faults({"domain": "ecu", **agents("e-cu-update")}) == [
        f"updateManager.agents.e-cu-update: {other}; {OTHER}write another one here, or as `domain`"
    ]


def test_topics_of_agents_of_this_device() -> None:
    other = "the agent `self-update` has the topics `selfupdate/…`, too"
    assert faults(agents("selfupdate"), **LOCAL) == [f"updateManager.agents.selfupdate: {other}; write `self-update`"]
    other = "the agent `containers` of this device has the topics `containersupdate/…`, too"
    assert faults({"enable": True, "domain": "containers"}, **LOCAL) == [
        f"updateManager.domain: {other}; {OTHER}write another one"
    ]
    assert faults(agents("selfupdate")) == []
    assert faults({"domain": "containers"}, **LOCAL) == []


def test_two_agents_of_this_device_with_the_same_topics_are_told_once() -> None:
    local = {"updateAgent": {"enable": True, "domain": "selfupdate"}, "selfUpdateAgent": {"enable": True}}
    other = "`updateAgent` with the domain `selfupdate` has the topics `selfupdate/…`, too"
    for section in ({"enable": True}, {}):
        assert faults(section, **local) == [
            f"selfUpdateAgent.domain: {other}; topics are made of it; write another one"
        ]


def test_an_agent_that_reboots_by_itself_does_not_go_with_an_update_manager() -> None:
    flaws: list[Flaw] = []
    asked: Any = {
        "mqtt": {"enabled": True},
        "selfUpdateAgent": {"enable": True, "reboot": "self"},
        "updateManager": {"enable": True},
    }
    assert settings_from(asked, flaws) is None
    assert [(path_text(flaw.path), flaw.message) for flaw in flaws] == [
        ("selfUpdateAgent.reboot", "the update manager of this device reboots it")
    ]
