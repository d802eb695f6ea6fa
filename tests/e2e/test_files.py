"""Files and the containers that mount them, by the real command on a real disk and a real engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.controller.cli.command import spec
from tests.engines.dockerd import Dockerd

from .device import DockerDevice

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture
def device(clean_dockerd: Dockerd, tmp_path: Path) -> Iterator[DockerDevice]:
    it = DockerDevice(tmp_path, clean_dockerd)
    yield it
    it.close()


def asked(path: Path, content: str, mode: str = "0640") -> tuple[str, str]:
    """A file, and a container that mounts it and only comes up with what is good in it."""
    file = f"""apiVersion: evenkeel/v1
kind: File
metadata: {{name: conf}}
spec:
  path: {path}
  content: "{content}"
  mode: "{mode}"
  notify: [app]
"""
    command = "grep -q good /app.conf && exec sleep 1000"
    app = f"""stop: {{timeout: 1s}}
command: [/bin/sh, -c, "{command}"]
mounts: ["{path}:/app.conf"]
restart: {{policy: "no"}}"""
    return file, spec("app", "web:1", app)


def started(dockerd: Dockerd) -> str:
    return str(dockerd.inspect("app")["State"]["StartedAt"])


def test_a_file_is_placed_before_its_container_and_a_bad_one_goes_back(
    device: DockerDevice, dockerd: Dockerd, tmp_path: Path
) -> None:
    path = tmp_path / "etc" / "app.conf"
    device.write(*asked(path, "good 1"))
    planned = device.run("plan", ok=2).stdout
    assert "+ conf" in planned
    assert "+ app" in planned
    device.run("apply", "--yes")
    assert dockerd.containers() == {"app": "running"}
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("good 1", 0o640)
    assert device.run("plan").stdout == "Nothing to do.\n"

    first, id_ = started(dockerd), dockerd.inspect("app")["Id"]
    device.write(*asked(path, "good 2"))
    assert "then app is restarted" in device.run("plan", ok=2).stdout
    device.run("apply", "--yes")
    assert path.read_text() == "good 2"
    assert dockerd.inspect("app")["Id"] == id_
    assert started(dockerd) > first

    device.write(*asked(path, "bad"))
    failed = device.run("apply", "--yes", ok=1)
    assert "it ended with exit code 1" in failed.stderr
    assert path.read_text() == "good 2"
    assert dockerd.containers() == {"app": "running"}
    assert "failed before" in device.run("plan", ok=2).stdout

    device.write(asked(path, "")[1])
    failed = device.run("apply", "--yes", ok=1)
    assert "bind source path does not exist" in failed.stderr, "the container cannot be started again without it"
    assert path.read_text() == "good 2"
    assert dockerd.containers() == {"app": "running"}
