"""The real command, a real engine and a real registry: a revision of a registry and a container whose image is from there."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.controller.cli.command import ended, spec
from tests.engines.dockerd import Dockerd
from tests.engines.images import sleeper
from tests.engines.podman import Podman
from tests.engines.registry import Registry
from tests.sampling import sampled
from tests.until import until

from .device import CLOCKS, SABOTEUR, DockerDevice, instances

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

QUICK = "stop: {timeout: 1s}"
WRONG = "not the password"


class PodmanDevice(DockerDevice):
    """The settings name a Podman, and its files of its own."""

    def __init__(self, folder: Path, podman: Podman) -> None:
        self._podman = podman
        super().__init__(folder, podman)

    def settings(self, **more: object) -> None:
        folder = self._podman.containers_folder
        files = {
            "certificates": str(folder / "certs.d"),
            "authFile": str(self._podman.auth_file),
            "dropIns": str(folder / "registries.conf.d"),
        }
        super().settings(**{"engine": {"kind": "podman", "address": self.address}, "registries": files, **more})


@pytest.fixture
def private(registry: Registry, dockerd: Dockerd) -> Iterator[Registry]:
    """A registry of the test's own, which dockerd does not trust yet. The other one keeps the folder of certificates there."""
    with running(f"{dockerd.net}.128.1") as it:
        yield it


@contextmanager
def running(address: str) -> Iterator[Registry]:
    it = Registry(Path(tempfile.mkdtemp(prefix="ek-registry-")), address)
    try:
        it.start()
        for tag in ("1", "2"):
            it.push("e2e", tag, sleeper(f"e2e-{tag}"))
        yield it
    finally:
        it.close()


@pytest.fixture
def device(clean_dockerd: Dockerd, tmp_path: Path) -> Iterator[DockerDevice]:
    it = DockerDevice(tmp_path, clean_dockerd)
    yield it
    it.write()
    it.close()
    (clean_dockerd.folder / "daemon.json").write_text("{}")


def documents(device: DockerDevice, private: Registry, tag: str, *, insecure: bool = False) -> tuple[str, ...]:
    """A container, and the registry of its image."""
    password = device.specs.parent / "password"
    how = "insecure: true" if insecure else f"tls: {{ca: {private.ca}}}"
    registry = (
        "apiVersion: evenkeel/v1\nkind: Registry\nmetadata: {name: private}\nspec:\n"
        f"  host: {private.host}\n  credentials: {{user: {private.user}, passwordFile: {password}}}\n  {how}\n"
    )
    return registry, spec("web", private.reference("e2e", tag), QUICK)


def password(device: DockerDevice, text: str) -> None:
    (device.specs.parent / ".password").write_text(text)
    (device.specs.parent / ".password").replace(device.specs.parent / "password")


def web(dockerd: Dockerd | Podman) -> tuple[str, str]:
    """The container's image, and since when it runs."""
    (found,) = instances(dockerd)["web"]
    return found["Config"]["Image"], found["State"]["StartedAt"]


def forget_images(dockerd: Dockerd | Podman, private: Registry) -> None:
    for tag in ("1", "2"):
        dockerd.api("DELETE", f"/images/{private.reference('e2e', tag)}", force=1)


def told(device: DockerDevice) -> str:
    """All that is kept, but for the copies in force, which nobody else may read."""
    closed = device.state / "registries"
    files = (path for path in device.state.rglob("*") if path.is_file() and not path.is_relative_to(closed))
    return "".join(path.read_text(errors="replace") for path in files)


def test_apply_with_a_wrong_and_a_right_password(device: DockerDevice, dockerd: Dockerd, private: Registry) -> None:
    let_in_at_last(device, dockerd, private, Path("/etc/docker/certs.d"))


def test_apply_with_a_wrong_and_a_right_password_on_podman(
    clean_podman: Podman, registry: Registry, tmp_path: Path
) -> None:
    device = PodmanDevice(tmp_path, clean_podman)
    try:
        with running("127.0.0.1") as private:
            clean_podman.ground.reach(private.port)
            let_in_at_last(device, clean_podman, private, clean_podman.containers_folder / "certs.d")
            assert not clean_podman.auth_file.exists()
    finally:
        device.write()
        device.close()
        clean_podman.forget_registries()


def let_in_at_last(device: DockerDevice, engine: Dockerd | Podman, private: Registry, folder: Path) -> None:
    """`folder`: where the engine looks for certificates."""
    certificates = folder / private.host
    device.write(spec("web", "sleeper:1", QUICK))
    device.run("apply", "--yes")
    before, pid = web(engine), engine.pid
    password(device, WRONG)
    device.write(*documents(device, private, "1"))
    planned = device.run("plan", ok=2)
    assert "not trusted" not in planned.stdout, "a document gives the authority, and it is not in force yet"
    assert "is not known before this plan has put its registry in force" in planned.stdout
    failed = device.run("apply", "--yes", ok=1)
    assert f"{private.host} refuses the login" in failed.stderr
    assert "authentication required" in failed.stderr
    assert web(engine) == before, "nothing is disturbed"
    assert not certificates.exists()
    password(device, private.password)
    done = device.run("apply", "--yes", "--retry")
    assert web(engine)[0] == private.reference("e2e", "1")
    assert (certificates / "evenkeel.crt").read_bytes() == private.ca.read_bytes()
    assert device.run("plan").stdout == "Nothing to do.\n"
    assert engine.pid == pid
    said = [text for each in (planned, failed, done) for text in (each.stdout, each.stderr)]
    assert not [text for text in (*said, told(device)) if private.password in text or WRONG in text]
    device.write(spec("web", "sleeper:1", QUICK))
    device.run("apply", "--yes")
    assert not certificates.exists()
    forget_images(engine, private)


