"""Documents of kind OperatingSystem: what they mean, what of them cannot be, and what is never repeated of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from evenkeel.specs.codec import decode, encode
from evenkeel.specs.desired import DesiredState, Document
from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.documents.join import desired_from
from evenkeel.specs.problem import problem_text
from evenkeel.specs.slots.actions import Fetch, Inspect, Install
from evenkeel.specs.slots.system import Health, OperatingSystem
from evenkeel.specs.window import Window

BUNDLE = "https://updates.example.com/os-1.5.0.raucb"
DIGEST = "0123456789abcdef" * 4


def document(name: str = "os", **spec: Any) -> bytes:
    spec = {"version": "1.5.0", "bundle": BUNDLE} | spec
    return encode({"apiVersion": "evenkeel/v1", "kind": "OperatingSystem", "metadata": {"name": name}, "spec": spec})


def container(name: str) -> bytes:
    return encode(
        {"apiVersion": "evenkeel/v1", "kind": "Container", "metadata": {"name": name}, "spec": {"image": "web:1"}}
    )


def read(*contents: bytes) -> tuple[tuple[Document, ...], list[str]]:
    """All documents, and all problems as people read them."""
    files = [decode_file(content, f"{number}.yaml") for number, content in enumerate(contents, 1)]
    state, problems = desired_from(files)
    return state.documents, [problem_text(problem) for problem in problems]


def test_defaults() -> None:
    (found,), problems = read(document())
    assert found.wanted == OperatingSystem("os", "1.5.0", BUNDLE)
    assert problems == []


def test_everything() -> None:
    documents, problems = read(
        document(
            sha256=DIGEST,
            ca="/etc/ca.pem",
            proxy="http://proxy:3128",
            credentials="/etc/credentials",
            clientCert="/etc/device.pem",
            clientKey="/etc/device.key",
            health={
                "units": ["b.service", "a.socket", "b.service"],
                "containers": ["web"],
                "command": ["/usr/bin/check", "all"],
                "stableFor": "90s",
            },
            boot={"deadline": "5m", "tries": 3},
            activation={"window": "22:30-04:00", "reboot": "others"},
            drift="repair",
        ),
        container("web"),
    )
    assert problems == []
    assert documents[-1].wanted == OperatingSystem(
        "os",
        "1.5.0",
        BUNDLE,
        DIGEST,
        "/etc/ca.pem",
        "http://proxy:3128",
        "/etc/credentials",
        "/etc/device.pem",
        "/etc/device.key",
        False,
        Health(("a.socket", "b.service"), ("web",), ("/usr/bin/check", "all"), timedelta(seconds=90)),
        timedelta(minutes=5),
        3,
        Window(22 * 60 + 30, 4 * 60),
        "others",
        "repair",
    )


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"version": ""}, "spec.version: expected 1 to 200 printable characters of ASCII"),
        ({"version": " 1"}, "spec.version: expected 1 to 200 printable characters of ASCII"),
        ({"version": "1\n"}, "spec.version: expected 1 to 200 printable characters of ASCII"),
        ({"version": 1.5}, "spec.version: "),
        ({"bundle": "/media/os.raucb"}, "expected an address with https, http or file; write `file:///media/os.raucb`"),
        (
            {"bundle": "ftp://x/os.raucb"},
            "expected an address with https, http or file; write `https://…`, or `file:///…`",
        ),
        ({"bundle": "http://x/os.raucb"}, "hold up the download; use `https`, or write `insecure: true`"),
        ({"bundle": "https:///os.raucb"}, "expected a host after `//`"),
        ({"bundle": "https://x:y/os.raucb"}, "this is no address"),
        ({"bundle": "https://x/os .raucb"}, "without blanks"),
        ({"bundle": "https://x/os.raucb#1"}, "expected an address without `#`"),
        ({"bundle": "file://os.raucb"}, "expected the path of a file after `file://`; write `file:///` and the path"),
        ({"bundle": "file:///a/../os.raucb"}, "write `file:///os.raucb`"),
        ({"bundle": "https://me:secret@x/os.raucb"}, "put them into a file for `credentials`"),
        ({"sha256": DIGEST.upper()}, f"in lower case; write `sha256: {DIGEST}`"),
        ({"sha256": "12"}, "expected 64 hexadecimal digits in lower case; see sha256sum(1)"),
        ({"sha256": DIGEST, "stream": True}, "spec.sha256: has no effect with `stream`"),
        (
            {"bundle": "file:///os.raucb", "ca": "/ca"},
            "spec.ca: has no effect, because the bundle is on the device (warning); leave",
        ),
        (
            {"clientCert": "/cert"},
            "spec.clientCert: is of no use without `clientKey`; write `clientKey`, too, or leave",
        ),
        ({"clientCert": "cert", "clientKey": "/key"}, "spec.clientCert: the text `cert` does not fit"),
        ({"clientKey": "/key"}, "spec.clientKey: is of no use without `clientCert`; write `clientCert`, too, or leave"),
        (
            {"proxy": "proxy:3128"},
            "spec.proxy: expected an address with http or https; write it as `http://proxy:3128`",
        ),
        (
            {"proxy": "http://me:secret@proxy"},
            "spec.proxy: an address is no place for a user and a password; use a proxy",
        ),
        (
            {"health": {"units": ["chronyd"]}},
            "spec.health.units[0]: expected the name of a unit with its suffix; write ",
        ),
        ({"health": {"command": ["check"]}}, "spec.health.command[0]: expected the absolute path of a program"),
        ({"health": {"stableFor": "1"}}, "spec.health.stableFor: "),
        (
            {"health": {"containers": ["wbe"]}},
            "spec.health.containers: no container `wbe` is asked for; did you mean `web`?",
        ),
        (
            {"boot": {"deadline": "30s"}},
            "spec.boot.deadline: expected more than `health.stableFor`, which is 1m; give the",
        ),
        ({"boot": {"tries": 0}}, "spec.boot.tries: "),
        (
            {"activation": {"window": "2-4"}},
            "spec.activation.window: expected two times of the day; write it as `02:00-04:30`",
        ),
        ({"activation": {"window": "24:00-04:00"}}, "expected two times of the day"),
        ({"activation": {"window": "02:00-02:00"}}, "begins and ends at the same time; leave it out"),
        ({"activation": {"reboot": "other"}}, "did you mean `others`?"),
        ({"drift": "ignore"}, "expected one of repair, tell; got the text `ignore`"),
        ({"versoin": "1"}, "unknown key `versoin`; did you mean `version`?"),
    ],
)
def test_one_flaw_is_one_complaint_with_its_place(spec: dict[str, Any], problem: str) -> None:
    _, problems = read(document(**spec), container("web"))
    (found,) = problems
    assert problem in found
    assert found.startswith("1.yaml:1:")
    assert "secret" not in found


def test_a_device_has_one_operating_system() -> None:
    _, problems = read(document("os"), document("other"))
    what = "the operating system of the device is that of"
    assert problems == [
        f"1.yaml:1:1: {what} `other`, too; keep one of them; the other one is at 2.yaml:1:1",
        f"2.yaml:1:1: {what} `os`, too; keep one of them; the other one is at 1.yaml:1:1",
    ]


def test_the_codec_gives_back_the_same() -> None:
    documents, _ = read(document(activation={"window": "02:00-04:00"}))
    state = DesiredState(documents)
    assert decode(encode(state), DesiredState) == state


def test_a_signed_address_is_not_told() -> None:
    system = OperatingSystem("os", "1.5.0", f"{BUNDLE}?signature=s3cr3t", credentials="/etc/credentials")
    for action in (Fetch(system), Inspect(system), Install("rootfs.1", "B", system)):
        assert "s3cr3t" not in repr(action.traits)


@pytest.mark.parametrize(
    ("window", "second", "wait_s"),
    [
        (Window(120, 240), 0, 7200),
        (Window(120, 240), 7200, 0),
        (Window(120, 240), 14399, 0),
        (Window(120, 240), 14400, 79200),
        (Window(1380, 60), 82800, 0),
        (Window(1380, 60), 0, 0),
        (Window(1380, 60), 3600, 79200),
    ],
)
def test_a_window_is_waited_for(window: Window, second: float, wait_s: float) -> None:
    assert window.wait_s(second) == wait_s
