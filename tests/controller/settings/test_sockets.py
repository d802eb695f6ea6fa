"""Where an engine is looked for that the settings do not name an address of."""

from __future__ import annotations

from pathlib import Path

import pytest

from evenkeel.controller.settings.sockets import advice, other_engine, usual, with_socket
from evenkeel.specs.settings.settings import EngineKind, EngineSettings, Settings


@pytest.fixture(autouse=True)
def _nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DOCKER_HOST", "CONTAINER_HOST", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)


def found(kind: EngineKind, address: str = "") -> EngineSettings:
    return with_socket(Settings(engine=EngineSettings(kind, address))).engine


@pytest.mark.parametrize(
    ("kind", "given", "places"),
    [
        ("docker", {}, ["/var/run/docker.sock"]),
        ("podman", {}, ["/run/podman/podman.sock"]),
        ("docker", {"XDG_RUNTIME_DIR": "/run/user/7"}, ["/var/run/docker.sock", "/run/user/7/docker.sock"]),
        ("podman", {"XDG_RUNTIME_DIR": "/run/user/7"}, ["/run/podman/podman.sock", "/run/user/7/podman/podman.sock"]),
        ("docker", {"DOCKER_HOST": "unix:///a", "CONTAINER_HOST": "unix:///b"}, ["/a", "/var/run/docker.sock"]),
        (
            "podman",
            {"DOCKER_HOST": "unix:///a", "CONTAINER_HOST": "unix:///b"},
            ["/b", "/a", "/run/podman/podman.sock"],
        ),
        ("docker", {"DOCKER_HOST": "tcp://far:2375", "XDG_RUNTIME_DIR": "here"}, ["/var/run/docker.sock"]),
        ("docker", {"DOCKER_HOST": "unix:///var/run/docker.sock"}, ["/var/run/docker.sock"]),
    ],
)
def test_the_places_in_their_order(
    monkeypatch: pytest.MonkeyPatch, kind: EngineKind, given: dict[str, str], places: list[str]
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert usual(kind) == tuple(f"unix://{place}" for place in places)


def test_the_first_that_is_there_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONTAINER_HOST", f"unix://{tmp_path}/none.sock")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    assert found("podman").address == f"unix://{tmp_path}/none.sock", "none is there: the first"
    (tmp_path / "docker.sock").touch()
    assert found("podman").address == f"unix://{tmp_path}/docker.sock"


def test_what_the_settings_say_counts_before_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}")
    assert found("docker", "unix:///own.sock").address == "unix:///own.sock"
    assert found("memory").address == "", "it has none"


def test_the_advice_names_what_was_tried_and_how_to_start_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    assert advice(EngineSettings("podman", "unix:///run/podman/podman.sock")) == (
        "tried /run/podman/podman.sock, /run/user/7/podman/podman.sock; `systemctl enable --now podman.socket` starts it, with"
        " `--user` the one without root; `engine.address` or `--docker-address` says where it is"
    )
    assert "tried" not in advice(EngineSettings("podman", "unix:///own.sock")), "nothing else was"


@pytest.mark.parametrize(
    ("kind", "given", "address", "told"),
    [
        ("docker", {}, "", ""),
        ("docker", {"DOCKER_HOST": "unix:///none.sock"}, "", ""),  # it was tried
        (
            "docker",
            {"DOCKER_HOST": "tcp://far:2375"},
            "",
            "; $DOCKER_HOST does not count: evenkeel reaches engines at sockets, unix:///…, not over tcp",
        ),
        (
            "docker",
            {"DOCKER_HOST": "ssh://me:hunter2@far"},
            "",
            "; $DOCKER_HOST does not count: evenkeel reaches engines at sockets, unix:///…, not over ssh",
        ),
        (
            "docker",
            {"DOCKER_HOST": "unix://here"},
            "",
            "; $DOCKER_HOST does not count: evenkeel reaches engines at sockets, unix:///…",
        ),
        (
            "podman",
            {"CONTAINER_HOST": "ssh://far", "DOCKER_HOST": "unix:///none.sock"},
            "",
            "; $CONTAINER_HOST does not count: evenkeel reaches engines at sockets, unix:///…, not over ssh",
        ),
        (
            "docker",
            {"DOCKER_HOST": "unix:///none.sock"},
            "unix:///own.sock",
            "; $DOCKER_HOST does not count: the settings name an address",
        ),
        ("docker", {"CONTAINER_HOST": "tcp://far", "DOCKER_HOST": "unix:///own.sock"}, "unix:///own.sock", ""),
    ],
)
def test_a_variable_that_does_not_count_is_named_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, kind: EngineKind, given: dict[str, str], address: str, told: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    _, where, after = advice(found(kind, address)).partition("`--docker-address` says where it is")
    assert where
    assert after == told


@pytest.mark.parametrize(
    ("kind", "given", "version", "told"),
    [
        ("podman", {"DOCKER_HOST": "D"}, "podman 4.3.1", ""),
        ("docker", {"DOCKER_HOST": "D"}, "docker 20.10.24", ""),
        (
            "podman",
            {"DOCKER_HOST": "D"},
            "docker 20.10.24",
            "the engine is to be podman, and docker 20.10.24 answers at {D}, which $DOCKER_HOST names",
        ),
        (
            "docker",
            {"DOCKER_HOST": "D"},
            "podman 4.3.1",
            "the engine is to be docker, and podman 4.3.1 answers at {D}, which $DOCKER_HOST names",
        ),
        (
            "podman",
            {"DOCKER_HOST": "D", "CONTAINER_HOST": "N"},
            "docker 20.10.24",
            (
                "the engine is to be podman, and docker 20.10.24 answers at {D}, which $DOCKER_HOST names;"
                " $CONTAINER_HOST names {N}, and nothing is there"
            ),
        ),
    ],
)
def test_another_engine_that_the_environment_names_is_told(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kind: EngineKind,
    given: dict[str, str],
    version: str,
    told: str,
) -> None:
    places = {"D": f"{tmp_path}/docker.sock", "N": f"{tmp_path}/none.sock"}
    (tmp_path / "docker.sock").touch()
    for name, value in given.items():
        monkeypatch.setenv(name, f"unix://{places[value]}")
    assert other_engine(found(kind), version) == told.format(**places)


def test_any_engine_may_answer_where_the_settings_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///docker.sock")
    assert other_engine(found("podman", "unix:///own.sock"), "docker 20.10.24") == ""
    assert other_engine(found("memory"), "memory (simulated)") == ""
