"""render and parse are each other's inverse: what an engine says of what it was asked for is what was asked for.

If they were not, a container would differ from its spec for ever, and evenkeel would create it anew for ever.
"""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from tests.controller.drivers.containers.docker.inspecting import ID, RECORDED, inspection

from evenkeel.controller.drivers.containers.docker.answers import PublishedPort
from evenkeel.controller.drivers.containers.docker.configuration import Abilities
from evenkeel.controller.drivers.containers.docker.parse import (
    entry_name,
    is_ours,
    lost_limits,
    parse_container,
    parse_foreign,
    parse_images,
    parse_time,
)
from evenkeel.controller.drivers.containers.docker.render import SPEC_LABEL, as_kept, create_body, update_body
from evenkeel.controller.drivers.containers.values import Filled
from evenkeel.reconcilers.containers.compare import same_identity
from evenkeel.specs.codec import changed, decode
from evenkeel.specs.containers.container import (
    UNLIMITED,
    Condition,
    Container,
    Device,
    ExecProbe,
    Health,
    HttpProbe,
    Log,
    Mount,
    Port,
    Resources,
    Restart,
    Stop,
    TcpProbe,
    ValueFrom,
)
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.shorthand import port_text
from evenkeel.specs.errors import Refused

MILLISECOND = timedelta(milliseconds=1)
IMAGE = {
    "Cmd": ["/bin/sleeper"],
    "Env": ["PATH=/bin:/sbin", "A=image", "B=image"],
    "Labels": {"l": "image"},
    "Healthcheck": {"Test": ["CMD", "/bin/true"], "Interval": 30_000_000_000, "StartPeriod": 20_000_000_000},
    "StopSignal": "SIGQUIT",
}


def address_of(interface: str) -> str:
    if interface == "nosuch":
        raise Refused("interface:nosuch", "is not there")
    return "10.9.9.9"


def seen_again(container: Container, image: dict[str, Any] | None = None) -> Container | None:
    body = create_body(container, "evenkeel", address_of)
    return parse_container(inspection(body, container.name, image or {}), "evenkeel").container


# ── every container that can be asked for ─────────────────────────────────────────────────────────────────────────

words = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FFF, categories=["L", "N", "P", "S"]), max_size=8)
names = st.from_regex(r"[a-z][a-z0-9]{1,8}", fullmatch=True)
variables = st.from_regex(r"[A-Z][A-Z0-9_]{0,6}", fullmatch=True)
paths = st.from_regex(r"(/{1,2}[a-z.]{1,4}){1,3}/?", fullmatch=True)
sizes = st.integers(6 * 1024**2, 1 << 40)
numbers = st.integers(1, 65535)
short = st.integers(0, 100_000).map(lambda each: each * MILLISECOND)
long = st.integers(1, 100_000).map(lambda each: each * MILLISECOND)


@st.composite
def all_resources(draw: st.DrawFn) -> Resources:
    memory = draw(st.none() | sizes)
    if memory is None:
        return Resources(memory_reservation=draw(st.none() | sizes))
    swap = draw(st.none() | st.just(UNLIMITED) | st.integers(memory, memory * 3))
    return Resources(memory, draw(st.none() | st.integers(6 * 1024**2, memory)), swap)


probes = st.one_of(
    st.builds(ExecProbe, st.lists(words.filter(bool), min_size=1, max_size=3).map(tuple)),
    st.builds(HttpProbe, numbers, paths),
    st.builds(TcpProbe, numbers),
)
ports = st.builds(
    lambda first, more, inner, ip, protocol: Port(first, inner, ip, min(first + more, 65535), protocol),
    numbers,
    st.integers(0, 9),
    numbers,
    st.sampled_from(["0.0.0.0", "127.0.0.1", "::1", "::"]),
    st.sampled_from(["tcp", "udp"]),
)
logs = st.one_of(
    st.just(Log("none")),
    st.builds(
        Log,
        st.just("json-file"),
        st.integers(1, 9),
        sizes,
        st.sampled_from(["", "/logs"]),
        st.sampled_from(["blocking", "non-blocking"]),
        sizes,
    ),
)
addresses = st.sampled_from(["host_ip", "host_ip_eth0", "container_db-host", "10.1.2.3", "fe80::1"])


