"""Groups 25 to 30, 41 to 47, 49, 51, 52 and 54 of Kanto's checklist (container-management.md §7.1, §7.2), seen from the wire:
what a component becomes, what a difference between two desired states needs, which texts of ports, devices, mounts and sizes
are taken.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.controller.agents.harness import DESIRED, Asked, Config, Device, asked, desired_state, statuses
from tests.controller.agents.test_bad_input import REFUSED
from tests.virtual import run

# ── reading desired states ─────────────────────────────────────────────────────────────────────────────────────────


async def created(*config: Config, id_: str = "web", version: str = "1") -> Any:
    """The container that a component becomes."""
    device = Device()
    await device.send(DESIRED, desired_state("a", Asked(id_, version, config)))
    await device.command("a", "DOWNLOAD")
    return device.container(id_)


def test_group_25_defaults() -> None:
    """Differs: names of host and domain are cut to what a kernel takes, and can be asked for; the image is in normal form."""

    async def story() -> None:
        container = await created()
        assert container.image == "docker.io/library/web:1"
        assert (container.privileged, container.network) == (False, "bridge")
        assert (container.restart.policy, container.restart.max_retries) == ("unless-stopped", 0)
        assert container.resources.memory is container.resources.memory_swap is None
        assert container.devices == container.ports == container.extra_hosts == container.mounts == ()
        assert (container.log.driver, container.log.max_files, container.log.max_size) == ("json-file", 2, 100 << 20)
        assert container.log.mode == "blocking"
        assert not container.terminal
        assert not container.interactive
        assert (container.host_name, container.domain_name) == ("web-host", "web-domain")
        longest = "w" * 100
        container = await created(id_=longest)
        assert (container.host_name, container.domain_name) == ("w" * 58 + "-host", "w" * 56 + "-domain")
        device = Device()
        await device.bring("a", asked("web"))
        said = await device.desired("b", asked("web", "1", ("hostName", "front")))
        assert [message for _, _, message in said[-1].actions] == [
            "Existing container will be destroyed and replaced by a new one."
        ]

    run(story())


def test_group_26_mixed_config() -> None:
    """Differs: what Kanto drops with a warning is refused (defect A9; test_bad_input has each); what is left is the same."""

    async def story() -> None:
        container = await created(
            ("device", "/dev/abc:/dev/ABC"), ("env", "A=1"), ("cmd", "-x"), ("port", "80:8888/tcp"), ("env", "B=2"),
            ("mount", "/tmp:/var/tmp"), ("cmd", "-y"), ("restartPolicy", "on-failure"), ("restartMaxRetries", "5"),
            ("interactive", "1"), ("memory", "50M"),
        )  # fmt: skip
        assert [(each.host_path, each.container_path) for each in container.devices] == [("/dev/abc", "/dev/ABC")]
        (port,) = container.ports
        assert (port.host_ip, port.host_port, port.container_port, port.protocol) == ("0.0.0.0", 80, 8888, "tcp")
        assert [(each.source, each.destination) for each in container.mounts] == [("/tmp", "/var/tmp")]
        assert container.env == (("A", "1"), ("B", "2"))
        assert container.command == ("-x", "-y")
        assert (container.restart.policy, container.restart.max_retries) == ("on-failure", 5)
        assert container.interactive
        assert container.resources.memory == 50 << 20

    run(story())


@pytest.mark.parametrize(
    "name", ["no domain", "another domain", "two domains", "an empty image", "a baseline of nothing known"]
)
def test_group_27_errors_of_domain_image_and_baseline(name: str) -> None:
    async def story() -> None:
        payload, words = REFUSED[name]
        device = Device()
        await device.bring("before", asked("horn"))
        before = device.instances()
        said = await device.send(DESIRED, json.dumps({"activityId": "a", "payload": payload}).encode())
        assert statuses(said) == ["IDENTIFICATION_FAILED"]
        assert all(word in said[0].message for word in words)
        await device.settle()
        assert device.instances() == before

    run(story())


def test_group_28_system_containers_and_implicit_baselines() -> None:
    async def story() -> None:
        device = Device(system=("other",))
        await device.desired(
            "a", asked("sys-container-1"), asked("corelib"), asked("other"), asked("web"), asked("db"),
            config=[("systemContainers", "sys-container-1, corelib")], baselines={"front": ["containers:web"]},
        )  # fmt: skip
        activity = device.journal.mailbox("containers").activity()
        assert activity is not None
        assert [action.subject for action in activity.actions] == ["other", "web", "db"]
        assert [baseline.title for baseline in activity.baselines] == [
            "front", "containers:sys-container-1", "containers:corelib", "containers:other", "containers:db",
            "containers:remove-components",
        ]  # fmt: skip

    run(story())


def test_group_29_actions_have_id_and_version_of_their_component() -> None:
    async def story() -> None:
        device = Device()
        await device.desired("a", asked("web", "7"), Asked("db", "", (("image", "db:9"),)))
        components = [action["component"] for action in device.raw[-1][1]["payload"]["actions"]]
        assert components == [{"id": "containers:web", "version": "7"}, {"id": "containers:db"}]

    run(story())


def test_group_30_versions_of_what_is_removed() -> None:
    """The table is in specs/kanto/test_inventory.py."""

    async def story() -> None:
        device = Device()
        image = "mycontainerregistry.com:8080/my-container:v1"
        await device.bring("before", asked("web", "1", image=image))
        await device.desired("a")
        (action,) = device.raw[-1][1]["payload"]["actions"]
        assert action["component"]["version"] == "v1"

    run(story())


# ── comparison ─────────────────────────────────────────────────────────────────────────────────────────────────────

CHECK, RECREATE, UPDATED, CREATE = (
    "No changes detected, existing container will be check only if it is running.",
    "Existing container will be destroyed and replaced by a new one.",
    "Existing container will be updated with new configuration.",
    "New container will be created and started.",
)


async def becomes(old: tuple[Config, ...], new: tuple[Config, ...], image: str = "x:1") -> str:
    device = Device()
    await device.bring("before", Asked("web", "1", (("image", "x:1"), *old)))
    said = await device.desired("a", Asked("web", "1", (("image", image), *new)))
    return said[-1].of("web")[1]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([("mount", "/a:/b")], [("mount", "/c:/b")], RECREATE),
        ([("mount", "/a:/b")], [("mount", "/a:/b:rprivate")], CHECK),
        ([("cmd", "x")], [("cmd", "y")], RECREATE),
        ([], [("cmd", "x")], RECREATE),
        ([("cmd", "x")], [("cmd", "x")], CHECK),
        ([("env", "A=1")], [("env", "A=2")], RECREATE),
        ([("env", "A=1")], [("env", "A=1")], CHECK),
        ([], [("interactive", "true")], RECREATE),
        ([], [("terminal", "true")], RECREATE),
        ([], [("privileged", "true")], RECREATE),
        ([], [("privileged", "false")], CHECK),
        ([("memory", "64M"), ("memoryReservation", "3M")], [("memory", "64M"), ("memoryReservation", "34M")], UPDATED),
    ],
)
def test_group_41_what_a_difference_needs(old: list[Config], new: list[Config], expected: str) -> None:
    assert run(becomes(tuple(old), tuple(new))) == expected


@pytest.mark.parametrize(("image", "expected"), [("x:1", CHECK), ("x:2", RECREATE), ("docker.io/library/x:1", CHECK)])
def test_group_41_images(image: str, expected: str) -> None:
    """Differs: `x:1` and `docker.io/library/x:1` are one image, though not one text."""
    assert run(becomes((), (), image)) == expected


@pytest.mark.parametrize(
    "config",
    [
        (("restartPolicy", "unless-stopped"),), (("logDriver", "json-file"), ("logMaxFiles", "2"), ("logMaxSize", "100M")),
        (("terminal", "false"), ("interactive", "false")), (("network", "bridge"),), (("logMode", "blocking"),),
    ],
)  # fmt: skip
def test_group_42_nothing_and_the_default_are_equal(config: tuple[Config, ...]) -> None:
    """Differs: with Kanto defined and undefined differ, even if what is defined is empty (defect B10)."""
    assert run(becomes((), config)) == CHECK
    assert run(becomes(config, ())) == CHECK


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([("env", "A=1"), ("env", "B=2")], [("env", "B=2"), ("env", "A=1")], CHECK),
        ([("cmd", "a"), ("cmd", "b")], [("cmd", "b"), ("cmd", "a")], RECREATE),
        ([("port", "80:80"), ("port", "81:81")], [("port", "81:81"), ("port", "80:80")], CHECK),
        ([("mount", "/a:/a"), ("mount", "/b:/b")], [("mount", "/b:/b"), ("mount", "/a:/a")], CHECK),
        ([("host", "a:1.1.1.1"), ("host", "b:1.1.1.2")], [("host", "b:1.1.1.2"), ("host", "a:1.1.1.1")], CHECK),
        ([("env", "A=1"), ("env", "B=2")], [("env", "A=1"), ("env", "C=2")], RECREATE),
    ],
)
def test_group_43_order(old: list[Config], new: list[Config], expected: str) -> None:
    assert run(becomes(tuple(old), tuple(new))) == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (("network", "host"), RECREATE), (("device", "/dev/a:/dev/a"), RECREATE), (("port", "80:80"), RECREATE),
        (("logDriver", "none"), RECREATE), (("host", "a:1.1.1.1"), RECREATE), (("logMode", "non-blocking"), RECREATE),
        (("restartPolicy", "always"), UPDATED),
    ],
)  # fmt: skip
def test_group_44_host_config(config: Config, expected: str) -> None:
    assert run(becomes((), (config,))) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [("64M", "96M", UPDATED), ("96M", "64M", UPDATED), ("64M", "", RECREATE), ("", "64M", RECREATE)],
)
def test_group_44_a_limit_is_changed_in_place_but_neither_set_nor_lifted(
    before: str, after: str, expected: str
) -> None:
    def limit(text: str) -> tuple[Config, ...]:
        return (("memory", text),) if text else ()

    assert run(becomes(limit(before), limit(after))) == expected


# ── texts ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def refused(key: str, value: str) -> str:
    """Why a component with this setting is refused, "" when it is not."""
    said = await Device().desired("a", asked("web", "1", (key, value)))
    return said[0].message if said[0].status == "IDENTIFICATION_FAILED" else ""


@pytest.mark.parametrize("value", ["/dev/a:/dev/b", "/dev/a:/dev/b:r", "/dev/a:/dev/b:mw"])
def test_group_45_devices(value: str) -> None:
    assert run(refused("device", value)) == ""


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", ""),
        ("a:b:c:d", ""),
        ("/dev/a:/dev/b:", "expected hostPath[:containerPath[:permissions]]"),
        ("/dev/a:/dev/b:rwmx", "expected permissions made of r, w and m"),
        ("/dev/a:/dev/b:x", "expected permissions made of r, w and m"),
    ],
)
def test_group_45_devices_that_are_none(value: str, reason: str) -> None:
    """Differs: one text for all, and what is wrong in words of our own; `/dev/a` alone is the same path in the container."""
    message = run(refused("device", value))
    assert f"incorrect configuration value for device mapping {value}" in message
    assert reason in message
    assert run(refused("device", "/dev/a")) == ""


@pytest.mark.parametrize("mode", ["rprivate", "private", "rshared", "shared", "rslave", "slave"])
def test_group_46_mounts(mode: str) -> None:
    assert run(refused("mount", f"/a:/b:{mode}")) == ""


@pytest.mark.parametrize("value", ["", "/a", "/a:/b:private:x"])
def test_group_46_mounts_that_are_none(value: str) -> None:
    assert f"Incorrect number of parameters of the mount point {value}" in run(refused("mount", value))


@pytest.mark.parametrize("value", ["80:80", "88:8888/udp", "5000-6000:8080/udp", "192.168.0.1:7000-8000:8081/tcp"])
def test_group_47_ports(value: str) -> None:
    assert run(refused("port", value)) == ""


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", ""),
        ("80", "expected [hostIP:]hostPort[-end]:containerPort"),
        ("1:2:3:4", ""),
        ("x.y:80:80", "`x.y` is no IP address"),
        ("x:80", "expected a port from 1 to 65535"),
        ("80-x:80", "expected a port from 1 to 65535"),
        ("80:x", "expected a port from 1 to 65535"),
        ("80:80/tcp/x", ""),
    ],
)
def test_group_47_ports_that_are_none(value: str, reason: str) -> None:
    """Differs: one text for all, and what is wrong in words of our own."""
    message = run(refused("port", value))
    assert f"Incorrect port mapping configuration {value}" in message
    assert reason in message


@pytest.mark.parametrize(
    ("text", "size"), [("4096k", 4 << 20), ("4096K", 4 << 20), ("3.5m", 7 << 19), ("1.5G", 3 << 29)]
)
def test_group_49_sizes(text: str, size: int) -> None:
    async def story() -> None:
        assert (await created(("memory", text))).resources.memory == size

    run(story())


def test_group_49_a_size_that_is_none() -> None:
    assert "invalid format of memory - 1z" in run(refused("memory", "1z"))


def test_group_51_ports_and_devices_are_filled_in() -> None:
    async def story() -> None:
        container = await created(("port", "80:81"), ("device", "/dev/a:/dev/b"))
        (port,), (device,) = container.ports, container.devices
        assert (port.host_ip, port.host_port_end, port.protocol) == ("0.0.0.0", 80, "tcp")
        assert device.permissions == "rwm"

    run(story())


def test_group_52_swap() -> None:
    """Differs: missing stays missing in what is compared (defect B1); the engine doubles it, as Kanto does."""

    async def story() -> None:
        assert (await created(("memory", "64M"), ("memorySwap", "100M"))).resources.memory_swap == 100 << 20
        assert (await created(("memory", "64M"), ("memorySwap", "-1"))).resources.memory_swap == -1

    run(story())


def test_group_54_names_of_images() -> None:
    async def story() -> None:
        device = Device()
        await device.bring("a", asked("web", "1", image="reg.io:5000/team/web:1"), asked("db", "1", image="db"))
        assert device.running() == {"web": "reg.io:5000/team/web:1", "db": "docker.io/library/db:latest"}

    run(story())