def test_run_with_rotation_and_a_wrong_password(device: DockerDevice, dockerd: Dockerd, private: Registry) -> None:
    password(device, private.password)
    device.write(*documents(device, private, "1", insecure=True))
    process = device.start("run")
    device.until_settled({"web": "running"})
    before, pid = web(dockerd), dockerd.pid
    assert before[0] == private.reference("e2e", "1")
    # A new password, while the container runs, and the engine.
    copies = device.state / "registries" / "auth.json"
    old = copies.read_bytes()
    private.password = "rotated/9"
    command = ["htpasswd", "-Bb", private.folder / "htpasswd", private.user, private.password]
    subprocess.run(command, check=True, capture_output=True)
    password(device, private.password)
    until(lambda: copies.read_bytes() != old, what="the new password is in force")
    device.until_settled({"web": "running"})
    assert web(dockerd) == before
    # A revision with a wrong one disturbs nothing.
    newest = device.newest()
    (device.specs.parent / "wrong").write_text(WRONG)
    wrong = [each.replace("/password}", "/wrong}") for each in documents(device, private, "2", insecure=True)]
    device.change(*wrong)
    failed = device.until_said("revision-failed", newest)
    assert f"{private.host} refuses the login" in failed.message
    assert web(dockerd) == before
    device.change(*documents(device, private, "2", insecure=True))
    device.until_settled({"web": "running"})
    assert web(dockerd)[0] == private.reference("e2e", "2")
    # The registry lets somebody else in, and nobody any more right after that: the way back asks nobody.
    before, good, newest = web(dockerd), copies.read_bytes(), device.newest()
    users = private.folder / "htpasswd"
    known = users.read_bytes()
    subprocess.run(["htpasswd", "-Bb", users, "another", "another/1"], check=True, capture_output=True)
    (device.specs.parent / "another").write_text("another/1")
    another = documents(device, private, "1", insecure=True)
    names = {f"user: {private.user}": "user: another", "/password}": "/another}"}
    device.change(*(re.sub("|".join(names), lambda found: names[found[0]], each) for each in another))
    until(lambda: copies.read_bytes() != good, what="somebody else is let in")
    users.write_bytes(b"")
    device.until_said("rolled-back", newest)
    assert copies.read_bytes() == good
    assert web(dockerd) == before
    users.write_bytes(known)
    device.change(*documents(device, private, "2", insecure=True))
    device.until_settled({"web": "running"})
    assert dockerd.pid == pid
    assert not [text for text in (told(device),) if private.password in text or WRONG in text]
    device.change(spec("web", "sleeper:1", QUICK))
    device.until_settled({"web": "running"})
    assert private.host not in (dockerd.folder / "daemon.json").read_text()
    assert ended(process, signal.SIGTERM)[0] == 0
    forget_images(dockerd, private)


def test_kill_9_at_a_write_of_registries(
    device: DockerDevice, dockerd: Dockerd, private: Registry, tmp_path: Path
) -> None:
    """Whatever was written before, the next process brings all of it to where it was to be."""
    password(device, private.password)
    wanted = documents(device, private, "1", insecure=True)

    def reset() -> None:
        device.write(spec("web", "sleeper:1", QUICK))
        device.run("apply", "--yes")
        dockerd.clear()
        forget_images(dockerd, private)
        shutil.rmtree(device.state)
        device.write(*wanted)

    def begin(**more: str) -> subprocess.Popen[str]:
        paths = f"{SABOTEUR}:{device.environment()['PYTHONPATH']}"
        return device.start("run", PYTHONPATH=paths, **more)

    device.write(*wanted)
    moments = tmp_path / "moments"
    process = begin(EVENKEEL_MOMENTS=str(moments))
    device.until_settled({"web": "running"})
    assert ended(process, signal.SIGTERM)[0] == 0
    held = _held(device, dockerd)
    of_registries = [at for at, line in enumerate(moments.read_text().splitlines(), 1) if "registries:" in line]
    assert len(of_registries) >= 3
    for index, at in enumerate(sampled(of_registries, 2, "registries")):
        reset()
        assert ended(begin(EVENKEEL_KILL_AT=str(at), EVENKEEL_CLOCK=CLOCKS[index]))[0] == -signal.SIGKILL
        process = begin(EVENKEEL_CLOCK=CLOCKS[2 - index])
        device.until_settled({"web": "running"})
        assert ended(process, signal.SIGTERM)[0] == 0
        assert _held(device, dockerd) == held
        assert web(dockerd)[0] == private.reference("e2e", "1")
    reset()


def _held(device: DockerDevice, dockerd: Dockerd) -> tuple[str, str, list[str]]:
    """The copies, the daemon's file, and what is there beside."""
    folder = device.state / "registries"
    names = sorted(path.name for path in (*folder.iterdir(), *dockerd.folder.glob(".daemon*")))
    return (folder / "auth.json").read_text(), (dockerd.folder / "daemon.json").read_text(), names