@st.composite
def containers(draw: st.DrawFn) -> Container:
    on_host = draw(st.booleans())
    privileged = draw(st.booleans())
    hosts = draw(st.dictionaries(names, st.just("10.1.2.3") if on_host else addresses, max_size=3))
    mounts = draw(st.lists(paths, unique_by=lambda path: path.replace("//", "/").rstrip("/"), max_size=3))
    return normal(
        Container(
            name=draw(names),
            image=draw(st.sampled_from(["web:1", "localhost:5000/a/b:x", "web@sha256:" + "a" * 64])),
            command=draw(st.none() | st.lists(words, min_size=1, max_size=3).map(tuple)),
            env=tuple(draw(st.dictionaries(variables, st.none() | words, max_size=4)).items()),
            ports=() if on_host else tuple(draw(st.lists(ports, max_size=3))),
            mounts=tuple(
                Mount(
                    path,
                    draw(paths),
                    draw(st.sampled_from([None, "rprivate", "shared", "rslave"])),
                    draw(st.booleans()),
                )
                for path in mounts
            ),
            devices=() if privileged else tuple(draw(st.lists(st.builds(Device, paths, paths), max_size=2))),
            network="host" if on_host else "bridge",
            extra_hosts=tuple(hosts.items()),
            host_name=draw(st.none() | names),
            domain_name=draw(st.none() | names),
            privileged=privileged,
            capabilities=()
            if privileged
            else tuple(draw(st.lists(st.sampled_from(["net_admin", "CAP_SYS_TIME", "ALL"])))),
            restart=draw(
                st.builds(
                    Restart,
                    st.sampled_from(["no", "always", "unless-stopped", "on-failure"]),
                    st.integers(0, 5),
                    st.none() | long,
                )
            ),
            resources=draw(all_resources()),
            log=draw(logs),
            terminal=draw(st.booleans()),
            interactive=draw(st.booleans()),
            labels=tuple(draw(st.dictionaries(names, words, max_size=3)).items()),
            health=draw(st.none() | st.builds(Health, probes, long, long, st.integers(1, 9), short)),
            stable_for=draw(short),
            stop=draw(st.builds(Stop, st.sampled_from(["SIGTERM", "SIGINT"]), short)),
            depends_on=(needed := tuple(draw(st.lists(names, max_size=2)))),
            conditions=tuple((name, draw(st.sampled_from(get_args(Condition)))) for name in needed) or UNSET,
            pull_policy=draw(st.sampled_from(["IfNotPresent", "Always", "Never"])),
            image_volumes=draw(st.sampled_from([UNSET, "discard"])),
            run_once=draw(st.just(UNSET) | short),
        )
    )


@given(containers(), st.booleans())
def test_an_engine_says_what_it_was_asked_for(container: Container, image_has_wishes: bool) -> None:
    assert seen_again(container, IMAGE if image_has_wishes else None) == container


# ── what a real engine said ───────────────────────────────────────────────────────────────────────────────────────


def recorded(name: str) -> Container:
    """The container in normal form that was asked for when this was recorded, values of variables included."""
    body = RECORDED["ours"][name]["body"]
    variables = tuple((text.partition("=")[0], text.partition("=")[2] if "=" in text else None) for text in body["Env"])
    return changed(decode(body["Labels"][SPEC_LABEL], Container), env=variables)


@pytest.mark.parametrize("name", RECORDED["ours"])
def test_what_was_recorded_of_ours_is_what_was_asked_for(name: str) -> None:
    seen = parse_container(RECORDED["ours"][name]["inspect"], "evenkeel")
    assert seen.container == recorded(name)
    assert (seen.name, seen.engine_name) == (name, name)
    assert seen.image == recorded(name).image


