"""Whatever a file holds, reading it returns documents and problems, in bounded time, and never raises."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.places import DATA
from tests.sampling import THOROUGH, examples

from evenkeel.specs.codec import encode
from evenkeel.specs.desired import Decoded
from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.documents.join import desired_from
from evenkeel.specs.documents.schema import reference
from evenkeel.specs.kanto.entry import KEYS
from evenkeel.specs.problem import errors, problem_text

WORDS = sorted(
    {part for kind in reference() for row in kind.rows for part in row.path.replace("[]", "").split(".")}
    | set(KEYS)
    | {
        "payload",
        "domains",
        "baselines",
        "components",
        "config",
        "id",
        "key",
        "value",
        "version",
        "title",
        "activityId",
    }
    | {
        "container_name",
        "image",
        "host_config",
        "restart_policy",
        "retry_timeout",
        "port_mappings",
        "io_config",
        "mounts",
    }
    | {"<<", "softwareNodes", "hooks", "config", "env", "devices", "type", "memory", "resources"}
)
TEXTS = st.sampled_from(
    [
        *(
            "",
            "web",
            "evenkeel/v1",
            "Container",
            "SystemContainers",
            "containers",
            "containers:web",
            "nginx",
            "on-failure",
        ),
        *(
            "80:80",
            "localhost:1:2-3",
            "/a:/b",
            "/dev/a",
            "A=1",
            "64M",
            "64M\n",
            "-1",
            "1m30s",
            "9" * 30 + "G",
            "host",
            "true",
        ),
        *("host_ip", "[::1]:1:1", "a@sha256:", "é\u2028😀", "\x7f", "none", "non-blocking"),
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | TEXTS
    | st.text(st.characters(), max_size=5)
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=25,
)
SPECS = st.dictionaries(st.sampled_from(WORDS), TREES, max_size=8)
NATIVE = st.fixed_dictionaries(
    {"apiVersion": st.just("evenkeel/v1"), "kind": st.sampled_from(["Container", "SystemContainers"])},
    optional={"metadata": st.just({"name": "web"}) | TREES, "spec": SPECS},
)
SETTINGS = st.lists(st.fixed_dictionaries({"key": st.sampled_from(sorted(KEYS)), "value": TEXTS}), max_size=5)
COMPONENTS = st.lists(
    st.fixed_dictionaries({"id": TEXTS, "version": TEXTS}, optional={"config": SETTINGS | TREES}) | TREES, max_size=4
)
STATES = st.fixed_dictionaries(
    {"domains": st.lists(st.fixed_dictionaries({"id": st.just("containers"), "components": COMPONENTS}), max_size=2)},
    optional={"baselines": TREES, "payload": TREES, "activityId": TREES},
)
EXAMPLES = [
    (DATA / "leda-desired-state.json").read_bytes()[:3000],
    *(path.read_bytes() for path in sorted((DATA / "manifests").glob("*.json"))),
    b"apiVersion: evenkeel/v1\nkind: Container\nmetadata: &m {name: web}\nspec:\n  image: nginx\n  <<: {env: [A=1]}\n",
]


def read(content: bytes, file: str) -> Decoded:
    """Read, and use everything that a caller would use."""
    result = decode_file(content, file)
    for problem in result.problems:
        assert problem_text(problem)
        assert problem.message
        assert (problem.place.line, problem.place.column) >= (1, 1)
        assert problem.place.line <= content.count(b"\n") + content.count(b"\r") + content.count("\u2028".encode()) + 2
    state, problems = desired_from([result])
    encode(state)
    if result.documents and not errors(problems):
        assert state.digest
    return result


@given(st.binary(max_size=300), st.sampled_from(["x.yaml", "x.json"]))
def test_any_bytes(content: bytes, file: str) -> None:
    read(content, file)


@given(st.text(st.sampled_from("{}[]:,-?&*!|>'\"%@`#\n\t ab01~<=."), max_size=60))
@settings(max_examples=examples(120))
def test_any_punctuation(text: str) -> None:
    read(text.encode(), "x.yaml")


@given(TREES | NATIVE | SPECS | STATES, st.sampled_from(["x.yaml", "x.json"]), st.booleans())
@settings(max_examples=examples(50))
def test_any_tree(value: Any, file: str, ascii_only: bool) -> None:
    content = json.dumps(value, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    first = read(content, file)
    assert read(content, file) == first


@given(st.sampled_from(EXAMPLES), st.data())
@settings(max_examples=examples(80))
def test_any_damage_to_a_good_file(content: bytes, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(len(content), start + 40)))
        content = (
            content[:start]
            + data.draw(st.binary(max_size=4) | st.sampled_from([b": ", b"- ", b"\n", b'"']))
            + content[end:]
        )
    read(content, data.draw(st.sampled_from(["x.yaml", "x.json"])))


def _component(number: int) -> dict[str, Any]:
    config = [{"key": key, "value": "x"} for key in ("image", "env", "nonsense", "netwrk", "port")]
    return {"id": f"c{number}", "version": "1", "config": config}


_COMPONENTS = 10_000 if THOROUGH else 4000
MANY = {
    "unknown keys": b"apiVersion: evenkeel/v1\nkind: Container\nmetadata: {name: a}\nspec:\n"
    + b"".join(b"  imagee%d: x\n" % n for n in range(100_000)),
    "unknown dependencies": b"---\n".join(
        b"{apiVersion: evenkeel/v1, kind: Container, metadata: {name: a%d}, spec: {image: x, dependsOn: [b%d]}}\n"
        % (n, n)
        for n in range(3000 if THOROUGH else 1500)
    ),
    "ports": b"apiVersion: evenkeel/v1\nkind: Container\nmetadata: {name: a}\nspec:\n  image: x\n  ports:\n"
    + b"".join(b"  - 10.0.%d.%d:80:80\n" % (n // 256, n % 256) for n in range(40_000)),
    "unknown settings": json.dumps(
        {"payload": {"domains": [{"id": "containers", "components": [_component(n) for n in range(_COMPONENTS)]}]}}
    ).encode(),
    "broken manifests": b"---\n".join(
        [b"{container_name: x, image: {nam: 1}, host_config: {networkmode: 1}}\n"] * 5000
    ),
}


@pytest.mark.parametrize("content", MANY.values(), ids=MANY)
def test_many_faults_take_a_bounded_time(content: bytes) -> None:
    started = time.process_time()
    result = decode_file(content, "x.yaml")
    desired_from([result])
    assert time.process_time() - started < 30


NATIVE_TEXT = """\
apiVersion: evenkeel/v1
kind: Container
metadata: {name: c%d}
spec:
  image: ghcr.io/x/y:%d
  env: {RUST_LOG: info}
  ports: ["%d:80"]
  mounts: ["/data/x:/x"]
  resources: {memory: 64M}
"""


def test_a_thousand_containers_are_read_at_once() -> None:
    content = "---\n".join(NATIVE_TEXT % (n, n, n + 1000) for n in range(1000)).encode()
    started = time.process_time()
    result = decode_file(content, "x.yaml")
    taken = time.process_time() - started
    assert len(result.documents) == 1000
    assert taken < 5  # well under one second on a machine that has nothing else to do
