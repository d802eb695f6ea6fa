"""A pull's lines → bytes; its failures → whether trying again may help. Lines and texts were measured (dockerd 20.10)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.controller.drivers.containers.docker.answers import ProgressDetail, PullLine
from evenkeel.controller.drivers.containers.docker.pull import Layers, advance, outcome
from evenkeel.specs.plan import Failed, Retry

BIG = 20_006_327


def layer(status: str, id_: str, **detail: Any) -> PullLine:
    return {"status": status, "progressDetail": ProgressDetail(**detail), "id": id_}


STREAM: list[tuple[PullLine, int, int]] = [
    ({"status": "Pulling from big", "id": "1"}, 0, 0),
    (layer("Already exists", "fea03939c9d9"), 0, 0),
    (layer("Pulling fs layer", "99ef0746b8f7"), 0, 0),
    (layer("Pulling fs layer", "aaaaaaaaaaaa"), 0, 0),
    (layer("Waiting", "aaaaaaaaaaaa"), 0, 0),
    (layer("Downloading", "99ef0746b8f7", current=212_992, total=BIG), 212_992, BIG),
    (layer("Downloading", "aaaaaaaaaaaa", current=100, total=1000), 213_092, BIG + 1000),
    (layer("Downloading", "99ef0746b8f7", current=200_000, total=BIG), 213_092, BIG + 1000),
    (layer("Retrying in 5 seconds", "99ef0746b8f7"), 213_092, BIG + 1000),
    (layer("Downloading", "99ef0746b8f7", current=20_000_000, total=BIG), 20_000_100, BIG + 1000),
    (layer("Verifying Checksum", "99ef0746b8f7"), BIG + 100, BIG + 1000),
    (layer("Download complete", "99ef0746b8f7"), BIG + 100, BIG + 1000),
    (layer("Extracting", "99ef0746b8f7", current=12_615_680, total=BIG), BIG + 100, BIG + 1000),
    (layer("Pull complete", "99ef0746b8f7"), BIG + 100, BIG + 1000),
    (layer("Pull complete", "aaaaaaaaaaaa"), BIG + 1000, BIG + 1000),
    ({"status": "Digest: sha256:d48b"}, BIG + 1000, BIG + 1000),
    ({"status": "Status: Downloaded newer image for localhost:1/big:1"}, BIG + 1000, BIG + 1000),
]


def test_bytes_by_layer() -> None:
    layers = Layers()
    for line, done, total in STREAM:
        layers = advance(layers, line)
        assert (line, layers.done, layers.total) == (line, done, total)


@pytest.mark.parametrize(
    "line",
    [{}, {"error": "x"}, {"progressDetail": None, "status": "Downloading"}, {"progressDetail": {"current": None}}],
)
def test_a_strange_line_says_nothing(line: PullLine) -> None:
    assert advance(Layers(), line).done == 0


def test_layers_without_end_are_not_kept() -> None:
    layers = Layers()
    for number in range(2000):
        layers = advance(layers, {"status": "Downloading", "id": str(number), "progressDetail": {"total": 1}})
    assert layers.total == 1000


def test_podman_gives_no_bytes() -> None:
    assert advance(Layers(), {"status": "Downloading", "progressDetail": {}, "id": "a"}).total == 0


lines = st.builds(
    lambda status, id_, current, total: layer(status, id_, current=current, total=total),
    st.sampled_from(["Downloading", "Extracting", "Pull complete", "Already exists", "Retrying in 1 second"]),
    st.sampled_from(["a", "b", "c"]),
    st.integers(0, 100),
    st.integers(0, 100),
)


@given(st.lists(lines, max_size=30))
def test_progress_never_goes_back_and_never_beyond_its_total(stream: list[PullLine]) -> None:
    layers = Layers()
    for line in stream:
        after = advance(layers, line)
        assert layers.done <= after.done <= after.total
        assert layers.total <= after.total
        layers = after


@pytest.mark.parametrize(
    "message",
    [
        "manifest for localhost:1/x:nosuch not found: manifest unknown: manifest unknown",
        "unauthorized: authentication required",
        'Head "https://localhost:1/v2/strict/manifests/1": no basic auth credentials',
        "no matching manifest for linux/amd64 in the manifest list entries",
        "pull access denied for x, repository does not exist or may require 'docker login': denied: requested access",
        "denied: installation not allowed to Create organization package",
        "invalid reference format: repository name must be lowercase",
        "invalid tag format",
        (
            "error parsing HTTP 400 response body: invalid character 'C' looking for beginning of value: "
            '"Client sent an HTTP request to an HTTPS server.\\n"'
        ),
        'failed to resolve reference "docker.io/library/x:nosuch": docker.io/library/x:nosuch: not found',
    ],
)
def test_final_failures(message: str) -> None:
    assert outcome("x:1", message) == Failed(f"x:1 cannot be pulled: {message}")


@pytest.mark.parametrize(
    "message",
    [
        'Get "https://10.1.2.3:37109/v2/": dial tcp 10.1.2.3:37109: connect: connection refused',
        'Get "https://unknown.invalid/v2/": dial tcp: lookup unknown.invalid on 10.255.255.53:53: no such host',
        "dial tcp 127.0.0.1:53397: connect: connection refused",
        'Get "https://r/v2/": net/http: TLS handshake timeout',
        'Get "https://r/v2/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
        'Get "https://r/v2/": x509: certificate has expired or is not yet valid: current time 1970-01-01T00:00:00Z',
        "received unexpected HTTP status: 503 Service Unavailable",
        "toomanyrequests: You have reached your pull rate limit",
        "filesystem layer verification failed for digest sha256:aa",
        "unexpected EOF",
        'Get "https://10.1.2.3:1/v2/": x509: certificate signed by unknown authority',
        'Get "https://10.1.2.3:1/v2/": http: server gave HTTP response to HTTPS client',
        "error parsing HTTP 404 response body: invalid character '<' looking for beginning of value: \"<h1>Not Found</h1>\"",
        "boom",
        "",
    ],
)
def test_failures_that_may_pass(message: str) -> None:
    assert outcome("x:1", message) == Retry(f"x:1 cannot be pulled: {message}")


def test_a_full_disk_is_no_fault_of_the_image() -> None:
    full = "failed to register layer: Error processing tar file(exit status 1): write /padding: no space left on device"
    assert outcome("x:1", full) == Retry(f"x:1 cannot be pulled: {full}", outside=True)
