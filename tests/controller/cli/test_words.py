"""What commands say, word by word, where somebody new to them was misled."""

from __future__ import annotations

import json
import re

import pytest

from .command import Device, spec

pytestmark = pytest.mark.e2e

HAND = "apiVersion: evenkeel/v1\nkind: SystemContainers\nmetadata: {name: platform}\nspec: {names: [hand]}\n"
NO_ENGINE = {"kind": "docker", "address": "unix:///nonexistent/docker.sock"}


def lines_of(device: Device, name: str, *arguments: str, ok: int = 0) -> list[str]:
    return device.run("describe", "container", name, *arguments, ok=ok).stdout.splitlines()


def test_a_container_of_others_is_theirs_also_where_it_is_asked_for(device: Device) -> None:
    """N7: its first line had `(evenkeel's)`, above that evenkeel did not create it."""
    device.write(spec("rec"))
    device.put_foreign("rec")
    device.run("apply", "--yes", ok=1)
    assert lines_of(device, "rec")[0] == "container   rec (others')"
    assert json.loads(device.run("describe", "container", "rec", "-o", "json").stdout)["by"] == "others"


def test_a_system_container_tells_who_names_it(device: Device) -> None:
    """N19: it was asked for by nothing, and not proven."""
    device.write(spec("web"), HAND)
    device.put_foreign("hand")
    device.run("apply", "--yes")
    lines = lines_of(device, "hand")
    assert lines[:2] == [
        "container   hand (a system container: never touched)",
        f"named in    {device.specs}/10-apps.yaml:8:1",
    ]
    assert not any("proven" in line or "asks for it" in line for line in lines)
    device.settings(systemContainers=["foot"])
    device.put_foreign("foot")
    assert lines_of(device, "foot")[1] == "named in    the settings"


def test_what_is_asked_for_is_told_once_and_whole(device: Device) -> None:
    """N18: a port stood beside itself, and nothing told of `imageVolumes`."""
    device.write(spec("web", more='env: {LEVEL: "1"}\nports: ["127.0.0.1:18080:80"]\nimageVolumes: discard'))
    device.run("apply", "--yes")
    lines = lines_of(device, "web")
    assert "  ports.127.0.0.1:18080:80/tcp" in lines
    assert any(re.fullmatch(r"  imageVolumes +discard", line) for line in lines)


def test_what_is_known_without_the_engine_is_described(device: Device) -> None:
    """N14: while the engine is away there was nothing but the error."""
    device.write(spec("web", more='env: {LEVEL: "1"}'))
    device.run("apply", "--yes")
    device.settings(engine=NO_ENGINE)
    done = device.run("describe", "container", "web", ok=1)
    lines = done.stdout.splitlines()
    assert lines[0] == "container   web (evenkeel's)"
    assert any(line.startswith("verdict     not known: engine:") for line in lines)
    assert f"desired     {device.status()['desired']}" in lines
    assert any(re.fullmatch(r"  env\.LEVEL +\(hidden\)", line) for line in lines)
    assert "what happened lately" in lines
    assert any("step-done" in line and " web: " in line for line in lines)
    assert re.match(r"error: engine:", done.stderr)
    told = json.loads(device.run("describe", "container", "web", "-o", "json", ok=1).stdout)
    assert told["engineError"].startswith("engine:")
    assert told["difference"] is None
    nobody = device.run("describe", "container", "nosuch", ok=1)
    assert (nobody.stdout, nobody.stderr[:14]) == ("", "error: engine:")
