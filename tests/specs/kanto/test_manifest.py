"""Kanto's container manifests, in both spellings (container-management.md §3.1, §3.4; leda-image.md §2)."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from tests.places import DATA

from evenkeel.specs.codec import plain
from evenkeel.specs.containers.container import UNLIMITED, Container, Device, Log, Mount, Port, Resources, Restart, Stop
from evenkeel.specs.desired import asked_at
from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.kanto.manifest import manifest_drafts
from evenkeel.specs.problem import Flaw, path_text, problem_text

MANIFESTS = DATA / "manifests"
NAMES = ("databroker", "feedercan", "seatservice-example", "sua")
MIB = 1024**2
KANTO_STOP = Stop(timeout=timedelta(seconds=30))


def manifest(**keys: Any) -> dict[str, Any]:
    return {"container_name": "lamp", "image": {"name": "reg.example/lamp:1.4"}, **keys}


def host(**keys: Any) -> dict[str, Any]:
    return manifest(host_config=keys)


def container(value: dict[str, Any]) -> Container:
    flaws: list[Flaw] = []
    (draft,) = manifest_drafts(value, flaws)
    assert flaws == []
    assert isinstance(draft.wanted, Container)
    return draft.wanted


def complaints(value: object) -> list[str]:
    flaws: list[Flaw] = []
    drafts = manifest_drafts(value, flaws)
    assert bool(drafts) == all(flaw.warning for flaw in flaws)
    return [
        (f"{path_text(flaw.path)}: " if flaw.path else "")
        + flaw.message
        + (f"; {flaw.hint}" if flaw.hint else "")
        + (" (warning)" * flaw.warning)
        for flaw in flaws
    ]


def decoded(path: Path) -> Container:
    result = decode_file(path.read_bytes(), path.name)
    assert [problem_text(problem) for problem in result.problems] == []
    (document,) = result.documents
    assert isinstance(document.wanted, Container)
    return document.wanted


@pytest.mark.parametrize("name", NAMES)
def test_the_manifests_of_leda_say_the_same_in_both_spellings(name: str, snapshot: SnapshotAssertion) -> None:
    short, internal = decoded(MANIFESTS / f"{name}.json"), decoded(MANIFESTS / f"{name}.internal.json")
    assert short == internal
    assert plain(short) == snapshot


def test_a_name_and_an_image_are_enough() -> None:
    assert container(manifest()) == Container(
        "lamp", "reg.example/lamp:1.4", host_name="lamp-host", domain_name="lamp-domain", stop=KANTO_STOP
    )


def test_everything_a_manifest_can_say_is_read() -> None:
    assert container(
        manifest(
            host_name="h",
            domain_name="d",
            mount_points=[{"source": "/data/lamp", "destination": "/cfg", "propagation_mode": "rslave"}],
            mounts=[{"source": "/a", "destination": "/b"}],
            config={"env": ["LEVEL=1"], "cmd": ["--verbose"]},
            host_config={
                "network_mode": "bridge",
                "extra_capabilities": ["CAP_NET_ADMIN"],
                "devices": [{"path_on_host": "/dev/a", "path_in_container": "/dev/b", "cgroup_permissions": "r"}],
                "restart_policy": {"type": "on-failure", "maximum_retry_count": 3, "retry_timeout": 30000000000},
                "extra_hosts": ["broker:host_ip"],
                "port_mappings": [
                    {"proto": "udp", "host_ip": "::1", "host_port": 8080, "host_port_end": 8090, "container_port": 80},
                    {"host_port": 1, "container_port": 2},
                ],
                "log_config": {
                    "driver_config": {"type": "json-file", "max_files": 3, "max_size": "1M", "root_dir": "/log"},
                    "mode_config": {"mode": "non-blocking", "max_buffer_size": "2M"},
                },
                "resources": {"memory": "64M", "memory_reservation": "32M", "memory_swap": "-1"},
            },
            io_config={"tty": True, "open_stdin": True},
        )
    ) == Container(
        "lamp",
        "reg.example/lamp:1.4",
        host_name="h",
        domain_name="d",
        mounts=(Mount("/b", "/a"), Mount("/cfg", "/data/lamp", "rslave")),
        env=(("LEVEL", "1"),),
        command=("--verbose",),
        capabilities=("CAP_NET_ADMIN",),
        devices=(Device("/dev/b", "/dev/a", "r"),),
        restart=Restart("on-failure", 3, timedelta(seconds=30)),
        extra_hosts=(("broker", "host_ip"),),
        ports=(Port(1, 2, host_port_end=1), Port(8080, 80, "::1", 8090, "udp")),
        log=Log("json-file", 3, MIB, "/log", "non-blocking", 2 * MIB),
        resources=Resources(64 * MIB, 32 * MIB, UNLIMITED),
        terminal=True,
        interactive=True,
        stop=KANTO_STOP,
    )


@pytest.mark.parametrize(
    "keys",
    [
        dict.fromkeys(("mount_points", "mounts", "hooks", "config", "host_config", "io_config", "network_settings")),
        {
            "host_name": "",
            "domain_name": "",
            "hooks": [],
            "mounts": [],
            "config": {},
            "host_config": {},
            "io_config": {},
        },
        {"config": {"env": [], "cmd": []}, "host_config": {"devices": [], "resources": {}, "log_config": {}}},
        {"host_config": {"privileged": False, "extra_capabilities": [], "restart_policy": {"type": ""}, "runtime": ""}},
        {
            "host_config": {
                "resources": {"memory": "", "memory_swap": ""},
                "log_config": {"driver_config": {"max_files": 0}},
            }
        },
        {"resolv_conf_path": "/x", "hosts_path": "/x", "hostname_path": "/x", "created": "x", "restart_count": 7},
        {"container_id": "x", "id": "y", "state": {"pid": 1, "status": "Running"}, "manually_stopped": True},
        {"started_successfully_before": True, "network_settings": {"networks": {"bridge": {"id": "x"}}}},
        {"io_config": {"attach_stderr": True, "attach_stdin": True, "attach_stdout": True, "stdin_once": True}},
        {"host_config": {"runtime": "io.containerd.runc.v2"}},
        {"image": {"name": "reg.example/lamp:1.4", "decrypt_config": {"keys": [], "recipients": None}}},
    ],
)
def test_nothing_is_what_the_engine_writes_for_nothing(keys: dict[str, Any]) -> None:
    assert container(manifest(**keys)) == container(manifest())


def test_the_order_of_two_names_does_not_matter() -> None:
    assert container(manifest(name="lamp")) == container(manifest())
    assert complaints(manifest(name="other")) == [
        "name: differs from `container_name`, which is `lamp`; give one of the two"
    ]


@pytest.mark.parametrize(
    ("nanoseconds", "timeout"),
    [(0, None), (1_000_000, timedelta(milliseconds=1)), (90_000_000_000, timedelta(seconds=90))],
)
def test_a_retry_timeout_is_in_nanoseconds(nanoseconds: int, timeout: timedelta | None) -> None:
    policy = {"type": "on-failure", "retry_timeout": nanoseconds}
    assert container(host(restart_policy=policy)).restart == Restart("on-failure", 0, timeout)


def test_a_retry_timeout_that_can_only_be_seconds_is_read_as_such() -> None:
    value = host(restart_policy={"type": "on-failure", "retry_timeout": 30})
    assert complaints(value) == [
        "host_config.restart_policy.retry_timeout: read as 30 seconds; Kanto reads nanoseconds; write 30000000000 (warning)"
    ]
    (draft,) = manifest_drafts(value, [])
    assert isinstance(draft.wanted, Container)
    assert draft.wanted.restart.timeout == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            {"image": {"name": "x"}},
            "the key `container_name` is missing; without a name it would be a new container each time",
        ),
        (manifest(container_name=".x"), "container_name: invalid container name format : .x; expected letters"),
        ({"name": "a b", "image": {"name": "x"}}, "name: invalid container name format : a b; expected letters"),
        (manifest(image={}), "image: the containers image configuration is invalid; give `image.name`"),
        (manifest(image=None), "image: the containers image configuration is invalid; give `image.name`"),
        (manifest(image="x"), "image: expected a mapping with `name`, `decrypt_config`, got a text"),
        (manifest(image={"name": "X"}), "image.name: `X` is no repository name"),
        (
            manifest(image={"name": "x", "decrypt_config": {"keys": ["k"]}}),
            "image.decrypt_config: encrypted images are not",
        ),
        (manifest(hooks=[{"path": "/x"}]), "hooks: hooks are not supported; leave them out"),
        (manifest(mount_point=[]), "mount_point: unknown key `mount_point`; did you mean `mount_points`?"),
        (
            manifest(mount_points=[{"source": "/a"}]),
            "mount_points[0]: source and destination must be set for a mount point",
        ),
        (
            manifest(mounts=[{"source": "/a", "destination": "/b", "propagation_mode": "x"}]),
            "mounts[0]: propagation mode must",
        ),
        (
            manifest(config={"env": ["1VAR=secret"]}),
            "config.env[0]: invalid environmental variable declaration provided : 1VAR",
        ),
        (host(network_mode="custom"), "host_config.network_mode: unsupported network mode custom; expected one of"),
        (host(privileged="yes"), "host_config.privileged: expected true or false, got the text `yes`"),
        (
            host(privileged=True, devices=[{"path_on_host": "/dev/a"}]),
            "host_config.devices[0]: cannot create the container as privileged and with specified devices at the same time",
        ),
        (
            host(privileged=True, extra_capabilities=["ALL"]),
            "host_config.extra_capabilities[0]: cannot create the container",
        ),
        (host(devices=[{}]), "host_config.devices[0]: both path on the host and in the container must be specified"),
        (
            host(port_mappings=[{"host_port": 1}]),
            "host_config.port_mappings[0]: Incorrect port mapping configuration 1:0;",
        ),
        (
            host(port_mappings=[{"host_port": 70000, "container_port": 1}]),
            "host_config.port_mappings[0]: Incorrect port",
        ),
        (
            host(port_mappings=[{"host_ip": "x", "host_port": 1, "container_port": 1}]),
            "host_config.port_mappings[0]: Incorrect",
        ),
        (
            host(port_mappings=[{"host_prot": 1}]),
            "host_config.port_mappings[0].host_prot: unknown key `host_prot`; did you",
        ),
        (host(restart_policy={"type": "x"}), "host_config.restart_policy.type: unsupported restart policy type x"),
        (
            host(restart_policy={"type": "always", "maximum_retry_count": 1}),
            "host_config.restart_policy.maximum_retry_count: cannot use max retry count when the restart policy is always",
        ),
        (
            host(restart_policy={"type": "on-failure", "maximum_retry_count": -1}),
            "host_config.restart_policy.maximum_retry_count: restart policy max retry count cannot be negative",
        ),
        (
            host(restart_policy={"type": "on-failure", "retry_timeout": -1}),
            "host_config.restart_policy.retry_timeout: restart policy retry timeout cannot be negative",
        ),
        (
            host(restart_policy={"retry_timeout": 30}),
            "host_config.restart_policy.retry_timeout: `restartTimeout` has no effect when the restart policy",
        ),
        (host(extra_hosts=["ctr_host"]), "host_config.extra_hosts[0]: expected name:address"),
        (
            host(runtime="io.containerd.kata.v2"),
            "host_config.runtime: the runtime io.containerd.kata.v2 is not supported; the",
        ),
        (
            host(log_config={"driver_config": {"max_files": -1}}),
            "host_config.log_config.driver_config.max_files: max log files",
        ),
        (
            host(log_config={"driver_config": {"max_size": "x"}}),
            "host_config.log_config.driver_config.max_size: invalid format",
        ),
        (
            host(log_config={"driver_config": {"root_dir": "x"}}),
            "host_config.log_config.driver_config.root_dir: expected an",
        ),
        (
            host(log_config={"mode_config": {"mode": "x"}}),
            "host_config.log_config.mode_config.mode: unsupported log mode",
        ),
        (host(resources={"memory": "2.8M"}), "host_config.resources.memory: minimum memory allowed is 3M"),
        (
            host(resources={"memory_swap": "1G"}),
            "host_config.resources.memory_swap: swap memory - 1G, memory must be set",
        ),
        (host(resources={"cpu": "1"}), "host_config.resources.cpu: unknown key `cpu`; expected one of: `memory`"),
    ],
)
def test_what_is_wrong_has_its_place(value: dict[str, Any], expected: str) -> None:
    (complaint,) = complaints(value)
    assert complaint.startswith(expected)


@pytest.mark.parametrize(
    ("written", "read"), [("data", "/data"), ("vspec.json", "/vspec.json"), ("./a/../b", "/b"), ("../x", "/x")]
)
def test_a_relative_destination_is_below_the_root_as_with_kanto(written: str, read: str) -> None:
    """Manifests of Velocitas have them (B4)."""
    value = manifest(mount_points=[{"source": "/s", "destination": written, "propagation_mode": "rprivate"}])
    flaws: list[Flaw] = []
    (draft,) = manifest_drafts(value, flaws)
    assert isinstance(draft.wanted, Container)
    assert draft.wanted.mounts == (Mount(read, "/s", "rprivate"),)
    assert complaints(value) == [
        f"mount_points[0]: the destination is relative; read as {read}, as with Kanto; write {read} (warning)"
    ]


def test_a_difference_can_point_to_the_line_that_asked() -> None:
    path = MANIFESTS / "sua.json"
    (document,) = decode_file(path.read_bytes(), path.name).documents
    lines = path.read_text().splitlines()
    assert lines[asked_at(document, "image").line - 1].strip().startswith('"name": "ghcr.io')
    assert lines[asked_at(document, "restart.policy").line - 1].strip() == '"type": "unless-stopped"'
    assert lines[asked_at(document, "extraHosts.mosquitto").line - 1].strip() == '"mosquitto:host_ip"'
    assert asked_at(document, "ports").line > asked_at(document, "network").line > 1
    assert asked_at(document, "capabilities").line == 1


def test_yaml_will_do_too() -> None:
    content = json.dumps(manifest()).encode() + b"\n---\ncontainer_name: b\nimage: {name: x}\n"
    assert [document.name for document in decode_file(content, "x.yaml").documents] == ["lamp", "b"]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    """N15: faults of shape hid all others until they were mended. What follows from one of them is not said."""
    value = manifest(
        restart_count="x",
        hooks=[{"path": "/x"}],
        decrypt_config={"keys": ["k"]},
        mount_points=[
            {"source": 7, "destination": "/a"},
            {"source": "/b", "destination": "/b", "propagation_mode": "weird"},
        ],
        host_config={
            "privileged": "yes",
            "port_mappings": [{"host_port": 70000, "container_port": 80}],
            "resources": {"memory": 64, "memory_swap": "128M"},
        },
    )
    assert sorted(each.split(";")[0] for each in complaints(value)) == [
        "decrypt_config: encrypted images are not supported",
        "hooks: hooks are not supported",
        "host_config.port_mappings[0]: Incorrect port mapping configuration 70000:80",
        "host_config.privileged: expected true or false, got the text `yes`",
        "host_config.resources.memory: expected a text, got a number",
        "mount_points[0].source: expected a text, got a number",
        "mount_points[1]: propagation mode must be set to one of the supported modes",
    ]


def test_a_name_that_is_wrong_is_not_said_to_be_missing() -> None:
    assert complaints(manifest(container_name=7)) == [
        "container_name: expected a text, got a number; put it into quotes"
    ]
