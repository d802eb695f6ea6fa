"""The normal form: reaching it twice changes nothing, and what means the same is the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from evenkeel.specs.codec import decode, encode
from evenkeel.specs.containers import container as nouns
from evenkeel.specs.containers.container import (
    UNLIMITED,
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
    container_digest,
)
from evenkeel.specs.containers.normalise import contradictions, normal

MIB = 1024**2

names = st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,20}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
paths = texts.map(lambda text: f"/{text}")
sizes = st.integers(0, 2**40)
durations = st.timedeltas(timedelta(0), timedelta(days=1))
numbers = st.integers(1, 65535)
images = st.sampled_from(
    ["nginx", "docker.io/library/nginx:latest", "ghcr.io/a/b:1", "localhost:5000/a@sha256:" + 64 * "a"]
)
addresses = st.sampled_from(["", "0.0.0.0", "localhost", "127.0.0.1", "::1", "[0:0::1]", "fd00::1"])


def some(items: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(items, max_size=4).map(tuple)


containers = st.builds(
    Container,
    name=names,
    image=images,
    command=st.none() | some(texts),
    env=some(st.tuples(names, st.none() | texts)),
    ports=some(st.builds(Port, numbers, numbers, addresses, st.just(0) | numbers, st.sampled_from(["tcp", "udp"]))),
    mounts=some(st.builds(Mount, paths, paths, st.sampled_from(get_args(nouns.Propagation)), st.booleans())),
    devices=some(st.builds(Device, paths, paths, st.sampled_from(["r", "rwm"]))),
    network=st.sampled_from(get_args(nouns.Network)),
    extra_hosts=some(st.tuples(names, st.sampled_from(["host_ip", "10.0.0.1", "container_b-host"]))),
    host_name=st.none() | names,
    domain_name=st.none() | names,
    privileged=st.booleans(),
    capabilities=some(st.sampled_from(["net_admin", "CAP_NET_ADMIN", "ALL", "all", "SYS_TIME"])),
    restart=st.builds(
        Restart, st.sampled_from(get_args(nouns.RestartPolicy)), st.integers(0, 9), st.none() | durations
    ),
    resources=st.builds(Resources, st.none() | sizes, st.none() | sizes, st.none() | st.just(UNLIMITED) | sizes),
    log=st.builds(
        Log,
        st.sampled_from(get_args(nouns.LogDriver)),
        st.integers(1, 9),
        sizes,
        st.just("") | paths,
        st.sampled_from(get_args(nouns.LogMode)),
        sizes,
    ),
    terminal=st.booleans(),
    interactive=st.booleans(),
    labels=some(st.tuples(texts, texts)),
    health=st.none()
    | st.builds(
        Health,
        st.builds(ExecProbe, some(texts)) | st.builds(HttpProbe, numbers, paths) | st.builds(TcpProbe, numbers),
        durations,
        durations,
        st.integers(1, 9),
        durations,
    ),
    stable_for=durations,
    stop=st.builds(Stop, st.sampled_from(["SIGTERM", "9"]), durations),
    depends_on=some(names),
    conditions=st.just(UNSET) | some(st.tuples(names, st.sampled_from(get_args(nouns.Condition)))),
    pull_policy=st.sampled_from(get_args(nouns.PullPolicy)),
    run_once=st.just(UNSET) | durations,
)


@given(containers)
def test_normal_is_idempotent(raw: Container) -> None:
    assert normal(normal(raw)) == normal(raw)


@given(containers)
def test_a_normal_form_survives_json_and_so_does_its_digest(raw: Container) -> None:
    container = normal(raw)
    again = decode(encode(container), Container)
    assert again == container
    assert container_digest(again) == container_digest(container)
    assert hash(again) == hash(container)


@given(containers)
def test_contradictions_can_be_looked_for_in_every_normal_form(raw: Container) -> None:
    for flaw in contradictions(normal(raw)):
        assert flaw.path
        assert flaw.message


@given(containers, st.randoms(use_true_random=False))
def test_the_order_of_what_has_no_order_does_not_matter(raw: Container, random: object) -> None:
    shuffle: Callable[[list[object]], None] = random.shuffle  # type: ignore[attr-defined]
    changed = {}
    for field in ("ports", "mounts", "devices", "extra_hosts", "capabilities", "depends_on"):
        items = list(getattr(raw, field))
        shuffle(items)
        changed[field] = tuple(items)
    assert normal(msgspec.structs.replace(raw, **changed)) == normal(raw)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"image": "nginx"}, {"image": "docker.io/library/nginx:latest"}),
        ({"command": ()}, {"command": None}),
        ({"env": (("B", "1"), ("A", "2"))}, {"env": (("A", "2"), ("B", "1"))}),
        ({"ports": (Port(80, 80, "localhost"),)}, {"ports": (Port(80, 80, "127.0.0.1", 80),)}),
        ({"ports": (Port(80, 80, ""),)}, {"ports": (Port(80, 80, "0.0.0.0", 80),)}),
        ({"host_name": ""}, {"host_name": "a-host"}),
        ({"domain_name": None}, {"domain_name": "a-domain"}),
        ({"network": "host", "host_name": ""}, {"network": "host"}),
        ({"capabilities": ("net_admin",)}, {"capabilities": ("CAP_NET_ADMIN", "NET_ADMIN")}),
        ({"restart": Restart("always", 3, timedelta(1))}, {"restart": Restart("always")}),
        ({"restart": Restart("on-failure", 3, timedelta(0))}, {"restart": Restart("on-failure", 3)}),
        ({"resources": Resources(64 * MIB)}, {"resources": Resources(64 * MIB, None, 128 * MIB)}),
        ({"resources": Resources(None, None, UNLIMITED)}, {}),
        ({"log": Log(max_buffer_size=5)}, {"log": Log()}),
        ({"log": Log("none", 5, 5, "", "non-blocking", 5)}, {"log": Log("none")}),
        ({"labels": (("b", "1"), ("a", "1"))}, {"labels": (("a", "1"), ("b", "1"))}),
        ({"depends_on": ("b", "a", "b")}, {"depends_on": ("a", "b")}),
        (
            {"depends_on": ("b", "a"), "conditions": (("b", "started"), ("a", "healthy"), ("c", "started"))},
            {"depends_on": ("a", "b"), "conditions": (("b", "started"),)},
        ),
        ({"depends_on": ("a",), "conditions": (("a", "healthy"),)}, {"depends_on": ("a",)}),
    ],
)
def test_what_means_the_same_is_the_same(one: dict[str, object], two: dict[str, object]) -> None:
    plain = Container("a", "x")
    assert normal(msgspec.structs.replace(plain, **one)) == normal(msgspec.structs.replace(plain, **two))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"command": ("a", "b")}, {"command": ("b", "a")}),
        ({"env": (("A", ""),)}, {"env": (("A", None),)}),
        ({"resources": Resources(64 * MIB, None, UNLIMITED)}, {"resources": Resources(64 * MIB)}),
        ({"resources": Resources(64 * MIB)}, {"resources": Resources(65 * MIB)}),
        ({"log": Log(mode="non-blocking", max_buffer_size=5)}, {"log": Log(mode="non-blocking")}),
        ({"network": "host"}, {"network": "bridge"}),
    ],
)
def test_what_differs_in_meaning_differs(one: dict[str, object], two: dict[str, object]) -> None:
    plain = Container("a", "x")
    assert normal(msgspec.structs.replace(plain, **one)) != normal(msgspec.structs.replace(plain, **two))


@pytest.mark.parametrize("length", [1, 56, 57, 58, 59, 200])
def test_a_name_of_any_length_gives_names_that_a_kernel_takes(length: int) -> None:
    result = normal(Container("n" * length, "nginx"))
    assert list(contradictions(result)) == []
    assert result.host_name is not None
    assert result.domain_name is not None
    assert result.host_name.endswith("-host")
    assert result.domain_name.endswith("-domain")
    assert max(len(result.host_name), len(result.domain_name)) <= 63
    if length <= 56:
        assert (result.host_name, result.domain_name) == ("n" * length + "-host", "n" * length + "-domain")


def test_a_digest_is_the_same_in_every_process() -> None:
    program = (
        "from evenkeel.specs.containers.normalise import normal; from evenkeel.specs.containers.container import *;"
        "print(container_digest(normal(Container('web', 'nginx', capabilities=('b', 'a'), labels=(('b', ''), ('a', ''))))))"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    (digest,) = digests
    assert re.fullmatch(r"[0-9a-f]{16}\n", digest)
