"""Podman's own words for what Docker says otherwise. The texts are those of Podman 4.3.1; the contract runs on a real one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tests.engines.scripted import PING, Peer, Server, answer

from evenkeel.controller.drivers.containers.docker import DockerEngine
from evenkeel.controller.drivers.containers.docker.interfaces import first_open_port
from evenkeel.controller.drivers.containers.docker.kinds import DOCKER, PODMAN, kind_of, version_of
from evenkeel.controller.drivers.containers.docker.refusals import outcome
from evenkeel.controller.drivers.containers.docker.render import create_body
from evenkeel.controller.drivers.containers.docker.rootless import USUAL_FIRST_PORT, without_root
from evenkeel.reconcilers.containers.lacks import refused
from evenkeel.specs.containers.container import Container, Device, Health, Resources, TcpProbe
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.plan import Failed, Retry

_SERVER = "Libpod/4.3.1 (linux)"
_VERSION: Any = {
    "Platform": {"Name": "linux/amd64/debian-12"},
    "Components": [{"Name": "Podman Engine", "Version": "4.3.1", "Details": {"APIVersion": "4.3.1"}}],
    "Version": "4.3.1",
    "ApiVersion": "1.41",
}
_DOCKER: Any = {"Version": "20.10.24", "ApiVersion": "1.41"}


@pytest.mark.parametrize("header", [True, False])
async def test_it_is_recognised_by_its_header_or_by_its_version(tmp_path: Path, header: bool) -> None:
    """The header saves the question about the version, which costs Podman half a second and more."""
    server = Server(tmp_path / "podman.sock")
    if header:
        server.ping = PING.replace(b"\r\nContent-Length", f"\r\nServer: {_SERVER}\r\nContent-Length".encode())

    async def reply(peer: Peer) -> None:
        asked = server.asked[-1]
        await peer.send(answer(_VERSION if "/version" in asked else {} if "/info" in asked else []))

    server.reply = reply
    await server.start()
    engine = DockerEngine(server.address)
    for _ in range(2):
        seen = await engine.observe()
        assert (seen.engine, seen.in_place, seen.lacks) == ("podman 4.3.1", "none", PODMAN.lacks)
    assert [line for line in server.first_lines if "/version" in line] == ([] if header else ["GET /v1.41/version"])
    await engine.close()
    await server.stop()


@pytest.mark.parametrize("told", [{"Rootless": True, "CgroupVersion": "1", "MemoryLimit": True}, {"Rootless": False}])
async def test_one_whose_listener_is_not_root_says_whether_it_has_its_rights(nobody: Path, told: Any) -> None:
    """The answer takes Podman half a second and more, so root's is not asked."""
    server = Server(nobody / "podman.sock")
    server.ping = PING.replace(b"\r\nContent-Length", f"\r\nServer: {_SERVER}\r\nContent-Length".encode())

    async def reply(peer: Peer) -> None:
        await peer.send(answer(told if "/info" in server.asked[-1] else []))

    server.reply = reply
    await server.start()
    engine = DockerEngine(server.address)
    lacks = {(await engine.observe()).lacks for _ in range(2)}
    assert lacks == {without_root(PODMAN, told, first_open_port()).lacks}
    assert {"addresses", "limits", "rights"} <= set(*lacks) or not told["Rootless"]
    assert [line for line in server.first_lines if "/info" in line] == ["GET /v1.41/info"]
    await engine.close()
    await server.stop()


@pytest.mark.parametrize(
    ("options", "lacks"),
    [
        (["name=seccomp,profile=default", "name=rootless"], ("addresses", "rights", "limits", "low-ports")),
        (["name=seccomp,profile=default", "name=userns"], ()),
    ],
)
async def test_docker_says_among_its_security_options_that_it_has_no_root(
    nobody: Path, options: list[str], lacks: tuple[str, ...]
) -> None:
    """So that `plan` tells of a check that could reach nobody, instead of a container that stays unhealthy."""
    server = Server(nobody / "docker.sock")
    system = {"SecurityOptions": options, "CgroupVersion": "1", "MemoryLimit": True}

    async def reply(peer: Peer) -> None:
        await peer.send(
            answer(system if "/info" in server.asked[-1] else _DOCKER if "/version" in server.asked[-1] else [])
        )

    server.reply = reply
    await server.start()
    engine = DockerEngine(server.address)
    seen = await engine.observe()
    open_to_all = {"low-ports"} if first_open_port() < USUAL_FIRST_PORT else set[str]()
    assert set(seen.lacks) == {*DOCKER.lacks, *lacks} - open_to_all
    checked = normal(Container("web", "web:1", health=Health(TcpProbe(80))))
    assert bool(refused(checked, seen.lacks)) is bool(lacks)
    await engine.close()
    await server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="the engine's listener has to be root")
async def test_roots_is_not_asked_for_its_rights(tmp_path: Path) -> None:
    server = Server(tmp_path / "podman.sock")
    server.ping = PING.replace(b"\r\nContent-Length", f"\r\nServer: {_SERVER}\r\nContent-Length".encode())

    async def reply(peer: Peer) -> None:
        await peer.send(answer([]))

    server.reply = reply
    await server.start()
    engine = DockerEngine(server.address)
    assert (await engine.observe()).lacks == PODMAN.lacks
    await engine.close()
    await server.stop()