@pytest.mark.parametrize("name", RECORDED["ours"])
def test_the_same_is_asked_for_today(name: str) -> None:
    """The recordings are of bodies that render still writes; else they would prove nothing."""
    body, before = create_body(recorded(name), "evenkeel", address_of), copy.deepcopy(RECORDED["ours"][name]["body"])
    label, was = body["Labels"].pop(SPEC_LABEL), before["Labels"].pop(SPEC_LABEL)
    assert body == before
    told, command = decode(label, Container), decode(was, Container).command
    assert told.command == (None if command is None else ())
    kept = changed(told, command=command, health=decode(was, Container).health)
    assert kept == decode(was, Container), "labels of before have commands, and mean the same"


@pytest.mark.parametrize("name", RECORDED["ours"])
def test_the_simulated_inspection_is_like_the_recorded_one(name: str) -> None:
    real, body = RECORDED["ours"][name]["inspect"], RECORDED["ours"][name]["body"]
    image = next(
        each["Config"]
        for each in RECORDED["images"].values()
        if each["RepoTags"][0] in body["Image"].partition("y/")[2]
    )
    simulated = inspection(body, name, image)
    for part in ("Config", "HostConfig"):
        for key, value in simulated[part].items():
            if key != "Hostname" or body.get("Hostname"):
                assert (key, real[part].get(key) or None) == (key, value or None)
    binds = [mount for mount in real["Mounts"] if mount["Type"] == "bind"]
    assert sorted(binds, key=str) == sorted(simulated["Mounts"], key=str)
    for network, endpoint in simulated["NetworkSettings"]["Networks"].items():
        assert (real["NetworkSettings"]["Networks"][network]["Links"] or None) == endpoint["Links"]


def test_what_runs_has_an_address_and_a_time() -> None:
    seen = parse_container(RECORDED["ours"]["web"]["inspect"], "evenkeel")
    assert seen.state == "running"
    assert seen.address.startswith("10.")
    assert 0 < seen.created_at <= seen.started_at
    assert seen.finished_at == 0


def test_the_list_tells_ours_from_others() -> None:
    ours = {entry_name(entry) for entry in RECORDED["list"] if is_ours(entry)}
    assert ours == set(RECORDED["ours"])
    others = [parse_foreign(entry) for entry in RECORDED["list"] if not is_ours(entry)]
    assert {(each.engine_name, each.state, each.container) for each in others} == {
        ("fplain", "created", None),
        ("fother", "created", None),
    }


def test_the_ports_of_others_are_those_of_the_list() -> None:
    """S2; as measured: every address is listed for IPv4 and IPv6, and a port that is only exposed leads to nothing."""
    entries: list[PublishedPort] = [
        {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"IP": "::", "PrivatePort": 80, "PublicPort": 81, "Type": "tcp"},
        {"IP": "::", "PrivatePort": 80, "PublicPort": 82, "Type": "sctp"},
        {"PrivatePort": 443, "Type": "tcp"},
    ]
    found = parse_foreign({"Id": ID, "Ports": entries}).ports
    assert [port_text(each) for each in found] == ["[::]:81:80/tcp", "8080:80/tcp"]
    assert parse_foreign({"Id": ID, "Ports": None}).ports == ()


def test_an_image_whose_tag_was_moved_is_its_id() -> None:
    """It was shown as `docker.io/library/sha256:…` (O22)."""
    assert parse_foreign({"Id": ID, "Image": f"sha256:{ID}"}).image == f"sha256:{ID}"
    assert parse_foreign({"Id": ID, "Image": "sha256:1"}).image == "docker.io/library/sha256:1"
    assert parse_foreign({"Id": ID, "Image": "web"}).image == "docker.io/library/web:latest"


def test_of_several_names_the_plain_one_counts() -> None:
    """A legacy link gives its target a second name, and it may come first."""
    assert entry_name({"Id": ID, "Names": ["/other/alias", "/it"]}) == "it"
    assert entry_name({"Id": ID, "Names": None}) == ID[:12]


