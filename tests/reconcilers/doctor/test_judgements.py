"""The judgements of the doctor: values, and the state that they mean."""

from __future__ import annotations

from typing import Any

import pytest

from evenkeel.reconcilers.doctor.can import Interface, of_interface
from evenkeel.reconcilers.doctor.certificates import SOON_S, Period, of_certificates
from evenkeel.reconcilers.doctor.clock import of_clock, of_synchronisation
from evenkeel.reconcilers.doctor.disk import LEAST_BYTES, Room, of_room
from evenkeel.reconcilers.doctor.engine import EngineFacts, of_engine
from evenkeel.reconcilers.doctor.permissions import Access, Purpose, of_access
from evenkeel.reconcilers.doctor.ports import Published, of_port
from evenkeel.reconcilers.doctor.settings import without_effect
from evenkeel.reconcilers.doctor.subjects import of_subject
from evenkeel.reconcilers.doctor.units import UnitState, of_unit, wanted_units
from evenkeel.reconcilers.ports import Ailment
from evenkeel.specs.doctor.finding import Detail, Finding, Report, Result, State, finding_of
from evenkeel.specs.settings.settings import Settings, settings_from

NOW = 1_800_000_000.0
DAY_S = 86400.0
GIB = 1024**3


def settings(**given: Any) -> Settings:
    flaws: list[Any] = []
    found = settings_from(given, flaws)
    assert found is not None, flaws
    return found


@pytest.mark.parametrize(
    ("now", "newest", "state"),
    [
        (0.0, 0.0, "failed"),
        (-5 * DAY_S, 0.0, "failed"),
        (NOW, 0.0, "ok"),
        (NOW, NOW + 30, "ok"),
        (NOW, NOW + 3600, "warning"),
        (NOW, NOW - 9, "ok"),
        (100_000_000_000.0, 0.0, "failed"),  # the year 5138
    ],
)
def test_clocks(now: float, newest: float, state: State) -> None:
    (found,) = of_clock(now, newest)
    assert found.state == state
    assert bool(found.remedy) == (state != "ok")


@pytest.mark.parametrize(
    ("is_kept", "has_ntp", "state"),
    [(True, False, "ok"), (False, True, "warning"), (False, False, "warning"), (None, None, "skipped")],
)
def test_synchronisation(is_kept: bool | None, has_ntp: bool | None, state: State) -> None:
    assert of_synchronisation(is_kept, has_ntp).state == state


