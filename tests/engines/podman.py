"""A private Podman: own socket, own storage, own network namespace, and nothing of it left at the end.

Podman has no daemon: `podman system service` answers at the socket, and each container has a conmon of its own. What all
Podmen of a machine share would be in each other's way: the names of bridges and of the chains of the firewall come from a
counter and from the names of networks. So each has a network namespace, with a cable to the machine's: containers are
reached at their addresses as ever, and the registry of the tests at its own.

Healthchecks are run by timers of systemd. Where there is none, as here, a thread does what the timers do.
"""

import asyncio
import contextlib
import ctypes
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from evenkeel.specs.containers.image import normal_image

from .asking import Asking
from .images import Image, standard
from .serving import Serving

_STARTUP_S = 60.0
_CLONE_NEWNET = 0x40000000


class Podman:
    """One engine, rootful. `start`, `stop`, `close`; the rest asks it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "podman.log"
        asking = Asking(str(folder / "podman.sock"))
        self.address, self.is_up, self.api, self._load = asking.address, asking.is_up, asking.api, asking.load
        self.images, self.containers, self.inspect = asking.images, asking.containers, asking.inspect
        self.run, self.wait_for_trap = asking.run, asking.wait_for_trap
        self._service: subprocess.Popen[bytes] | None = None
        self._inlets: list[Inlet] = []
        self._timers: Timers | None = None
        _in_memory(folder)
        self.namespace, self.net = _make_namespace()
        (folder / "containers.conf").write_text(
            f"""
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
[containers]
log_driver = "k8s-file"
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[network]
network_backend = "netavark"
default_subnet = "{self.net}.0.0/24"
default_subnet_pools = [{{"base" = "{self.net}.64.0/18", "size" = 24}}]
"""
        )
        (folder / "storage.conf").write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/data"\nrunroot = "{folder}/run"\n'
        )

    # -- life and death ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Returns as soon as the service answers."""
        with self.log.open("ab") as log:
            command = self.command("system", "service", "--time", "0", self.address)
            self._service = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, env=self._environment()
            )
        deadline = time.monotonic() + _STARTUP_S
        while not self.is_up():
            if self._service.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"podman did not start:\n{self.log_tail()}")
            time.sleep(0.05)
        self._timers = Timers(self)

    def command(self, *words: str) -> list[str]:
        """A command of this Podman."""
        place = ("--root", str(self.folder / "data"), "--runroot", str(self.folder / "run"))
        nets = ("--network-config-dir", str(self.folder / "networks"))
        podman = ("podman", *place, "--tmpdir", str(self.folder / "tmp"), *nets, *words)
        inside = ("nsenter", f"--net=/run/netns/{self.namespace}", "unshare", "--mount")
        # Podman walks through /dev for each container with devices, and the files of all tests are in /dev/shm.
        return [*inside, "sh", "-c", 'mount -t tmpfs none /dev/shm && exec "$0" "$@"', *podman]

    def _environment(self) -> dict[str, str]:
        places = {"CONTAINERS_CONF": "containers.conf", "CONTAINERS_STORAGE_CONF": "storage.conf"}
        own = {name: str(self.folder / file) for name, file in places.items()}
        return {**os.environ, **own, "TMPDIR": str(self.folder), "DISABLE_HC_SYSTEMD": "true"}

    def stop(self) -> None:
        """The service ends; containers go on."""
        if self._timers is not None:
            self._timers.close()
            self._timers = None
        if self._service is not None:
            self._service.send_signal(signal.SIGTERM)
            try:
                self._service.wait(20)
            except subprocess.TimeoutExpired:
                self._service.kill()
                self._service.wait(20)
            self._service = None

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
        self.stop()
        for pid in _processes_with(str(self.folder)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for inlet in self._inlets:
            inlet.close()
        _remove_namespace(self.namespace)
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            if Path(target := line.split()[1]).is_relative_to(self.folder):
                _run("umount", "--lazy", target)
        shutil.rmtree(self.folder, ignore_errors=True)

    def log_tail(self, lines: int = 30) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def load(self, image: Image, *names: str) -> None:
        """As `Asking.load`; a short name would be one of `localhost/`, and never found."""
        self._load(image, *(normal_image(name) for name in names or (image.name,)))

    def reach(self, port: int) -> None:
        """Makes a port of this machine's loopback reachable at the same port of the engine's."""
        self._inlets.append(Inlet(self.namespace, port))


def make_podman() -> Podman:
    """A running Podman that knows the standard images."""
    engine = Podman(Path(tempfile.mkdtemp(prefix="ek-podman-", dir="/tmp")))
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


class Inlet:
    """A port of the loopback inside a network namespace leads to the same port outside."""

    def __init__(self, namespace: str, port: int) -> None:
        self._port = port
        listening: list[socket.socket] = []
        inside = threading.Thread(target=lambda: listening.append(_listen_inside(namespace, port)))
        inside.start()
        inside.join(60)
        (inlet,) = listening
        self._serving = Serving("inlet", lambda connected: asyncio.start_server(connected, sock=inlet), self._serve)
        self._serving.start()

    def close(self) -> None:
        self._serving.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            await asyncio.gather(_pour(reader, far_writer), _pour(far_reader, writer))
        finally:
            far_writer.transport.abort()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while content := await reader.read(1 << 16):
            writer.write(content)
            await writer.drain()
        writer.write_eof()


def _listen_inside(namespace: str, port: int) -> socket.socket:
    """A thread that has gone into a namespace stays there, so it ends when it has this socket."""
    with Path("/run/netns", namespace).open() as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    return socket.create_server(("127.0.0.1", port))


# -- the machine around it -------------------------------------------------------------------------------------------


def _in_memory(folder: Path) -> None:
    for how in (("-t", "tmpfs", "-o", "mode=755", "ek-podman", str(folder)), ("--make-private", str(folder))):
        done = _run("mount", *how)
        if done.returncode:
            raise RuntimeError(f"no mount for podman: is this root? {done.stderr.strip()}")


def _make_namespace() -> tuple[str, str]:
    """A network namespace, and the first half of its addresses, 10.x.0.0/16. The machine has 10.x.255.1 at the cable between
    them, the namespace 10.x.255.2, and what is behind it the rest."""
    for _ in range(50):
        number = random.randrange(10, 127)
        name, net = f"ekp{number}", f"10.{number}"
        if f" {net}." in f" {_run('ip', '-4', 'route', 'show').stdout.replace(chr(10), chr(10) + ' ')}":
            continue
        if _run("ip", "netns", "add", name).returncode:
            continue
        steps = (
            ("ip", "link", "add", name, "type", "veth", "peer", "name", "outside", "netns", name),
            ("ip", "address", "add", f"{net}.255.1/30", "dev", name),
            ("ip", "link", "set", name, "up"),
            ("ip", "-n", name, "address", "add", f"{net}.255.2/30", "dev", "outside"),
            ("ip", "-n", name, "link", "set", "lo", "up"),
            ("ip", "-n", name, "link", "set", "outside", "up"),
            ("ip", "route", "add", f"{net}.0.0/16", "via", f"{net}.255.2"),
        )
        for step in steps:
            if (done := _run(*step)).returncode:
                _remove_namespace(name)
                raise RuntimeError(f"no network for podman: {' '.join(step)}: {done.stderr.strip()}")
        return name, net
    raise RuntimeError("no network for podman: is this root, with `ip`?")


def _remove_namespace(name: str) -> None:
    _run("ip", "link", "delete", name)
    _run("ip", "netns", "delete", name)


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _processes_with(folder: str) -> Iterable[int]:
    """conmon, the DNS server and whatever else has the folder in its arguments."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if re.fullmatch(r"\d+", entry.name) and folder in (entry / "cmdline").read_text():
                yield int(entry.name)