def test_local_images_by_reference_and_by_digest() -> None:
    images, digests = parse_images(RECORDED["imageList"])
    assert images["docker.io/library/web:1"] == RECORDED["images"]["web:1"]["Id"]
    assert digests == {}
    images, digests = parse_images(
        [
            {"Id": "sha256:a", "RepoTags": None, "RepoDigests": ["h:1/x@sha256:" + "b" * 64, "<none>@<none>"]},
            {"Id": "sha256:c", "RepoTags": ["<none>:<none>"], "RepoDigests": None},
        ]
    )
    assert (images, digests) == ({}, {"h:1/x@sha256:" + "b" * 64: "sha256:a"})


# ── containers to adopt ───────────────────────────────────────────────────────────────────────────────────────────


def adopted(name: str) -> Container:
    inspected = RECORDED["others"][name]["inspect"]
    image = RECORDED["images"]["checked:1"]["Config"]
    found = parse_container(inspected, "evenkeel", image).container
    assert found is not None
    return found


def test_a_container_of_others_that_adds_nothing_is_its_image_alone() -> None:
    """Variables, labels, command, health check and stop signal of the image are nobody's wishes."""
    assert adopted("fplain") == normal(
        Container("fplain", "checked:1", restart=Restart("no"), log=Log(), stop=Stop("SIGTERM"))
    )


def test_of_a_container_of_others_everything_that_has_a_word_is_told() -> None:
    assert adopted("fmore") == normal(
        Container(
            "fother",
            "checked:1",
            command=("/bin/sleep", "99"),
            env=(("A", "mine"), ("B", None), ("D", "1")),
            ports=(Port(0, 99), Port(80, 80), Port(9, 9)),
            mounts=(Mount("/t", "/usr", read_only=True),),
            labels=(("x", "y"),),
            restart=Restart("always"),
            capabilities=("NET_ADMIN",),
            stop=Stop("2", timedelta(seconds=3)),
            log=Log("none", path="(local)"),
        )
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, Log()),
        ({"max-size": "10m", "max-file": "3"}, Log(max_size=10_000_000, max_files=3)),
        ({"max-size": "1.5 GiB"}, Log(max_size=1_500_000_000)),
        ({"mode": "non-blocking", "max-buffer-size": "2m"}, Log(mode="non-blocking", max_buffer_size=2 * 1024**2)),
        ({"max-size": "-1", "max-file": "junk"}, Log()),
    ],
)
def test_log_options_of_others(options: dict[str, str], expected: Log) -> None:
    inspected = copy.deepcopy(RECORDED["others"]["fplain"]["inspect"])
    inspected["HostConfig"]["LogConfig"] = {"Type": "json-file", "Config": options}
    found = parse_container(inspected, "evenkeel", {}).container
    assert found is not None
    assert found.log == expected


def test_a_name_that_no_spec_could_ask_for_is_no_obstacle() -> None:
    """A look must not break on what somebody else did: an image by its id, a reference that evenkeel does not know."""
    for image in ("sha256:" + "c" * 64, "a" * 12, "[::1]:5000/x", "", "-/-"):
        inspected = copy.deepcopy(RECORDED["others"]["fplain"]["inspect"])
        inspected["Config"]["Image"] = image
        assert parse_container(inspected, "evenkeel", {}).container is not None


# ── limits, labels, times ─────────────────────────────────────────────────────────────────────────────────────────


def limited(memory: int, swap: int, reservation: int = 0) -> Any:
    body = create_body(normal(Container("a1", "web:1", resources=Resources(64 << 20))), "evenkeel", address_of)
    found = inspection(body, "a1", {})
    found["HostConfig"] |= {"Memory": memory, "MemorySwap": swap, "MemoryReservation": reservation}
    return found


@pytest.mark.parametrize(
    ("found", "resources", "lost"),
    [
        ((64 << 20, 128 << 20, 0), Resources(64 << 20, None, 128 << 20), False),
        ((64 << 20, 128 << 20, -1), Resources(64 << 20, None, 128 << 20), False),
        ((64 << 20, -1, 0), Resources(64 << 20, None, UNLIMITED), True),
        ((0, 0, 0), Resources(), True),
        ((0, -1, 0), Resources(), True),
    ],
)
def test_limits_are_what_the_engine_says(found: tuple[int, int, int], resources: Resources, lost: bool) -> None:
    seen = parse_container(limited(*found), "evenkeel").container
    assert seen is not None
    assert seen.resources == resources
    assert lost_limits(limited(*found)) is lost