@pytest.mark.parametrize(
    ("system", "first_port", "lacks"),
    [
        ({}, 1024, ()),
        (
            {"Rootless": True, "CgroupVersion": "1", "MemoryLimit": True},
            1024,
            ("addresses", "rights", "limits", "low-ports"),
        ),
        ({"Rootless": True, "CgroupVersion": "2", "MemoryLimit": True}, 80, ("addresses", "rights")),
        ({"Rootless": True, "CgroupVersion": "2", "MemoryLimit": False}, 80, ("addresses", "rights", "limits")),
    ],
)
def test_what_it_lacks_without_root(system: Any, first_port: int, lacks: tuple[str, ...]) -> None:
    assert without_root(PODMAN, system, first_port).lacks == (*PODMAN.lacks, *lacks)


def test_what_it_does_not_tell_without_root_counts_as_kept() -> None:
    wanted = normal(
        Container("web", "web:1", devices=(Device("/dev/a", "/dev/null", "r"),), resources=Resources(1 << 26))
    )
    body = create_body(wanted, "evenkeel", lambda name: "")
    silent: Any = {**body["HostConfig"], "Memory": 0, "MemorySwap": 0, "Devices": []}
    found: Any = {"Id": "1", "Name": "/web", "Config": {"Labels": body["Labels"]}, "HostConfig": silent, "State": {}}
    kind = without_root(PODMAN, {"Rootless": True, "CgroupVersion": "1"})
    told = kind.inspected(found)["HostConfig"]
    kept = body["HostConfig"]
    assert [told.get(key) for key in ("Memory", "MemorySwap", "Devices")] == [
        kept[key] for key in ("Memory", "MemorySwap", "Devices")
    ]
    v2 = without_root(PODMAN, {"Rootless": True, "CgroupVersion": "2", "MemoryLimit": True})
    assert v2.inspected(found)["HostConfig"].get("Memory") == 0, "it can keep them, and somebody took them away"


def test_other_engines_are_docker() -> None:
    assert kind_of("Docker/20.10.24 (linux)") is kind_of("") is DOCKER
    assert version_of("Docker/20.10.24 (linux)") == ""


def podmans(config: dict[str, Any] | None = None, host: dict[str, Any] | None = None, **more: Any) -> Any:
    found: Any = {"Id": "1", "Name": "/web", "Config": config or {}, "HostConfig": host or {}, "State": {}, **more}
    return PODMAN.inspected(found)


@pytest.mark.parametrize(
    ("number", "name"), [("15", "SIGTERM"), ("2", "SIGINT"), ("37", "SIGRTMIN+3"), ("SIGHUP", "SIGHUP"), ("", "")]
)
def test_signals_have_names(number: str, name: str) -> None:
    assert podmans({"StopSignal": number})["Config"]["StopSignal"] == name


def test_variables_that_podman_gives_are_none_of_somebodys_container() -> None:
    env = ["PATH=/bin", "TERM=xterm", "container=podman", "HOME=/root", "HOSTNAME=0123", "MINE=1"]
    told = podmans({"Env": env, "Hostname": "0123", "Labels": {}})
    assert told["Config"]["Env"] == ["PATH=/bin", "MINE=1"]


def test_a_container_is_on_the_network_that_it_is_on() -> None:
    networks = {"Networks": {"evenkeel": {"NetworkID": "evenkeel", "IPAddress": "10.0.0.2"}}}
    assert podmans(host={"NetworkMode": "bridge"}, NetworkSettings=networks)["HostConfig"]["NetworkMode"] == "evenkeel"
    own = {"Networks": {"podman": {"NetworkID": "podman"}}}
    told = podmans(host={"NetworkMode": "bridge"}, NetworkSettings=own)
    assert told["HostConfig"]["NetworkMode"] == "bridge"
    assert told["NetworkSettings"]["Networks"] == {"bridge": {"NetworkID": "bridge"}}, (
        "the name in the list of networks"
    )


def test_words_of_a_check_with_spaces_go_to_a_shell() -> None:
    """Podman joins the words and splits them at spaces."""
    plain: dict[str, Any] = {"Healthcheck": {"Test": ["CMD", "wget", "-q", "http://localhost"]}}
    assert PODMAN.asked(plain) == plain
    assert PODMAN.asked({}) == {}
    made = PODMAN.asked({"Healthcheck": {"Test": ["CMD", "sh", "-c", "it's a"], "Retries": 2}})
    assert made == {"Healthcheck": {"Test": ["CMD-SHELL", "sh -c 'it'\"'\"'s a'"], "Retries": 2}}


@pytest.mark.parametrize(
    "text",
    [
        'container create: "CAP_NOPE": unknown capability',
        "container create: running container create option: invalid log driver: invalid argument",
        "fill out specgen: invalid signal: SIGFOO",
        "fill out specgen: /x: duplicate mount destination",
        "container create: running container create option: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument",
        "unable to find user nobodyx: no matching entries in passwd file",
    ],
)
def test_refusals_that_are_final(text: str) -> None:
    assert outcome(text) == Failed(text)


@pytest.mark.parametrize(
    "text",
    [
        "container create: stat /dev/nope: no such file or directory",
        "cannot listen on the TCP port: listen tcp4 0.0.0.0:8099: bind: address already in use",
        'runc: runc create failed: error mounting "/etc/passwd" to rootfs at "/tmp": not a directory: OCI runtime error',
    ],
)
def test_refusals_with_a_cause_outside(text: str) -> None:
    assert outcome(text) == Retry(text, outside=True)
