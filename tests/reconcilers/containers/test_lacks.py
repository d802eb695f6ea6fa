"""What an engine cannot do is told before anything is done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import pytest

from evenkeel.reconcilers.containers import Containers
from evenkeel.reconcilers.containers.foresight import Host, foreseen, lessened
from evenkeel.reconcilers.containers.lacks import needs_shell, refused, weakened
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.container import (
    Container,
    Device,
    ExecProbe,
    Health,
    HttpProbe,
    Log,
    Port,
    Resources,
    Restart,
    Stop,
    TcpProbe,
)
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen, Lack
from evenkeel.specs.desired import Document, desired_state

ALL = get_args(Lack)


@pytest.mark.parametrize(
    ("lack", "asked", "named"),
    [
        ("links", {"extra_hosts": (("db", "container_store-host"),)}, "db: container_store-host"),
        ("unset-env", {"env": (("A", "1"), ("PROXY", None))}, "PROXY"),
        ("port-ranges", {"ports": (Port(8000, 80, host_port_end=8009),)}, "8000-8009"),
        ("unlimited-swap", {"resources": Resources(1 << 26, None, -1)}, "memorySwap"),
        ("low-ports", {"ports": (Port(443, 8443), Port(8080, 80))}, "443"),
        ("addresses", {"ports": (Port(8080, 81),), "health": Health(HttpProbe(80, "/"))}, "publish port 80"),
        ("addresses", {"ports": (Port(8080, 80, protocol="udp"),), "health": Health(TcpProbe(80))}, "publish port 80"),
    ],
)
def test_what_cannot_be_is_refused_by_the_engines_that_lack_it(lack: Lack, asked: dict[str, Any], named: str) -> None:
    wanted = normal(Container("web", "web:1", **asked))
    (why,) = refused(wanted, ALL)
    assert named in why
    assert refused(wanted, [other for other in ALL if other != lack]) == ()


@pytest.mark.parametrize(
    ("lack", "asked", "named"),
    [
        ("domain-name", {"domain_name": "car.example"}, "car.example"),
        ("log-options", {"log": Log(max_files=7)}, "maxFiles"),
        ("log-options", {"log": Log(mode="non-blocking")}, "non-blocking"),
        ("log-path", {"log": Log(path="/logs")}, "the path /logs of the log has no effect"),
        (
            "restart-limit",
            {"restart": Restart("on-failure", 0, timedelta(seconds=90))},
            "the timeout 1m30s of its restarts",
        ),
        ("split-seconds", {"stop": Stop(timeout=timedelta(seconds=1.5))}, "it is given 2s to end, not 1.5s"),
        ("memory-limits", {"resources": Resources(1 << 26)}, "no control group for them"),
        ("swap-limits", {"resources": Resources(1 << 26)}, "does not count swap"),
        ("exec-words", {"health": Health(ExecProbe(("sh", "-c", "true && true")))}, "/bin/sh"),
        ("limits", {"resources": Resources(1 << 26)}, "runs without root"),
        ("rights", {"privileged": True}, "not those of root"),
        ("rights", {"capabilities": ("SYS_TIME",)}, "not those of root"),
        ("rights", {"devices": (Device("/dev/a", "/dev/i2c-1"),)}, "/dev/i2c-1"),
    ],
)
def test_what_has_less_effect_is_told_and_not_refused(lack: Lack, asked: dict[str, Any], named: str) -> None:
    wanted = normal(Container("web", "web:1", network="host", **asked))
    assert refused(wanted, ALL) == ()
    assert any(named in why for why in weakened(wanted, [lack]))
    assert not any(named in why for why in weakened(wanted, [other for other in ALL if other != lack]))


def test_an_ordinary_container_lacks_nothing() -> None:
    wanted = normal(Container("web", "web:1", network="host", health=Health(ExecProbe(("/bin/true", "-x")))))
    assert refused(wanted, ALL) == weakened(wanted, ALL) == ()
    asked = changed(wanted, health=Health(HttpProbe(80, "/")))
    assert refused(asked, ALL) == (), "on the network of the host"
    published = changed(asked, network="bridge", ports=(Port(8080, 80),))
    assert refused(published, ALL) == ()


@pytest.mark.parametrize(("word", "needs"), [("plain", False), ("two words", True), ("", True), ("tab\t", True)])
def test_words_that_an_engine_would_split(word: str, needs: bool) -> None:
    assert needs_shell(ExecProbe(("program", word))) is needs


def sentences(wanted: Container, seen: ContainersSeen) -> tuple[str, ...]:
    domain = Containers()
    want = domain.select(desired_state([Document("Container", wanted.name, wanted)]))
    plan = domain.plan(domain.diff(want, seen, ContainersMemory()), seen, ContainersMemory())
    return (*foreseen(plan, seen, Host()), *lessened(plan, seen))


def test_a_plan_tells_what_its_engine_cannot_do() -> None:
    wanted = normal(Container("web", "web:1", extra_hosts=(("db", "container_store-host"),), log=Log(max_files=7)))
    seen = ContainersSeen("podman 4.3.1", images={wanted.image: "sha256:1"}, lacks=ALL)
    cannot, *less = sentences(wanted, seen)
    assert cannot.startswith(
        "web cannot be created with podman 4.3.1: this engine has no links (db: container_store-host"
    )
    assert "web has less with podman 4.3.1: maxFiles of the log has no effect: a log that is full begins anew" in less
    assert sentences(wanted, ContainersSeen("docker 20.10", images={wanted.image: "sha256:1"})) == ()


@pytest.mark.parametrize(("in_place", "told"), [("none", True), ("finite", False)])
def test_a_new_container_that_another_engine_would_not_need_is_told(in_place: Any, told: bool) -> None:
    old = normal(Container("web", "web:1"))
    wanted = normal(Container("web", "web:1", restart=Restart("always")))
    there = ContainerSeen("1", "web", "web", "sha256:1", "running", old)
    seen = ContainersSeen("podman 4.3.1", in_place, containers=(there,), images={wanted.image: "sha256:1"})
    said = "web becomes a new container: podman 4.3.1 cannot change limits or restart policy in place"
    assert (said in sentences(wanted, seen)) is told


@pytest.mark.parametrize(("there", "told"), [(False, True), (True, False)])
def test_pulls_that_tell_no_bytes_are_told_where_something_is_pulled(there: bool, told: bool) -> None:
    wanted = normal(Container("web", "web:1"))
    seen = ContainersSeen("podman 4.3.1", images={wanted.image: "sha256:1"} if there else {}, lacks=("pull-progress",))
    said = f"no bytes are shown while {wanted.image} is pulled: podman 4.3.1 tells of none"
    assert (said in sentences(wanted, seen)) is told
    assert said not in sentences(wanted, changed(seen, lacks=()))
