"""What commands say, word by word, where somebody new to them was misled."""

from __future__ import annotations

import json
import re
from pathlib import Path

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


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            ("get", "pods"),
            "`evenkeel describe registry pods`, `evenkeel describe identity pods` or `evenkeel describe os pods`\n",
        ),
        (
            ("get", "contianer"),
            "`registries`, `identities`, `os` and `baselines` to get; did you mean `containers`?\n",
        ),
        (
            ("get",),
            (
                "say what to get: `evenkeel get containers`, `evenkeel get files`, `evenkeel get registries`, "
                "`evenkeel get identities`, `evenkeel get os` or `evenkeel get baselines`\n"
            ),
        ),
        (
            ("describe",),
            (
                "say which one: `evenkeel describe container NAME`, `evenkeel describe file NAME`, "
                "`evenkeel describe registry NAME`, `evenkeel describe identity NAME` or `evenkeel describe os NAME`\n"
            ),
        ),
        (("describe", "files"), "say which one: `evenkeel describe file NAME`\n"),
        (("describe", "container"), "say which one: `evenkeel describe container NAME`\n"),
    ],
)
def test_who_does_not_say_what_is_told_in_our_own_words(device: Device, command: tuple[str, ...], said: str) -> None:
    """N22: `Choose from: containers`, of click's."""
    assert device.run(*command, ok=1).stderr.endswith(said)


def test_a_migration_that_fails_leaves_nothing(device: Device, tmp_path: Path) -> None:
    """N28: it left an empty folder."""
    kanto = tmp_path / "config.json"
    kanto.write_text('{"connection": {"broker_url": 7}}')
    device.run("migrate", str(kanto), "--to", str(tmp_path / "new"), ok=1)
    assert not (tmp_path / "new").exists()
    kanto.write_text("{}")
    device.run("migrate", str(kanto), "--to", str(tmp_path / "new" / "etc"))
    assert (tmp_path / "new" / "etc" / "config.yaml").exists()


@pytest.mark.parametrize("command", [("watch",), ("publish", "x.yaml")])
def test_a_broker_that_is_none_is_refused(device: Device, command: tuple[str, ...]) -> None:
    """N31: `watch` had no such option."""
    said = device.run(*command, "--broker", "localhost:1883", ok=1).stderr
    assert said.startswith("error: option:--broker: ")


def test_publish_warns_of_what_the_agent_passes_over(device: Device, tmp_path: Path) -> None:
    """N30: it refused a key that the agent takes with a warning."""
    component = {
        "id": "web",
        "version": "1",
        "config": [{"key": "image", "value": "web:1"}, {"key": "colour", "value": "x"}],
    }
    asked = tmp_path / "asked.json"
    asked.write_text(json.dumps({"domains": [{"id": "containers", "components": [component]}]}))
    device.settings(mqtt={"broker": "tcp://127.0.0.1:9", "connectTimeout": "1s"})
    said = device.run("publish", str(asked), ok=1).stderr
    assert "unknown key `colour`" in said
    assert "error: broker:tcp://127.0.0.1:9: no connection" in said, "it was tried to be sent"
    device.settings(updateAgent={"unknownKeys": "reject"}, mqtt={"broker": "tcp://127.0.0.1:9"})
    said = device.run("publish", str(asked), ok=1).stderr
    assert "unknown key `colour`" in said
    assert said.endswith(": 1 problem\n")
