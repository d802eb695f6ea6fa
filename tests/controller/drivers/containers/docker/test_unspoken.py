"""What of somebody else's container would be lost without a word."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.controller.drivers.containers.docker.inspecting import RECORDED
from tests.controller.drivers.containers.docker.rig import Rig
from tests.engines.dockerd import Dockerd

from evenkeel.controller.drivers.containers.docker.parse import parse_container
from evenkeel.controller.drivers.containers.docker.unspoken import unspoken
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.observed import ContainersLook

IMAGE = RECORDED["images"]["checked:1"]["Config"]


def changed(**parts: dict[str, Any]) -> Any:
    """The inspection of a container that adds nothing to its image, but for these values."""
    found: dict[str, Any] = copy.deepcopy(RECORDED["others"]["fplain"]["inspect"])
    found["Mounts"] = []
    for part, values in parts.items():
        found[part].update(values)
    return found


def on(**networks: dict[str, Any]) -> dict[str, Any]:
    return {"Networks": {name: {"IPAMConfig": None, **endpoint} for name, endpoint in networks.items()}}


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"Config": {"User": "root", "WorkingDir": "/tmp", "Entrypoint": []}},
        {"Config": {"StopTimeout": 3, "Cmd": ["/bin/other"], "Env": ["A=1"], "Labels": {"a": "b"}, "Hostname": "x"}},
        {"HostConfig": {"IpcMode": "shareable", "CgroupnsMode": "private", "Runtime": "runc", "PidsLimit": 0}},
        {"HostConfig": {"PidsLimit": -1, "MemorySwappiness": -1, "OomKillDisable": None, "Init": False, "Annotations": {}}},
        {"HostConfig": {"Memory": 1 << 26, "MemorySwap": -1, "MemoryReservation": 1, "CapAdd": ["CAP_SYS_TIME"]}},
        {"HostConfig": {"Privileged": True, "SecurityOpt": ["label=disable"], "MaskedPaths": [], "ReadonlyPaths": []}},
        {"HostConfig": {"LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "mode": "non-blocking"}}}},
        {"HostConfig": {"NetworkMode": "host"}, "NetworkSettings": on(host={})},
        {"HostConfig": {"NetworkMode": "evenkeel"}, "NetworkSettings": on(evenkeel={"Links": ["db:db"]})},
        {"HostConfig": {"PortBindings": {"80/TCP": [], "9/udp": None, "7": []}}},
    ],
)  # fmt: skip
def test_what_has_a_word_or_is_an_engines_own_doing_is_not_told(parts: dict[str, Any]) -> None:
    assert unspoken(changed(**parts), "evenkeel", IMAGE) == ()


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"Config": {"Entrypoint": ["/tini", "--token=x"]}}, "entrypoint /tini"),
        ({"Config": {"User": "1000:7"}}, "user 1000:7"),
        ({"Config": {"WorkingDir": "/srv"}}, "working directory /srv"),
        ({"Config": {"Healthcheck": {"Test": ["CMD-SHELL", "curl x"]}}}, "a health check by a shell"),
        ({"Config": {"Healthcheck": {"Test": ["NONE"]}}}, "a health check that is switched off"),
        ({"Config": {"MacAddress": "02:42:ac:11:65:43"}}, "MAC address 02:42:ac:11:65:43"),
        ({"HostConfig": {"Tmpfs": {"/run": "size=1m"}}}, "tmpfs at /run"),
        ({"HostConfig": {"NetworkMode": "container:1234"}}, "the network of another container"),
        ({"NetworkSettings": on(mine={})}, "network mine"),
        ({"NetworkSettings": on(none={})}, "network none"),
        ({"NetworkSettings": on(evenkeel={"IPAMConfig": {"IPv4Address": "10.0.0.9"}})}, "fixed address 10.0.0.9"),
        ({"HostConfig": {"Links": ["/db:/it/database"]}}, "link to db"),
        ({"HostConfig": {"PortBindings": {"9/sctp": []}}}, "port 9/sctp"),
        ({"HostConfig": {"LogConfig": {"Type": "journald", "Config": {"tag": "x"}}}}, "log driver journald"),
        ({"HostConfig": {"LogConfig": {"Type": "json-file", "Config": {"tag": "x"}}}}, "log option tag"),
        ({"HostConfig": {"MaskedPaths": []}}, "unmasked system paths"),
        (
            {"HostConfig": {"AutoRemove": True}},
            "removal by the engine when it ends (--rm; going back from a failed update creates it anew)",
        ),
        ({"HostConfig": {"CapDrop": ["ALL", "MKNOD"]}}, "dropped capabilities ALL, MKNOD"),
        ({"HostConfig": {"ReadonlyRootfs": True}}, "a read-only root file system"),
        ({"HostConfig": {"NanoCpus": 1_500_000_000}}, "cpus 1.5"),
        ({"HostConfig": {"ShmSize": 256 << 20}}, "shared memory of 256M"),
        ({"HostConfig": {"PidsLimit": 10}}, "pids limit 10"),
        ({"HostConfig": {"PidMode": "host"}}, "pid mode host"),
        ({"HostConfig": {"Init": True}}, "an init process"),
        ({"HostConfig": {"SecurityOpt": ["seccomp={...}"]}}, "security options seccomp"),
        ({"HostConfig": {"Sysctls": {"net.core.somaxconn": "9"}}}, "sysctls net.core.somaxconn"),
        ({"HostConfig": {"Ulimits": [{"Name": "nofile", "Hard": 9, "Soft": 9}]}}, "ulimits nofile"),
        ({"HostConfig": {"BlkioDeviceReadBps": [{"Path": "/dev/sda", "Rate": 1}]}}, "blkio device read bps /dev/sda"),
        ({"HostConfig": {"DeviceRequests": [{"Driver": "nvidia", "Count": -1}]}}, "device requests"),
        ({"HostConfig": {"LearntTomorrow": 7}}, "learnt tomorrow 7"),
    ],
)  # fmt: skip
def test_what_no_spec_can_say_is_told(parts: dict[str, Any], told: str) -> None:
    assert unspoken(changed(**parts), "evenkeel", IMAGE) == (told,)


def test_what_was_recorded_of_others() -> None:
    """What is at the place that the image declares is carried over."""
    plain = RECORDED["others"]["fplain"]["inspect"]
    assert unspoken(plain, "evenkeel", IMAGE) == ()
    elsewhere: Any = {**IMAGE, "Volumes": {"/elsewhere": {}}}
    (volume,) = [mount["Name"] for mount in plain["Mounts"]]
    assert unspoken(plain, "evenkeel", elsewhere) == (f"volume {volume} at /data",)
    assert parse_container(plain, "evenkeel", elsewhere).other_volumes == (("/data", volume),)
    assert unspoken(RECORDED["others"]["fmore"]["inspect"], "evenkeel", IMAGE) == (
        "a health check by a shell",
        "volume named at /n",
        "tmpfs at /x",
        "port 9/sctp",
        "log driver local",
        "dropped capabilities MKNOD",
        "pids limit 10",
    )


@pytest.mark.parametrize("name", sorted(RECORDED["ours"]))
def test_what_evenkeel_creates_has_a_word_for_all_of_it(name: str) -> None:
    """So that a container whose label cannot be read is adopted as easily as it was created."""
    inspected = RECORDED["ours"][name]["inspect"]
    image = RECORDED["images"][inspected["Config"]["Image"].removeprefix("docker.io/library/")]["Config"]
    told = unspoken(inspected, "evenkeel", image)
    assert [text for text in told if not text.startswith("volume ")] == []


def test_our_own_have_nothing_to_lose() -> None:
    full = RECORDED["ours"]["full"]["inspect"]
    inspected: Any = {**full, "HostConfig": {**full["HostConfig"], "CapDrop": ["ALL"]}}
    assert parse_container(inspected, "evenkeel").unspoken == ()


@pytest.mark.parametrize(
    ("name", "domain", "mode", "found"),
    [
        ("570654e20304", "", "default", ("fplain-host", "fplain-domain")),
        ("recorder", "car.example", "default", ("recorder", "car.example")),
        ("the-machine", "", "host", (None, None)),
        ("theirs", "", "container:1234", ("fplain-host", "fplain-domain")),
    ],
)
def test_a_host_name_that_somebody_gave_has_a_word_and_an_engines_is_what_a_spec_leaves_out(
    name: str, domain: str, mode: str, found: tuple[str | None, str | None]
) -> None:
    inspected = changed(Config={"Hostname": name, "Domainname": domain}, HostConfig={"NetworkMode": mode})
    container = parse_container(inspected, "evenkeel", IMAGE).container
    assert container is not None
    assert (container.host_name, container.domain_name) == found


async def test_an_engine_tells_of_an_ordinary_container_nothing(clean_dockerd: Dockerd, rig: Rig) -> None:
    plain = clean_dockerd.run("plain", "web:1")
    host = clean_dockerd.run("host", "sleeper:1", host={"NetworkMode": "host", "RestartPolicy": {"Name": "always"}})
    free = clean_dockerd.run("free", "sleeper:1", host={"Binds": ["/usr:/t:ro"]})
    odd = clean_dockerd.run(
        "odd",
        "sleeper:1",
        User="nobody",
        WorkingDir="/tmp",
        Hostname="named",
        host={
            "Binds": ["tapes:/data"],
            "Tmpfs": {"/run": ""},
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "PidsLimit": 99,
            "NanoCpus": 500_000_000,
        },
    )
    seen = await rig.engine.observe(ContainersLook(adopted={plain: "plain", host: "host", free: "free", odd: "odd"}))
    found = {each.name: (each.unspoken, each.container) for each in seen.containers}
    assert {name: found[name][0] for name in ("plain", "host", "free")} == {"plain": (), "host": (), "free": ()}
    told, container = found["odd"]
    assert set(told) == {
        "user nobody",
        "working directory /tmp",
        "volume tapes at /data",
        "tmpfs at /run",
        "a read-only root file system",
        "dropped capabilities ALL",
        "pids limit 99",
        "cpus 0.5",
    }
    assert isinstance(container, Container)
    assert container.host_name == "named"
