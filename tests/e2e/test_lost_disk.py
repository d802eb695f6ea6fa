"""A real engine, and a state directory on a real file system that is full, or that is mounted read-only beneath the controller.

Case A17 and O5 of the findings: the controller ended, did not start again, and nobody looked after the containers.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.controller.cli.command import ended, spec
from tests.engines.dockerd import Dockerd
from tests.until import until

from evenkeel.controller.journal.journal import read_journal

from .device import DockerDevice

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

QUICK = "stop: {timeout: 1s}"
ONE, TWO = spec("one", "sleeper:1", QUICK), spec("two", "sleeper:1", QUICK)


class Disk(NamedTuple):
    """A small file system of its own."""

    place: Path

    def fill(self) -> None:
        with (self.place / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(b"x" * 1024)

    def free(self) -> None:
        (self.place / "filler").unlink()

    def forbid(self) -> None:
        """Read-only, as after an error of the disk; no file must be open to be written."""
        subprocess.run(["mount", "-o", "remount,ro,bind", self.place], check=True)

    def allow(self) -> None:
        subprocess.run(["mount", "-o", "remount,rw,bind", self.place], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], check=True)
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture
def device(clean_dockerd: Dockerd, tmp_path: Path, disk: Disk) -> Iterator[DockerDevice]:
    it = DockerDevice(tmp_path, clean_dockerd)
    it.apart = True  # nothing in here may have a file open on the disk
    it.state = disk.place / "state"
    it.settings(resync="5s")
    it.log = tmp_path / "log"
    yield it
    it.close()


def shown(device: DockerDevice) -> Any:
    with suppress(AssertionError):
        return device.status()["controller"]["fromMemory"] or ""
    return ""


def check_kept_up(device: DockerDevice, reason: str) -> None:
    """What is in force is put up again, what the files ask for is done, and `status` tells how it is."""
    dockerd = device.dockerd
    dockerd.api("DELETE", "/containers/one", force=1)
    until(lambda: dockerd.containers().get("one") == "running", what="one is put up again")
    device.write(ONE, TWO)
    until(lambda: dockerd.containers() == {"one": "running", "two": "running"}, what="the files are followed")
    until(lambda: shown(device).startswith(reason), what="status says that it works from memory")
    log = device.log
    assert log is not None
    until(lambda: "state-lost" in log.read_text(), what="the loss is told, as one that is over at once is not")
    text = device.run("status", ok=None).stdout
    assert "it works from memory: " in text
    device.run("status", "--check", ok=1)


def check_stored(device: DockerDevice) -> None:
    """Everything is on the disk, without a gap, and all is well."""
    until(lambda: shown(device) == "" and device.run("status", "--check", ok=None).returncode == 0, what="all is well")
    device.check_numbers()
    assert {"state-lost", "state-restored"} <= set(device.kinds())
    with closing(read_journal(device.state)) as journal:
        assert {each.name: each.holds for each in journal.conditions()}["StateWritable"] is True
    assert device.dockerd.containers() == {"one": "running", "two": "running"}


def test_what_is_in_force_is_kept_up_and_stored_when_the_disk_is_back(device: DockerDevice, disk: Disk) -> None:
    device.write(ONE)
    process = device.start("run")
    device.until_settled({"one": "running"})
    disk.fill()
    check_kept_up(device, "Full: ")
    assert process.poll() is None
    disk.free()
    check_stored(device)
    assert ended(process, signal.SIGTERM)[0] == 0


@pytest.mark.parametrize("harm", ["full", "read-only"])
def test_it_starts_without_its_disk_and_knows_what_is_in_force(device: DockerDevice, disk: Disk, harm: str) -> None:
    """Killed, so that the journal's log has to be read, too."""
    lose, give_back, reason = _ways(disk, harm)
    device.write(ONE)
    process = device.start("run")
    device.until_settled({"one": "running"})
    ended(process, signal.SIGKILL)
    before = device.newest()
    lose()
    process = device.start("run")
    check_kept_up(device, reason)
    done = device.run("apply", "--yes", ok=1)
    assert "is at work here" in done.stderr
    assert process.poll() is None
    give_back()
    check_stored(device)
    assert "started" in [entry.kind for entry in device.said() if entry.seq > before]
    assert ended(process, signal.SIGTERM)[0] == 0


@pytest.mark.parametrize("harm", ["full", "read-only"])
def test_apply_works_without_its_disk(device: DockerDevice, disk: Disk, harm: str) -> None:
    lose, give_back, _ = _ways(disk, harm)
    device.write(ONE)
    device.run("apply", "--yes")
    before = device.newest()
    lose()
    device.write(ONE, TWO)
    done = device.run("apply", "--yes")
    assert "Note: works from memory, because " in done.stderr
    assert str(device.state) in done.stderr
    assert device.dockerd.containers() == {"one": "running", "two": "running"}
    give_back()
    assert device.newest() == before
    device.run("apply", "--yes")
    device.check_numbers()


def _ways(disk: Disk, harm: str) -> tuple[Callable[[], None], Callable[[], None], str]:
    return (disk.fill, disk.free, "Full: ") if harm == "full" else (disk.forbid, disk.allow, "ReadOnly: ")