def test_limits_that_no_kernel_keeps_are_not_missed() -> None:
    """Without swap accounting the engine says -1, without a memory cgroup 0; a new container would not help."""
    for abilities, found in ((Abilities(swap=False), (64 << 20, -1)), (Abilities(memory=False, swap=False), (0, -1))):
        seen = parse_container(limited(*found), "evenkeel", abilities=abilities).container
        assert seen is not None
        assert seen.resources == Resources(64 << 20, None, 128 << 20)


def test_a_changed_memory_limit_is_seen_even_without_swap_accounting() -> None:
    seen = parse_container(limited(32 << 20, -1), "evenkeel", abilities=Abilities(swap=False)).container
    assert seen is not None
    assert seen.resources.memory == 32 << 20


def test_an_update_sends_memory_and_swap_together_and_lifts_a_reservation() -> None:
    body = update_body(Restart("on-failure", 3), Resources(1 << 26, None, 1 << 27))
    assert body == {
        "Memory": 1 << 26,
        "MemorySwap": 1 << 27,
        "MemoryReservation": -1,
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
    }


def test_what_somebody_changed_behind_evenkeels_back_is_seen() -> None:
    inspected = copy.deepcopy(RECORDED["ours"]["full"]["inspect"])
    inspected["HostConfig"]["RestartPolicy"] = {"Name": "always", "MaximumRetryCount": 0}
    inspected["HostConfig"]["Memory"] = 32 << 20
    seen = parse_container(inspected, "evenkeel").container
    assert seen is not None
    assert seen == changed(
        recorded("full"), restart=Restart("always"), resources=changed(recorded("full").resources, memory=32 << 20)
    )


@pytest.mark.parametrize("status", ["created", "exited"])
@pytest.mark.parametrize("intro", ["", "failed to create task for container: "])
def test_what_can_never_be_started_again_is_dead(status: str, intro: str) -> None:
    inspected = copy.deepcopy(RECORDED["ours"]["full"]["inspect"])
    inspected["State"] |= {"Status": status, "ExitCode": 128, "Error": f"{intro}task {'5b42c60f' * 8}: already exists"}
    assert parse_container(inspected, "evenkeel").state == "dead"
    inspected["State"]["Error"] = "driver failed programming external connectivity: port is already allocated"
    assert parse_container(inspected, "evenkeel").state == status


def test_values_of_variables_are_not_in_the_label() -> None:
    body = RECORDED["ours"]["full"]["body"]
    assert "x=y" in " ".join(body["Env"])
    assert "x=y" not in body["Labels"][SPEC_LABEL]


def test_nothing_that_may_be_secret_is_in_the_label() -> None:
    for probe in (ExecProbe(("check", "--token=hidden1")), HttpProbe(80, "/health?token=hidden2")):
        container = normal(
            Container(
                "web",
                "web:1",
                command=("run", "hidden3"),
                env=(("A", "hidden4"),),
                health=Health(probe),
                secrets=("A",),
            )
        )
        label = create_body(container, "evenkeel", address_of)["Labels"][SPEC_LABEL]
        assert "hidden" not in label
        assert "token" not in label
        seen = seen_again(container, None)
        assert seen == as_kept(container)
        assert seen is not None
        assert same_identity(container, seen)


def test_an_engine_that_quotes_what_it_cannot_start_is_not_repeated() -> None:
    inspected = copy.deepcopy(RECORDED["ours"]["full"]["inspect"])
    word = inspected["Config"]["Cmd"][0]
    inspected["State"] |= {"Status": "created", "Error": f'exec: "{word}": out of order; http://u:p@h?q'}
    said = parse_container(inspected, "evenkeel").error
    assert said == 'exec: "(command[0])": out of order; http://(hidden)@h?(hidden)'


CS = "HostName=h;SharedAccessKey=bm90aGluZyB0byBzZWU="
HANDED = normal(Container("web", "web:1", values_from=(ValueFrom("CS", "azure", "connectionString"),)))


