"""What a plan would fail at is said beside it."""

from __future__ import annotations

from evenkeel.reconcilers.containers import Containers
from evenkeel.reconcilers.containers.foresight import Host, foreseen, paths_of, starting
from evenkeel.specs.container import Container, Device, Mount, Port, Protocol, Resources
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.normalise import normal
from evenkeel.specs.observed import ContainerSeen, ContainersSeen
from evenkeel.specs.plan import History, Plan

GPS = normal(
    Container(
        "gps",
        "gps:1",
        mounts=(Mount("/data", "/var/data"),),
        devices=(Device("/dev/gps", "/dev/ttyUSB0"),),
        ports=(Port(8080, 80), Port(9000, 90, host_port_end=9001, protocol="udp")),
        resources=Resources(memory=4 * 1024**2),
    )
)
IMAGES = {GPS.image: "sha256:1"}


def planned(seen: ContainersSeen, history: History = History()) -> Plan:  # noqa: B008 - a value
    domain = Containers()
    want = domain.select(desired_state([Document("Container", "gps", GPS)]))
    return domain.plan(domain.diff(want, seen, history), seen, history)


def test_every_cause_outside_is_said_once() -> None:
    seen = ContainersSeen("test", images=IMAGES)
    plan = planned(seen)
    assert paths_of(starting(plan)) == ("/var/data", "/dev/ttyUSB0")
    ports: dict[tuple[Protocol, int], str] = {("tcp", 8080): "squatter", ("udp", 9000): "", ("udp", 9001): ""}
    assert foreseen(plan, seen, Host(("/var/data", "/dev/ttyUSB0"), ports, 6 * 1024**2)) == (
        "gps cannot be created now: its mount source /var/data is not there",
        "gps cannot be started now: its device /dev/ttyUSB0 is not there",
        "gps cannot be started now: port 8080/tcp of the host is taken, by squatter",
        "gps cannot be started now: port 9000/udp of the host is taken",
        "gps cannot be created: a memory limit of 4M is below the engine's least, 6M",
    )


def test_what_is_there_and_free_is_not_mentioned() -> None:
    seen = ContainersSeen("test", images=IMAGES)
    assert foreseen(planned(seen), seen, Host((), {("udp", 9000): "", ("tcp", 80): ""})) == ()


def test_a_container_that_is_not_started_is_not_looked_at() -> None:
    there = ContainerSeen("1", "gps", "gps", "sha256:1", "running", GPS)
    seen = ContainersSeen("test", containers=(there,), images=IMAGES)
    plan = planned(seen, History(proven={"1": ""}))
    assert foreseen(plan, seen, Host(("/var/data",), {("tcp", 8080): ""}, 6 * 1024**2)) == ()


def test_a_port_of_its_own_predecessor_is_not_taken() -> None:
    old = ContainerSeen("1", "gps", "gps", "sha256:0", "running", normal(Container("gps", "gps:0", ports=GPS.ports)))
    seen = ContainersSeen("test", containers=(old,), images=IMAGES)
    assert foreseen(planned(seen), seen, Host((), {("tcp", 8080): "", ("udp", 9000): "", ("udp", 9001): ""})) == ()