@pytest.mark.parametrize(
    ("room", "state"),
    [
        (Room("/", 100 * GIB, 1000 * GIB, 1, 0), "ok"),  # no fixed number of inodes
        (Room("/", 2 * GIB, 1000 * GIB, 900, 1000), "ok"),  # a small part of a large disk
        (Room("/", GIB // 2, 4 * GIB, 900, 1000), "ok"),  # much of a small one
        (Room("/", GIB // 2, 8 * GIB, 900, 1000), "warning"),
        (Room("/", LEAST_BYTES - 1, GIB // 4, 900, 1000), "failed"),
        (Room("/", 100 * GIB, 1000 * GIB, 40, 1000), "warning"),
        (Room("/", 100 * GIB, 1000 * GIB, 4, 1000), "failed"),
        (Room("/", 100 * GIB, 1000 * GIB, 900, 1000, True), "failed"),
    ],
)
def test_room(room: Room, state: State) -> None:
    assert of_room("state", room).state == state


@pytest.mark.parametrize(
    ("unit", "must", "state"),
    [
        (UnitState("loaded", "active", "running"), True, "ok"),
        (UnitState("loaded", "active", "listening"), True, "ok"),
        (UnitState("loaded", "inactive", "dead", is_called=True), True, "ok"),  # RAUC that idles
        (UnitState("loaded", "inactive", "dead"), True, "failed"),
        (UnitState("loaded", "failed", "failed", is_called=True), False, "failed"),
        (UnitState("loaded", "activating", "auto-restart"), True, "warning"),
        (UnitState("not-found", "inactive", "dead"), True, "failed"),
        (UnitState("not-found", "inactive", "dead"), False, "skipped"),
        (UnitState("masked", "inactive", "dead"), False, "skipped"),
        (UnitState("bad-setting", "inactive", "dead"), False, "failed"),
    ],
)
def test_units(unit: UnitState, must: bool, state: State) -> None:
    assert of_unit("x.service", unit, must=must).state == state


def test_the_units_that_settings_lead_to() -> None:
    def names(has_slots: bool = False, **given: Any) -> list[str]:
        return [each.name for each in wanted_units(settings(**given), has_slots=has_slots)]

    docker = {"kind": "docker", "address": "unix:///var/run/docker.sock"}
    local, remote = ({"enabled": True, "broker": f"tcp://{host}:1883"} for host in ("localhost", "broker.example"))
    assert names() == ["evenkeel.service"]
    assert names(engine=docker) == ["evenkeel.service", "docker.service", "containerd.service"]
    assert names(engine={**docker, "address": "unix:///run/user/1000/docker.sock"}) == ["evenkeel.service"]
    assert names(mqtt=local, updateAgent={"enable": True})[1:] == ["mosquitto.service"]
    assert names(mqtt=remote, updateAgent={"enable": True})[1:] == []
    assert names(True, doctor={"units": ["gpsd.socket"]})[1:] == ["rauc.service", "gpsd.socket"]


@pytest.mark.parametrize(
    ("version", "other", "state"),
    [
        ("docker 20.10.24", "", "ok"),
        ("docker 19.03.1", "", "warning"),
        ("podman 4.3.1", "", "ok"),
        ("podman 3.4", "", "warning"),
        ("docker 20.10.24", "it is to be podman", "warning"),
        ("docker dev", "", "ok"),
    ],
)
def test_engines(version: str, other: str, state: State) -> None:
    assert of_engine(EngineFacts(version, "1.41"), "unix:///s", other).state == state


@pytest.mark.parametrize(
    ("periods", "is_bundle", "state"),
    [
        ([(-DAY_S, 365 * DAY_S)], False, "ok"),
        ([(-DAY_S, SOON_S - 1)], False, "warning"),
        ([(-DAY_S, -1.0)], False, "failed"),
        ([(DAY_S, 365 * DAY_S)], False, "failed"),  # not yet: is the clock wrong?
        ([(-DAY_S, 365 * DAY_S), (-DAY_S, 3 * DAY_S)], False, "warning"),  # a chain is as short as its shortest
        ([(-DAY_S, 365 * DAY_S), (-DAY_S, -1.0)], True, "ok"),  # an authority that has ended, beside one that counts
        ([(-DAY_S, -1.0)], True, "failed"),
    ],
)
def test_certificates(periods: list[tuple[float, float]], is_bundle: bool, state: State) -> None:
    found = [Period(NOW + begin, NOW + end) for begin, end in periods]
    assert of_certificates("broker", "/c.pem", found, NOW, is_bundle=is_bundle).state == state


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (None, "failed"),
        (Interface(0x1, 280), "ok"),
        (Interface(0x0, 280), "failed"),
        (Interface(0x1003, 1), "warning"),
    ],
)
def test_interfaces(found: Interface | None, state: State) -> None:
    assert of_interface("can0", found).state == state


@pytest.mark.parametrize(
    ("runs", "holders", "state"),
    [
        (True, ["docker-proxy"], "ok"),
        (True, [""], "ok"),  # its name cannot be seen
        (True, [], "failed"),
        (True, ["nginx"], "failed"),
        (False, ["nginx"], "failed"),
        (False, [""], "warning"),
        (False, [], "skipped"),
    ],
)
def test_ports(runs: bool, holders: list[str], state: State) -> None:
    assert of_port(Published("web", runs, "80/tcp", holders)).state == state


@pytest.mark.parametrize(
    ("purpose", "mode", "may_replace", "state"),
    [
        ("secret", 0o100600, False, "ok"),
        ("secret", 0o100640, False, "ok"),
        ("secret", 0o100644, False, "failed"),
        ("spec", 0o100644, False, "ok"),
        ("spec", 0o100666, False, "failed"),
        ("spec", 0o100644, True, "failed"),
        ("state", 0o040755, False, "warning"),
        ("state", 0o040777, False, "failed"),
        ("state", 0o040750, False, "ok"),
    ],
)
def test_permissions(purpose: Purpose, mode: int, may_replace: bool, state: State) -> None:
    assert of_access(purpose, Access("/x", mode, mode & 0o007, may_replace)).state == state


@pytest.mark.parametrize(
    ("purpose", "mode", "may_replace", "words", "remedy"),
    [
        ("secret", 0o666, False, "read and write it (mode 0666)", "`chmod o-rw '/a b'`"),
        ("secret", 0o622, False, "write it (mode 0622)", "`chmod o-w '/a b'`"),
        ("spec", 0o666, False, "write it (mode 0666)", "`chmod o-w '/a b'`"),
        ("state", 0o755, False, "look into it (mode 0755)", "`chmod o-rx '/a b'`"),
        ("state", 0o777, False, "look into and write it (mode 0777)", "`chmod o-rwx '/a b'`"),
        ("spec", 0o644, True, "replace it, because of the folder", "`chmod o-w /`"),
    ],
)
def test_after_the_remedy_permissions_are_well(
    purpose: Purpose, mode: int, may_replace: bool, words: str, remedy: str
) -> None:
    found = of_access(purpose, Access("/a b", mode, mode & 0o007, may_replace))
    assert (found.evidence, found.remedy) == (f"everybody may {words}", remedy)


def test_a_remedy_fits_what_is_there() -> None:
    low = Room("/", 1, 10**12, 1, 0)
    assert "docker" not in of_room("engine", low, engine="podman").remedy
    assert "`podman image prune`" in of_room("engine", low, engine="podman").remedy
    assert "prune" not in of_room("state directory", low).remedy
    down = of_interface("can0", Interface(0, 280)).remedy
    assert down.index("type can bitrate") < down.index("can0 up"), "an interface that is up takes no bit rate"
    ends = [Period(0, NOW + 20 * 86400)]
    assert of_certificates("az", "/c", ends, NOW, is_bundle=False, soon_s=10 * 86400).state == "ok"
    found = of_certificates("az", "/c", ends, NOW, is_bundle=False, soon_s=21 * 86400, renew="wait")
    assert (found.state, found.remedy) == ("warning", "wait")


def test_settings_without_effect() -> None:
    def idle(**given: Any) -> set[str]:
        return {each.name for each in without_effect(settings(**given))}

    assert idle() == set()
    assert idle(engine={"network": "mine"}) == {"engine.network"}
    assert idle(engine={"kind": "docker", "network": "mine"}) == set()
    files = {"daemonFile": "/d", "authFile": "/a", "certificates": "/c"}
    assert idle(engine={"kind": "docker"}, registries=files) == {"registries.authFile"}
    assert idle(engine={"kind": "podman"}, registries=files) == {"registries.daemonFile"}
    assert idle(slots={"engine": "none", "store": "/s", "bus": "unix:path=/b"}) == {"slots.store"}
    assert idle(mqtt={"keepAlive": "5s"}, updateAgent={"domain": "x"}) == {"mqtt.keepAlive", "updateAgent.domain"}
    at_work = {"enabled": True, "keepAlive": "5s"}
    assert idle(mqtt=at_work, updateAgent={"enable": True, "domain": "x"}) == set()
    never = {"enable": True, "reboot": {"enable": False, "window": "02:00-04:00"}}
    assert idle(mqtt=at_work, updateManager=never) == {"updateManager.reboot.window"}
    values = {"values": {"speed": {"topic": "t"}}}
    assert idle(mqtt={"enabled": True}, updateManager=values) == set()


def test_subjects() -> None:
    def state(ailment: Ailment | None = None, undecided: str = "") -> State:
        return of_subject("web", "describe", None, ailment, undecided, ended=False).state

    assert [state(), state(undecided="no check yet")] == ["ok", "warning"]
    assert [state(Ailment("keeps ending")), state(Ailment("was started again", is_passing=True))] == [
        "failed",
        "warning",
    ]


def test_a_finding_is_as_bad_as_its_worst_detail() -> None:
    def state(*states: State) -> State:
        return finding_of([Detail(each, each, "") for each in states], "nothing").state

    assert state() == "skipped"
    assert state("ok", "skipped") == "ok"
    assert state("ok", "warning", "skipped") == "warning"
    assert state("warning", "unknown", "ok") == "unknown"
    assert state("unknown", "failed") == "failed"


@pytest.mark.parametrize(
    ("states", "is_well"),
    [(["ok", "warning", "skipped"], True), (["ok", "unknown"], False), (["failed"], False), ([], True)],
)
def test_a_device_is_well_when_nothing_has_failed_and_all_is_known(states: list[State], is_well: bool) -> None:
    assert Report(tuple(Result("s", "n", Finding(each, "")) for each in states), NOW, "1").is_well == is_well
