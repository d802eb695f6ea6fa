"""What a plan would fail at is said beside it."""

from __future__ import annotations

import pytest

from evenkeel.reconcilers.containers import Containers
from evenkeel.reconcilers.containers.foresight import Host, Listener, foreseen, paths_of, starting
from evenkeel.specs.containers.container import Container, Device, Mount, Port, Protocol, Resources
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.plan import Plan

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


def planned(seen: ContainersSeen, memory: ContainersMemory = ContainersMemory()) -> Plan:  # noqa: B008 - a value
    domain = Containers()
    want = domain.select(desired_state([Document("Container", "gps", GPS)]))
    return domain.plan(domain.diff(want, seen, memory), seen, memory)


def taken(protocol: Protocol, number: int, holder: str = "") -> Listener:
    return Listener(protocol, "0.0.0.0", number, holder)


@pytest.mark.parametrize(
    ("wanted", "listener", "clash"),
    [
        ("127.0.0.1", "127.0.0.53", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "0.0.0.0", True),
        ("127.0.0.1", "::", True),
        ("127.0.0.1", "::1", False),
        ("0.0.0.0", "127.0.0.53", True),
        ("0.0.0.0", "::", True),
        ("0.0.0.0", "::1", False),
        ("::1", "0.0.0.0", False),
        ("::1", "::", True),
        ("::", "127.0.0.53", True),
        ("::", "fd00::1", True),
    ],
)
def test_a_port_is_taken_at_an_address(wanted: str, listener: str, clash: bool) -> None:
    dns = normal(Container("dns", "dns:1", ports=(Port(53, 53, host_ip=wanted, protocol="udp"),)))
    seen = ContainersSeen("test", images={dns.image: "sha256:1"})
    domain = Containers()
    want = domain.select(desired_state([Document("Container", "dns", dns)]))
    plan = domain.plan(domain.diff(want, seen, ContainersMemory()), seen, ContainersMemory())
    said = ("dns cannot be started now: port 53/udp of the host is taken",)
    assert foreseen(plan, seen, Host((), (Listener("udp", listener, 53),))) == (said if clash else ())
    assert foreseen(plan, seen, Host((), (Listener("tcp", listener, 53),))) == ()


def test_a_predecessor_frees_only_what_it_holds() -> None:
    ports = (Port(8080, 80, host_ip="127.0.0.1"),)
    old = ContainerSeen("1", "gps", "gps", "sha256:0", "running", normal(Container("gps", "gps:0", ports=ports)))
    seen = ContainersSeen("test", containers=(old,), images=IMAGES)
    listeners = (Listener("tcp", "127.0.0.1", 8080), Listener("tcp", "127.0.0.53", 8080, "resolver"))
    assert foreseen(planned(seen), seen, Host((), listeners)) == (
        "gps cannot be started now: port 8080/tcp of the host is taken, by resolver",
    )


def test_every_cause_outside_is_said_once() -> None:
    seen = ContainersSeen("test", images=IMAGES)
    plan = planned(seen)
    assert paths_of(starting(plan)) == ("/var/data", "/dev/ttyUSB0")
    listeners = (taken("tcp", 8080, "squatter"), taken("udp", 9000), taken("udp", 9001))
    assert foreseen(plan, seen, Host(("/var/data", "/dev/ttyUSB0"), listeners, 6 * 1024**2)) == (
        "gps cannot be created now: its mount source /var/data is not there",
        "gps cannot be started now: its device /dev/ttyUSB0 is not there",
        "gps cannot be started now: port 8080/tcp of the host is taken, by squatter",
        "gps cannot be started now: port 9000/udp of the host is taken",
        "gps cannot be created: a memory limit of 4M is below the engine's least, 6M",
    )


def test_the_container_that_holds_a_port_is_named() -> None:
    """N10: that the port is taken was said, and not by whom, although `get` lists it. The kernel does not tell."""
    web = ContainerSeen("2", "web", "web-1", "sha256:2", "running", ports=(Port(8080, 80),))
    asleep = ContainerSeen("3", "ftp", "ftp", "sha256:2", "exited", ports=(Port(9000, 90, protocol="udp"),))
    seen = ContainersSeen("test", containers=(web, asleep), images=IMAGES)
    said = "gps cannot be started now: port 8080/tcp of the host is taken, by web-1"
    assert foreseen(planned(seen), seen, Host((), (taken("tcp", 8080),))) == (said,)
    assert foreseen(planned(seen), seen, Host()) == (said,), "also where the host of the engine cannot be seen"


def test_what_is_there_and_free_is_not_mentioned() -> None:
    seen = ContainersSeen("test", images=IMAGES)
    assert foreseen(planned(seen), seen, Host((), (taken("udp", 9000), taken("tcp", 80)))) == ()


def test_a_container_that_is_not_started_is_not_looked_at() -> None:
    there = ContainerSeen("1", "gps", "gps", "sha256:1", "running", GPS)
    seen = ContainersSeen("test", containers=(there,), images=IMAGES)
    plan = planned(seen, ContainersMemory(proven={"1": ""}))
    assert foreseen(plan, seen, Host(("/var/data",), (taken("tcp", 8080),), 6 * 1024**2)) == ()


def test_a_port_of_its_own_predecessor_is_not_taken() -> None:
    old = ContainerSeen("1", "gps", "gps", "sha256:0", "running", normal(Container("gps", "gps:0", ports=GPS.ports)))
    seen = ContainersSeen("test", containers=(old,), images=IMAGES)
    assert foreseen(planned(seen), seen, Host((), (taken("tcp", 8080), taken("udp", 9000), taken("udp", 9001)))) == ()
