"""The network of mode bridge on a real engine: there once, whoever made it, and a way back onto it."""

from __future__ import annotations

import asyncio
import threading
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.controller.drivers.containers.docker.rig import Rig, container
from tests.engines.dockerd import Dockerd
from tests.engines.proxy import Proxy
from tests.engines.registry import free_port
from tests.until import PATIENCE_S, soon

from evenkeel.specs.containers.actions import Connect, Create, Start
from evenkeel.specs.containers.container import Port
from evenkeel.specs.plan import Done, Retry

NAME = "evenkeel"


def networks(dockerd: Dockerd) -> list[str]:
    return [each["Id"] for each in dockerd.api("GET", "/networks")[1] if each["Name"] == NAME]


def make_network(dockerd: Dockerd, **more: object) -> str:
    """One more of this name, by hand."""
    status, answer = dockerd.api("POST", "/networks/create", {"Name": NAME, "Driver": "bridge", **more})
    assert status == 201, answer
    return str(answer["Id"])


def put_on(dockerd: Dockerd, name: str, network: str) -> None:
    """Take a container from the network of the name, and put it on this one."""
    (old,) = dockerd.inspect(name)["NetworkSettings"]["Networks"].values()
    for which, does in ((old["NetworkID"], "disconnect"), (network, "connect")):
        status, answer = dockerd.api("POST", f"/networks/{which}/{does}", {"Container": name, "Force": True})
        assert status == 200, answer


def network_of(dockerd: Dockerd, name: str) -> str:
    return str(dockerd.inspect(name)["NetworkSettings"]["Networks"][NAME]["NetworkID"])


def together(barrier: threading.Barrier, waits: list[bool]) -> Callable[[str], None]:
    """Holds the first making of a network until the other controller has come as far."""

    def before(asked: str) -> None:
        if asked == "POST /networks/create" and waits:
            waits.pop()
            barrier.wait(60)

    return before


async def test_two_controllers_that_begin_at_once_make_one_network(clean_dockerd: Dockerd, tmp_path: Path) -> None:
    for attempt in range(3):
        clean_dockerd.clear()
        barrier, rigs = threading.Barrier(2), []
        with (
            Proxy(tmp_path / f"one{attempt}.sock", clean_dockerd.socket) as one,
            Proxy(tmp_path / f"two{attempt}.sock", clean_dockerd.socket) as two,
        ):
            for number, proxy in enumerate((one, two)):
                proxy.before = together(barrier, [True])
                rigs.append(Rig(proxy.address, tmp_path / f"{attempt}.{number}", owner=f"/state/{number}"))
            await asyncio.gather(*(rig.settle(container(f"web{number}")) for number, rig in enumerate(rigs)))
            for rig in rigs:
                await rig.close()
        assert len(networks(clean_dockerd)) == 1
        assert clean_dockerd.containers() == {"web0": "running", "web1": "running"}
        assert network_of(clean_dockerd, "web0") == network_of(clean_dockerd, "web1")


async def test_creations_soon_after_each_other_ask_for_the_network_once(clean_dockerd: Dockerd, tmp_path: Path) -> None:
    """If it goes in between, the start makes it again."""
    with Proxy(tmp_path / "proxy.sock", clean_dockerd.socket) as proxy:
        rig = Rig(proxy.address, tmp_path / "state")
        assert isinstance(await rig.perform(Create(container("one"), "one")), Done)
        asked = proxy.asked.count("GET /networks")
        clean_dockerd.api("DELETE", f"/networks/{NAME}")
        assert isinstance(await rig.perform(Create(container("two"), "two")), Done)
        again = proxy.asked.count("GET /networks") - asked
        for name in ("one", "two"):
            assert isinstance(await rig.perform(Start(name)), Done)
        await rig.close()
    assert (asked > 0, again) == (True, 0)
    assert network_of(clean_dockerd, "one") == network_of(clean_dockerd, "two") == networks(clean_dockerd)[0]


async def test_two_networks_of_the_name_become_one(clean_dockerd: Dockerd, rig: Rig) -> None:
    made = [make_network(clean_dockerd) for _ in range(3)]
    await rig.settle(container("web"))
    assert networks(clean_dockerd) == [min(made)]


async def test_the_one_that_is_used_is_kept(clean_dockerd: Dockerd, rig: Rig) -> None:
    used = make_network(clean_dockerd)
    clean_dockerd.run("stranger", "sleeper:1", host={"NetworkMode": NAME})
    for _ in range(4):  # most likely one of them has a smaller id
        make_network(clean_dockerd)
    await rig.settle(container("web"))
    assert networks(clean_dockerd) == [used]
    assert clean_dockerd.containers() == {"stranger": "running", "web": "running"}


async def test_a_network_that_a_stopped_container_of_others_needs_is_not_removed(
    clean_dockerd: Dockerd, rig: Rig
) -> None:
    first = make_network(clean_dockerd)
    for name in ("one", "two"):
        clean_dockerd.run(name, "sleeper:1", host={"NetworkMode": NAME})
    second = make_network(clean_dockerd)
    put_on(clean_dockerd, "two", second)
    for name in ("one", "two"):
        clean_dockerd.api("POST", f"/containers/{name}/stop", t=1)
    assert isinstance(await rig.perform(Create(container("web"), "web")), Done)
    outcome = await rig.perform(Start("web"))
    assert isinstance(outcome, Retry)
    assert outcome.outside
    assert "is ambiguous" in outcome.message
    assert f"there are several networks {NAME}" in outcome.message, "and what to do is told"
    assert sorted(networks(clean_dockerd)) == sorted([first, second])
    clean_dockerd.api("POST", f"/networks/{second}/disconnect", {"Container": "two", "Force": True})
    assert isinstance(await rig.perform(Start("web")), Done)
    assert networks(clean_dockerd) == [first]


async def test_ours_on_different_networks_of_the_name_come_together(clean_dockerd: Dockerd, rig: Rig) -> None:
    wanted = container("one"), container("two")
    await rig.settle(*wanted)
    put_on(clean_dockerd, "two", make_network(clean_dockerd))
    before = {name: clean_dockerd.inspect(name)["Id"] for name in ("one", "two")}
    seen = [(await rig.seen(name)).cut_off for name in before]
    assert sorted(seen) == ["", f"it is on another network that is named {NAME}, too"]
    await rig.settle(*wanted)
    assert len(networks(clean_dockerd)) == 1
    assert network_of(clean_dockerd, "one") == network_of(clean_dockerd, "two")
    assert {name: clean_dockerd.inspect(name)["Id"] for name in before} == before, "nothing is made anew for it"


async def test_one_that_comes_back_has_its_names_links_and_ports_again(clean_dockerd: Dockerd, rig: Rig) -> None:
    port = free_port()
    wanted = container(
        "web", "web:1", host_name="cluster", extra_hosts=(("gps", "container_gps-host"),), ports=(Port(port, 80),)
    )
    await rig.settle(wanted)
    before = clean_dockerd.inspect("web")["NetworkSettings"]["Networks"][NAME]
    clean_dockerd.api("POST", f"/networks/{NAME}/disconnect", {"Container": "web", "Force": True})
    assert isinstance(await rig.perform(Connect("web", wanted)), Done)
    after = clean_dockerd.inspect("web")["NetworkSettings"]["Networks"][NAME]
    assert (sorted(after["Aliases"]), after["Links"]) == (sorted(before["Aliases"]), before["Links"])
    await soon(lambda: answers(port))


def answers(port: int) -> bool:
    with suppress(OSError):
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE_S / 4).status == 200
    return False