def inspected_with_a_value() -> Any:
    body = create_body(HANDED, "evenkeel", address_of, filled=Filled((("CS", CS),), (("CS", "p1"),)))
    assert body["Env"] == [f"CS={CS}"]
    assert CS not in str(body["Labels"])
    return inspection(body, "web", {})


def test_a_value_that_was_handed_out_is_in_no_container_that_is_read_back() -> None:
    inspected = inspected_with_a_value()
    inspected["State"] |= {"Error": f"cannot set CS={CS} of bm90aGluZyB0byBzZWU="}
    seen = parse_container(inspected, "evenkeel")
    assert (seen.container, seen.prints) == (HANDED, (("CS", "p1"),))
    assert seen.error == "cannot set CS=(env.CS) of (env.CS)"
    inspected["Config"]["Labels"][SPEC_LABEL] = "of another version"
    assert "bm90aGlu" not in repr(parse_container(inspected, "evenkeel"))


def test_a_label_of_another_age_is_like_none() -> None:
    inspected = copy.deepcopy(RECORDED["ours"]["full"]["inspect"])
    inspected["Config"]["Labels"][SPEC_LABEL] = '{"type":"Container","future":true}'
    seen = parse_container(inspected, "evenkeel", RECORDED["images"]["checked:1"]["Config"])
    assert seen.name == "full"
    assert seen.container is not None
    assert ("PATH", "/bin:/sbin") not in seen.container.env
    assert ("gw", "host_ip") in seen.container.extra_hosts
    assert ("z", "container_other-host") in seen.container.extra_hosts


def test_a_host_container_cannot_have_links() -> None:
    container = normal(Container("a1", "web:1", network="host", extra_hosts=(("x", "container_b-host"),)))
    with pytest.raises(Refused, match="needs network mode bridge"):
        create_body(container, "evenkeel", address_of)


def test_an_interface_that_is_not_there_is_refused() -> None:
    container = normal(Container("a1", "web:1", extra_hosts=(("x", "host_ip_nosuch"),)))
    with pytest.raises(Refused, match="is not there"):
        create_body(container, "evenkeel", address_of)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T15:14:00.123456789Z", datetime(2026, 11, 23, 15, 14, 0, 123456, UTC)),
        ("2026-11-23T15:14:00Z", datetime(2026, 11, 23, 15, 14, tzinfo=UTC)),
        ("2026-11-23T16:14:00.5+01:00", datetime(2026, 11, 23, 15, 14, 0, 500000, UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        ("yesterday", None),
    ],
)
def test_times(text: str, moment: datetime | None) -> None:
    assert parse_time(text) == pytest.approx(moment.timestamp() if moment else 0.0, abs=1e-3)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ({"Binds": ["/:/rootfs:ro"]}, None),
        ({"Binds": ["/:/rootfs:ro,rslave"]}, "rslave"),
        ({"Binds": ["/:/rootfs"]}, None),
        ({"Binds": None, "Mounts": [{"Type": "bind", "Source": "/", "Target": "/rootfs", "ReadOnly": True}]}, None),
        ({"Mounts": [{"Source": "/", "Target": "/rootfs", "BindOptions": {"Propagation": "rslave"}}]}, "rslave"),
        ({}, None),
    ],
)
def test_a_propagation_that_nobody_asked_for_is_the_engines_own(host: dict[str, Any], expected: str | None) -> None:
    """It takes rslave for what holds its own data, and says so."""
    inspected = copy.deepcopy(RECORDED["others"]["fplain"]["inspect"])
    inspected["HostConfig"].update({"Binds": None, "Mounts": None} | host)
    inspected["Mounts"] = [
        {"Type": "bind", "Source": "/", "Destination": "/rootfs", "Mode": "ro", "RW": False, "Propagation": "rslave"}
    ]
    found = parse_container(inspected, "evenkeel", {}).container
    assert found is not None
    assert found.mounts == (Mount("/rootfs", "/", expected, True),)  # type: ignore[arg-type]
