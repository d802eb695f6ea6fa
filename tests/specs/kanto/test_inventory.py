"""The inventory, against Kanto's own tests (container-management.md §7.1, groups 30–40) and its recorded examples."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.specs.codec import changed, encode
from evenkeel.specs.containers.container import (
    UNLIMITED,
    Container,
    Device,
    Log,
    Mount,
    Port,
    Propagation,
    Resources,
    Restart,
)
from evenkeel.specs.containers.normalise import contradictions, normal
from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen, State
from evenkeel.specs.containers.shorthand import parse_port
from evenkeel.specs.kanto.desired import desired_state_drafts
from evenkeel.specs.kanto.inventory import Values, go_duration_text, image_version, inventory, kanto_size_text
from evenkeel.specs.kanto.updateagent import SoftwareNode, inventory_bytes
from evenkeel.specs.problem import Flaw
from evenkeel.specs.reading.quantity import parse_size

CREATED = 1767323045.678901  # 2026-01-02T03:04:05.678901Z
K, M = 1024, 1024**2


def instance(container: Container | None = None, **facts: Any) -> ContainerSeen:
    """A running container `web`, unless told otherwise."""
    asked = normal(container or Container("web", "reg.io:5000/nginx:1.0"))
    known: dict[str, Any] = {
        "id": "0123",
        "name": asked.name,
        "engine_name": asked.name,
        "image_id": "sha256:1",
        "state": "running",
        "container": asked,
        "image": asked.image,
        "created_at": CREATED,
        "started_at": CREATED,
    }
    return ContainerSeen(**{**known, **facts})


def nodes(*instances: ContainerSeen, verbose: bool = False, **more: Any) -> tuple[SoftwareNode, ...]:
    return inventory("containers", ContainersSeen("e", containers=instances), verbose, **more).software_nodes[1:]


def parameters(seen: ContainerSeen, *, verbose: bool = False, **more: Any) -> list[tuple[str, str]]:
    (node,) = nodes(seen, verbose=verbose, **more)
    return [(item.key, item.value) for item in node.parameters]


def asked(verbose: bool = False, *, values: Values = "none", **fields: Any) -> dict[str, Any]:
    """Parameters of a container with these fields; a text, or a list of texts where a key may repeat."""
    found: dict[str, list[str]] = {}
    for key, value in parameters(instance(Container("web", "i:1", **fields)), verbose=verbose, values=values):
        found.setdefault(key, []).append(value)
    many = ("device", "port", "host", "mount", "env", "cmd")
    return {key: values if key in many else values[-1] for key, values in found.items()}


BARE = {"image", "status", "created"}
"""What is always said."""


# ── the whole ───────────────────────────────────────────────────────────────────────────────────────────────────────────

VERBOSE_EXAMPLE = """{"id":"containers:web","version":"1.0","parameters":[
{"key":"image","value":"reg.io:5000/nginx:1.0"},{"key":"domainName","value":"web-domain"},{"key":"hostName","value":"web-host"},
{"key":"terminal","value":"true"},{"key":"interactive","value":"false"},{"key":"privileged","value":"false"},
{"key":"restartPolicy","value":"on-failure"},{"key":"restartMaxRetries","value":"3"},{"key":"restartTimeout","value":"1m30s"},
{"key":"device","value":"/dev/a:/dev/b:r"},{"key":"port","value":"8080-8090:80/udp"},{"key":"network","value":"bridge"},
{"key":"host","value":"h:host_ip"},{"key":"logDriver","value":"json-file"},{"key":"logMaxFiles","value":"2"},
{"key":"logMaxSize","value":"100M"},{"key":"logMode","value":"non-blocking"},{"key":"logMaxBufferSize","value":"1M"},
{"key":"memory","value":"64M"},{"key":"memorySwap","value":"128M"},{"key":"mount","value":"/a:/b:rprivate"},
{"key":"env","value":"A=1"},{"key":"cmd","value":"-x"},
{"key":"status","value":"Running"},{"key":"finishedAt"},{"key":"exitCode","value":"0"},
{"key":"created","value":"2026-01-02T03:04:05.678901Z"},
{"key":"restartCount","value":"0"},{"key":"manuallyStopped","value":"false"},
{"key":"startedSuccessfullyBefore","value":"true"}],"type":"CONTAINER"}"""
"""§2.7, but for units (`64m` there: sizes are numbers to us) and nanoseconds (times are exact to microseconds)."""


def test_the_verbose_example_byte_for_byte() -> None:
    container = Container(
        name="web",
        image="reg.io:5000/nginx:1.0",
        terminal=True,
        restart=Restart("on-failure", 3, timedelta(seconds=90)),
        devices=(Device("/dev/b", "/dev/a", "r"),),
        ports=(Port(8080, 80, host_port_end=8090, protocol="udp"),),
        extra_hosts=(("h", "host_ip"),),
        log=Log(mode="non-blocking"),
        resources=Resources(64 * M),
        mounts=(Mount("/b", "/a"),),
        env=(("A", "1"),),
        command=("-x",),
    )
    (node,) = nodes(instance(container), verbose=True, values="all")
    assert encode(node).decode() == VERBOSE_EXAMPLE.replace("\n", "")


def test_the_recorded_answer_to_a_request() -> None:
    """W1b of §2.9, with the microseconds that we know."""
    lamp = Container(
        "lamp",
        "reg.example/lamp:1.4",
        ports=(Port(8080, 80),),
        resources=Resources(64 * M, None, 128 * M),
        env=(("LEVEL", "1"),),
    )
    sua = instance(Container("sua", "reg.example/sua:1.0"))
    seen = ContainersSeen("e", containers=(sua, instance(lamp)))
    expected = (
        '{"activityId":"q1","timestamp":1300,"payload":{"softwareNodes":[{"id":"containers-update-agent","version":"1.0.0",'
        '"name":"Eclipse Kanto Containers Update Agent","parameters":[{"key":"domain","value":"containers"}],'
        '"type":"APPLICATION"},{"id":"containers:lamp","version":"1.4","parameters":['
        '{"key":"image","value":"reg.example/lamp:1.4"},{"key":"port","value":"8080:80/tcp"},{"key":"memory","value":"64M"},'
        '{"key":"memorySwap","value":"128M"},{"key":"env","value":"LEVEL=1"},{"key":"status","value":"Running"},'
        '{"key":"created","value":"2026-01-02T03:04:05.678901Z"}],"type":"CONTAINER"},'
        '{"id":"containers:sua","version":"1.0","parameters":[{"key":"image","value":"reg.example/sua:1.0"},'
        '{"key":"status","value":"Running"},{"key":"created","value":"2026-01-02T03:04:05.678901Z"}],"type":"CONTAINER"}],'
        '"associations":[{"sourceId":"containers-update-agent","targetId":"containers:lamp"},'
        '{"sourceId":"containers-update-agent","targetId":"containers:sua"}]}}'
    )
    assert inventory_bytes("q1", 1300, inventory("containers", seen, verbose=False, values="all")).decode() == expected


@pytest.mark.parametrize("verbose", [True, False])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_group_8_agent_containers_and_associations(count: int, verbose: bool) -> None:
    seen = ContainersSeen("e", containers=tuple(instance(Container(f"c{n}", "i:v")) for n in reversed(range(count))))
    found = inventory("my-domain", seen, verbose, agent_version="2.0")
    agent, *containers = found.software_nodes
    assert (agent.id, agent.version, agent.type) == ("my-domain-update-agent", "2.0", "APPLICATION")
    assert [(item.key, item.value) for item in agent.parameters] == [("domain", "my-domain")]
    assert agent.name
    assert [node.id for node in containers] == [f"my-domain:c{n}" for n in range(count)]
    assert {(node.name, node.type, node.version) for node in containers} <= {("", "CONTAINER", "v")}
    assert all(node.parameters for node in containers)
    assert [(each.source_id, each.target_id) for each in found.associations] == [
        (agent.id, node.id) for node in containers
    ]
    assert ("associations" in json.loads(encode(found))) == bool(count)


# ── whose containers, and which instance ────────────────────────────────────────────────────────────────────────────────


def test_containers_of_others_are_no_nodes_unless_they_are_system_containers() -> None:
    foreign = instance(container=None, name="sua", image="docker.io/library/sua:1", state="exited")
    foreign = changed(foreign, container=None)
    assert nodes(foreign) == ()
    (node,) = nodes(foreign, system=("sua",))
    assert (node.id, node.version) == ("containers:sua", "1")
    assert [item.key for item in node.parameters] == ["image", "status", "created"]
    assert nodes(foreign, system=("sua",), verbose=True) == (node,)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("running", "created", "old"),
        ("exited", "running", "new"),
        ("exited", "created", "old"),
        ("running", "running", "new"),
        ("dead", "exited", "new"),
    ],
)
def test_a_name_is_one_node_also_during_an_update(old: State, new: State, expected: str) -> None:
    before = instance(Container("web", "i:old"), id="1", state=old, engine_name="web.old-1", created_at=CREATED + 9)
    after = instance(Container("web", "i:new"), id="2", state=new)
    for order in ((before, after), (after, before)):
        (node,) = nodes(*order)
        assert node.version == expected


# ── Kanto's groups ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("mycontainerregistry.com:8080/my-container:v1", "v1"),
        ("my-container:my-branch:123456", "my-branch:123456"),
        ("x@sha256:abc", "sha256:abc"),
        ("x:1@sha256:abc", "sha256:abc"),
        ("my-container:", "n/a"),
        ("x", "n/a"),
        ("x:", "n/a"),
        ("x@", "n/a"),
        ("", "n/a"),
        ("reg:5000/x", "n/a"),
    ],
)
def test_group_30_version_of_an_image(image: str, version: str) -> None:
    assert image_version(image) == version


def test_a_version_is_the_same_in_normal_form_but_for_the_tag_that_everybody_means() -> None:
    assert image_version(normal(Container("a", "nginx:1.27")).image) == image_version("nginx:1.27")
    assert image_version(normal(Container("a", "nginx")).image) == "latest"


def test_group_31_names_and_history() -> None:
    container = Container("web", "i:1", domain_name="d", host_name="h")
    seen = instance(container, state="exited", exit_code=1, restart_count=2, finished_at=CREATED)
    shown = dict(parameters(seen))
    assert (shown["domainName"], shown["hostName"], shown["restartCount"]) == ("d", "h", "2")
    assert (shown["manuallyStopped"], shown["startedSuccessfullyBefore"]) == ("true", "true")
    never = instance(container, state="created", started_at=0.0)
    assert not {"restartCount", "manuallyStopped", "startedSuccessfullyBefore"} & dict(parameters(never)).keys()
    verbose = dict(parameters(never, verbose=True))
    assert (verbose["restartCount"], verbose["manuallyStopped"], verbose["startedSuccessfullyBefore"]) == (
        "0",
        "false",
        "false",
    )
    assert asked().keys() == BARE
    assert (asked(True)["domainName"], asked(True)["hostName"]) == ("web-domain", "web-host")


def test_group_32_privileged() -> None:
    assert asked(privileged=True)["privileged"] == "true"
    assert "privileged" not in asked()
    assert asked(True)["privileged"] == "false"


def test_group_33_restart_policies() -> None:
    for policy in ("no", "always"):
        assert asked(restart=Restart(policy)).keys() == {*BARE, "restartPolicy"}
        shown = asked(True, restart=Restart(policy))
        assert (shown["restartPolicy"], shown["restartMaxRetries"], shown["restartTimeout"]) == (policy, "0", "0s")
    shown = asked(restart=Restart("on-failure", 5, timedelta(minutes=3)))
    assert (shown["restartPolicy"], shown["restartMaxRetries"], shown["restartTimeout"]) == ("on-failure", "5", "3m0s")
    assert "restartPolicy" not in asked()
    assert asked(True)["restartPolicy"] == "unless-stopped"


def test_group_34_network() -> None:
    assert "network" not in asked()
    assert asked(True)["network"] == "bridge"
    assert asked(network="host")["network"] == "host"
    assert asked(True, network="host")["network"] == "host"


def test_containers_in_network_mode_host_have_the_name_of_the_host() -> None:
    seen = instance(Container("web", "i:1", network="host"), device_name="vehicle")
    shown = dict(parameters(seen))
    assert shown["hostName"] == "vehicle"
    assert "domainName" not in shown
    shown = dict(parameters(seen, verbose=True))
    assert (shown["hostName"], shown["domainName"]) == ("vehicle", "web-domain")


def test_group_35_logs() -> None:
    assert asked(log=Log("none"))["logDriver"] == "none"
    assert not {"logMaxFiles", "logMaxSize", "logPath"} & asked(True, log=Log("none")).keys()
    shown = asked(log=Log(max_files=6, max_size=100 * K, path="/var/log/x"))
    assert (shown["logMaxFiles"], shown["logMaxSize"], shown["logPath"]) == ("6", "100K", "/var/log/x")
    assert asked(log=Log()).keys() == BARE
    shown = asked(True)
    assert (shown["logDriver"], shown["logMaxFiles"], shown["logMaxSize"]) == ("json-file", "2", "100M")
    assert shown["logMode"] == "blocking"
    assert not {"logPath", "logMaxBufferSize"} & shown.keys()
    shown = asked(log=Log(mode="non-blocking", max_buffer_size=100 * K))
    assert (shown["logMode"], shown["logMaxBufferSize"]) == ("non-blocking", "100K")
    assert "logMaxBufferSize" not in asked(log=Log(mode="non-blocking"))
    assert asked(True, log=Log(mode="non-blocking"))["logMaxBufferSize"] == "1M"


@pytest.mark.parametrize("verbose", [True, False])
def test_group_36_memory(verbose: bool) -> None:
    shown = asked(verbose, resources=Resources(200 * M, 100 * M, 250 * M))
    assert (shown["memory"], shown["memoryReservation"], shown["memorySwap"]) == ("200M", "100M", "250M")
    assert not {"memory", "memoryReservation", "memorySwap"} & asked(verbose).keys()
    shown = asked(verbose, resources=Resources(None, 100 * M))
    assert shown.keys() & {"memory", "memoryReservation", "memorySwap"} == {"memoryReservation"}
    shown = asked(verbose, resources=Resources(200 * M))  # swap is twice the memory from creation on, as with Kanto
    assert (shown["memory"], shown["memorySwap"]) == ("200M", "400M")
    assert asked(verbose, resources=Resources(200 * M, None, UNLIMITED))["memorySwap"] == "-1"


PORTS = ("80:80/tcp", "88:8888/udp", "5000-6000:8080/udp", "192.168.0.1:7000-8000:8081/tcp")
PROPAGATIONS: tuple[Propagation, ...] = ("rprivate", "private", "rshared", "shared", "rslave", "slave")


@pytest.mark.parametrize("verbose", [True, False])
def test_group_37_devices_ports_hosts_and_mounts(verbose: bool) -> None:
    shown = asked(
        verbose,
        devices=tuple(Device(f"/dev/b{rights}", "/dev/a", rights) for rights in ("mw", "r", "rwm")),
        ports=tuple(parse_port(text)[0] for text in PORTS),
        extra_hosts=(("h1", "10.0.0.1"), ("h2", "host_ip")),
        mounts=tuple(Mount(f"/{mode}", "/src", mode) for mode in PROPAGATIONS),
    )
    assert shown["device"] == ["/dev/a:/dev/bmw:mw", "/dev/a:/dev/br:r", "/dev/a:/dev/brwm:rwm"]
    assert sorted(shown["port"]) == sorted(PORTS)
    assert shown["host"] == ["h1:10.0.0.1", "h2:host_ip"]
    assert sorted(shown["mount"]) == sorted(f"/src:/{mode}:{mode}" for mode in PROPAGATIONS)


@pytest.mark.parametrize("verbose", [True, False])
@pytest.mark.parametrize("env", [(), (("A", "1"), ("B", ""), ("C", None))])
@pytest.mark.parametrize("command", [None, (), ("sh", "-c", "a b")])
def test_group_38_variables_and_arguments(
    env: tuple[tuple[str, str | None], ...], command: tuple[str, ...] | None, verbose: bool
) -> None:
    shown = asked(verbose, env=env, command=command, values="all")
    assert shown.get("env", []) == (["A=1", "B=", "C"] if env else [])
    assert shown.get("cmd", []) == list(command or ())
    shown = asked(verbose, env=env, command=command)
    assert shown.get("env", []) == (["A=(hidden)", "B=(hidden)", "C"] if env else [])
    assert shown.get("cmd", []) == ["(hidden)"] * len(command or ())


def test_what_a_spec_marks_is_in_no_report() -> None:
    shown = asked(False, env=(("A", "1"), ("B", "2")), secrets=("B",), values="unmarked")
    assert shown["env"] == ["A=1", "B=(hidden)"]


@pytest.mark.parametrize(
    ("state", "facts", "expected"),
    [
        ("created", {}, {"status": "Created"}),
        ("running", {}, {"status": "Running"}),
        ("paused", {}, {"status": "Paused"}),
        ("dead", {}, {"status": "Dead"}),
        ("exited", {"finished_at": CREATED}, {"status": "Stopped", "finishedAt": "2026-01-02T03:04:05.678901Z"}),
        (
            "exited",
            {"finished_at": 1767323045.0, "exit_code": -1},
            {"status": "Stopped", "finishedAt": "2026-01-02T03:04:05Z", "exitCode": "-1"},
        ),
        (
            "restarting",
            {"finished_at": 1767323045.5, "exit_code": 1234},
            {"status": "Exited", "finishedAt": "2026-01-02T03:04:05.5Z", "exitCode": "1234"},
        ),
    ],
)
def test_group_39_state(state: State, facts: dict[str, Any], expected: dict[str, str]) -> None:
    seen = instance(state=state, started_at=0.0, **facts)
    shown = dict(parameters(seen))
    assert {key: shown[key] for key in ("status", "finishedAt", "exitCode") if key in shown} == expected
    verbose = dict(parameters(seen, verbose=True))
    assert {key: verbose[key] for key in ("status", "finishedAt", "exitCode")} == {
        "finishedAt": "",
        "exitCode": "0",
        **expected,
    }


@pytest.mark.parametrize("state", ["created", "running", "paused"])
def test_the_end_of_an_earlier_run_is_not_reported_of_a_process_that_is_alive(state: State) -> None:
    seen = instance(state=state, finished_at=CREATED, exit_code=137)
    assert not {"finishedAt", "exitCode"} & dict(parameters(seen)).keys()


@pytest.mark.parametrize(
    ("restart", "exit_code", "status"),
    [
        (Restart("no"), 0, "Exited"),
        (Restart("no"), 1, "Exited"),
        (Restart("always"), 0, "Stopped"),
        (Restart("unless-stopped"), 143, "Stopped"),
        (Restart("on-failure"), 0, "Exited"),
        (Restart("on-failure"), 1, "Stopped"),
        (Restart("on-failure", 3), 1, "Exited"),
    ],
)
def test_what_an_engine_would_have_started_again_was_stopped(restart: Restart, exit_code: int, status: str) -> None:
    seen = instance(Container("web", "i:1", restart=restart), state="exited", exit_code=exit_code)
    shown = dict(parameters(seen))
    assert (shown["status"], "manuallyStopped" in shown) == (status, status == "Stopped")


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("interactive", [True, False])
def test_group_40_terminal_and_interactive(terminal: bool, interactive: bool) -> None:
    shown = asked(terminal=terminal, interactive=interactive)
    assert (shown.get("terminal"), shown.get("interactive")) == (
        "true" if terminal else None,
        "true" if interactive else None,
    )
    verbose = asked(True, terminal=terminal, interactive=interactive)
    assert (verbose["terminal"], verbose["interactive"]) == (
        "true" if terminal else "false",
        "true" if interactive else "false",
    )


# ── texts ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(seconds=20), "20s"),
        (timedelta(minutes=3), "3m0s"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(hours=1), "1h0m0s"),
        (timedelta(hours=25, seconds=1.5), "25h0m1.5s"),
        (timedelta(milliseconds=250), "250ms"),
        (timedelta(microseconds=1500), "1.5ms"),
        (timedelta(microseconds=7), "7µs"),
    ],
)
def test_durations_are_printed_as_go_does(duration: timedelta, text: str) -> None:
    assert go_duration_text(duration) == text


@given(st.integers(0, 1024**5))
def test_sizes_are_exact_and_have_a_unit_that_kanto_knows(size: int) -> None:
    assert parse_size(kanto_size_text(size)) == size


# ── a node pasted into a desired state ──────────────────────────────────────────────────────────────────────────────────

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), max_size=8)
SIZES = st.integers(3 * M, 10 * 1024 * M)


@st.composite
def containers(draw: st.DrawFn) -> Container:
    """Containers in normal form of what Kanto has words for."""
    network = draw(st.sampled_from(["bridge", "host"]))
    memory = draw(st.none() | SIZES)
    restart = draw(
        st.sampled_from([Restart("no"), Restart("always"), Restart()])
        | st.builds(
            Restart,
            st.just("on-failure"),
            st.integers(0, 9),
            st.none() | st.integers(1, 10**6).map(lambda milliseconds: timedelta(milliseconds=milliseconds)),
        )
    )
    ports = st.builds(Port, st.integers(1, 99), st.integers(1, 65535), st.sampled_from(["0.0.0.0", "::1", "10.0.0.1"]))
    return normal(
        Container(
            name=draw(NAMES),
            image=draw(st.sampled_from(["nginx", "reg.example:5000/a/b:1", f"x@sha256:{'a' * 64}"])),
            terminal=draw(st.booleans()),
            interactive=draw(st.booleans()),
            network="host" if network == "host" else "bridge",
            host_name=draw(st.none() | NAMES) if network == "bridge" else None,
            domain_name=draw(st.none() | NAMES) if network == "bridge" else None,
            restart=restart,
            devices=tuple(draw(st.lists(st.builds(Device, st.just("/dev/b"), st.just("/dev/a"), st.just("rw")), max_size=1))),
            ports=tuple(draw(st.lists(ports, max_size=1))) if network == "bridge" else (),
            extra_hosts=tuple(draw(st.dictionaries(NAMES, st.sampled_from(["10.0.0.1", "::1", "container_x"]))).items()),
            mounts=tuple(
                draw(st.lists(st.builds(Mount, st.just("/b"), st.just("/a"), read_only=st.booleans()), max_size=1))
            ),
            env=tuple(draw(st.dictionaries(NAMES, st.none() | TEXTS, max_size=2)).items()),
            command=tuple(draw(st.lists(TEXTS, max_size=3))),
            log=draw(
                st.builds(Log, max_files=st.integers(1, 9), max_size=SIZES, mode=st.sampled_from(["blocking", "non-blocking"]))
                | st.just(Log("none"))
            ),
            resources=Resources(
                memory,
                draw(st.none() | st.just(memory)),
                draw(st.sampled_from([None, UNLIMITED, 2**40])) if memory else None,
            ),
        )
    )  # fmt: skip


@given(containers(), st.booleans())
def test_a_node_pasted_into_a_desired_state_asks_for_the_same_container(container: Container, verbose: bool) -> None:
    assert not list(contradictions(container))
    device_name = "vehicle" if container.network == "host" else ""
    (node,) = nodes(instance(container, device_name=device_name), verbose=verbose, values="all")
    config = [{"key": item.key, "value": item.value} for item in node.parameters]
    component = {"id": container.name, "version": node.version, "config": config}
    flaws: list[Flaw] = []
    (draft,) = desired_state_drafts({"domains": [{"id": "containers", "components": [component]}]}, flaws)
    assert isinstance(draft.wanted, Container)
    usual = tuple(changed(mount, propagation=mount.propagation or "rprivate") for mount in container.mounts)
    told = changed(container, mounts=usual, stop=draft.wanted.stop)  # Kanto has no words for how to end
    assert draft.wanted == told
