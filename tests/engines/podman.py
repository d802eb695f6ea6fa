"""A private Podman: own socket, own storage, own network namespace, and nothing of it left at the end.

Podman has no daemon: `podman system service` answers at the socket, and each container has a conmon of its own. The ground
that it stands on, root's or an ordinary user's, is in `podman_grounds`.

Healthchecks are run by timers of systemd. Where there is none, as here, a thread does what the timers do.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.until import until

from evenkeel.specs.containers.image import normal_image

from .asking import Asking
from .images import Image, standard
from .podman_grounds import Ground, Rooted, Rootless, run

_STARTUP_S = 60.0


class Podman:
    """One engine. `start`, `close`; the rest asks it."""

    def __init__(self, folder: Path, *, rootless: bool = False) -> None:
        self.folder = folder
        self.log = folder / "podman.log"
        asking = Asking(str(folder / "podman.sock"))
        self.address, self.is_up, self.api, self._load = asking.address, asking.is_up, asking.api, asking.load
        self.images, self.containers, self.inspect = asking.images, asking.containers, asking.inspect
        self.run, self.wait_for_trap = asking.run, asking.wait_for_trap
        self._service: subprocess.Popen[bytes] | None = None
        self._timers: Timers | None = None
        _in_memory(folder)
        self.containers_folder, self.auth_file = folder / "etc-containers", folder / "auth.json"
        shutil.copytree("/etc/containers", self.containers_folder, symlinks=True)
        self.ground: Ground = Rootless(folder) if rootless else Rooted(self.containers_folder)
        (folder / "storage.conf").write_text(
            f'[storage]\ndriver = "{self.ground.storage}"\ngraphroot = "{folder}/data"\nrunroot = "{folder}/run"\n'
        )
        (folder / "containers.conf").write_text(
            f"""
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "{folder}/tmp"
volume_path = "{folder}/data/volumes"
[containers]
log_driver = "k8s-file"
{self.ground.limits}
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
{self.ground.subnets}
"""
        )

    # -- life and death ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Returns as soon as the service answers."""
        with self.log.open("ab") as log:
            command = self.ground.inside(self._command("system", "service", "--time", "0", self.address))
            env = self._environment()
            # "/", because a user who is not root may not go into the folder of the tests.
            self._service = subprocess.Popen(command, cwd="/", stdout=log, stderr=log, start_new_session=True, env=env)
        deadline = time.monotonic() + _STARTUP_S
        while not self.is_up():
            if self._service.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"podman did not start:\n{self.log_tail()}")
            time.sleep(0.05)
        self._timers = Timers(self)

    def _command(self, *words: str) -> list[str]:
        """A command of this Podman. Most folders are in containers.conf: at SIGHUP Podman forgets those of a command line, and
        conmon's cleanup gets wrong ones (measured, 4.3)."""
        place = ("--root", str(self.folder / "data"), "--runroot", str(self.folder / "run"))
        return ["podman", *place, *words]

    def _environment(self) -> dict[str, str]:
        places = {"CONTAINERS_CONF": "containers.conf", "CONTAINERS_STORAGE_CONF": "storage.conf"}
        own = {name: str(self.folder / file) for name, file in places.items()}
        return {
            **os.environ,
            **own,
            "TMPDIR": str(self.folder),
            "REGISTRY_AUTH_FILE": str(self.auth_file),
            "DISABLE_HC_SYSTEMD": "true",
            **self.ground.environment,
        }

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `podman` as its user does on a terminal: which file has the credentials, nobody says."""
        env = {name: value for name, value in self._environment().items() if name != "REGISTRY_AUTH_FILE"}
        line = self.ground.beside(self.pid, self._command(*words))
        return subprocess.run(line, cwd="/", env=env, text=True, capture_output=True, check=False)

    @contextlib.contextmanager
    def without_timers(self) -> Iterator[None]:
        """Nobody runs healthchecks, as on a machine without systemd."""
        if self._timers is not None:
            self._timers.close()
        try:
            yield
        finally:
            self._timers = Timers(self)

    @property
    def pid(self) -> int:
        """The process of the service."""
        if self._service is None:
            raise RuntimeError("podman does not run")
        return self._service.pid

    def forget_registries(self) -> None:
        """Configuration of registries as it was at the start; of a Podman with root."""
        shutil.rmtree(self.containers_folder / "certs.d", ignore_errors=True)
        self.auth_file.unlink(missing_ok=True)
        drop_ins = self.containers_folder / "registries.conf.d"
        for name in ("registries.conf.d", "registries.conf"):
            own, usual = self.containers_folder / name, Path("/etc/containers", name)
            if own.is_dir():
                shutil.rmtree(own)
            if usual.is_dir():
                shutil.copytree(usual, own)
            elif usual.exists():
                shutil.copy(usual, own)
        os.kill(self.pid, signal.SIGHUP)

        def is_clean() -> bool:
            registries = self.api("GET", "/v4.0.0/libpod/info")[1].get("registries") or {}
            return set(registries) <= {"search"}

        until(is_clean, what=f"podman goes by what is in {drop_ins}")

    def clear(self) -> None:
        """Removes all containers, networks and volumes that somebody made; the images stay."""
        for container in self.api("GET", "/containers/json", all=True)[1]:
            status, answer = self.api("DELETE", f"/containers/{container['Id']}", force=True, v=True)
            if status not in (204, 404):
                raise RuntimeError(f"{container['Id'][:12]} cannot be removed: {answer}")
        self.api("POST", "/networks/prune")
        for volume in self.api("GET", "/volumes")[1]["Volumes"] or ():
            self.api("DELETE", f"/volumes/{volume['Name']}", force=True)

    def close(self) -> None:
        """Ends the service and all containers, and takes away what was mounted and written."""
        with contextlib.suppress(Exception):
            self.clear()
        if self._timers is not None:
            self._timers.close()
        if self._service is not None:
            self._service.send_signal(self.ground.end)
            try:
                self._service.wait(20)
            except subprocess.TimeoutExpired:
                self._service.kill()
                self._service.wait(20)
        for pid in _processes_with(str(self.folder)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.ground.close()
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            if Path(target := line.split()[1]).is_relative_to(self.folder):
                run("umount", "--lazy", target)
        shutil.rmtree(self.folder, ignore_errors=True)

    def log_tail(self, lines: int = 30) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def load(self, image: Image, *names: str) -> None:
        """As `Asking.load`; a short name would be one of `localhost/`, and never found."""
        self._load(image, *(normal_image(name) for name in names or (image.name,)))


def make_podman(*, rootless: bool = False) -> Podman:
    """A running Podman that knows the standard images."""
    folder = Path(tempfile.mkdtemp(prefix="ek-podman-", dir="/tmp"))
    try:
        engine = Podman(folder, rootless=rootless)
    except BaseException:
        run("umount", "--lazy", str(folder))
        folder.rmdir()
        raise
    try:
        engine.start()
        for image in standard().values():
            engine.load(image)
    except BaseException:
        engine.close()
        raise
    return engine


class Timers:
    """What systemd's timers do: run the healthcheck of each container that runs, again and again. In a thread of its own."""

    def __init__(self, engine: Podman) -> None:
        self._engine, self._ends = engine, threading.Event()
        self._thread = threading.Thread(target=self._run, name="healthchecks", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ends.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._ends.wait(0.2):
            with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
                for each in self._engine.api("GET", "/containers/json")[1]:
                    if self._engine.inspect(each["Id"])["Config"].get("Healthcheck"):
                        self._engine.api("GET", f"/v4.3.1/libpod/containers/{each['Id']}/healthcheck")


def _in_memory(folder: Path) -> None:
    for how in (("-t", "tmpfs", "-o", "mode=755", "ek-podman", str(folder)), ("--make-private", str(folder))):
        done = run("mount", *how)
        if done.returncode:
            raise RuntimeError(f"no mount for podman: is this root? {done.stderr.strip()}")


def _processes_with(folder: str) -> Iterable[int]:
    """conmon, the DNS server and whatever else has the folder in its arguments."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if re.fullmatch(r"\d+", entry.name) and folder in (entry / "cmdline").read_text():
                yield int(entry.name)
