"""A private Docker engine: own socket, own storage, own addresses, killed with everything in it at the end.

It must not disturb an engine that already runs on the machine. Hence a bridge of its own, address ranges that nobody
else uses, and `--iptables=false`: an engine that starts rebuilds the firewall chains of all others. Ports are published
by the user-land proxy alone, containers of one engine may talk to each other, and nothing reaches the world outside.

Synchronous and independent of the code under test, so that a test can ask the engine what is really true.
"""

import contextlib
import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .asking import Asking
from .images import standard

_STARTUP_S = 90.0
_THRIFTY = {**os.environ, "GOGC": "400"}
"""Engine, containerd, shims and runc collect garbage less often: a fifth of their CPU time, which is half of a test run's."""


class Dockerd:
    """One engine. `start`, `kill` (SIGKILL; containers go on, as after a crash), `stop` (SIGTERM), `restart`, `close`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.socket = str(folder / "docker.sock")
        asking = Asking(self.socket)
        self.address, self.is_up, self.api, self.load = asking.address, asking.is_up, asking.api, asking.load
        self.images, self.containers, self.inspect = asking.images, asking.containers, asking.inspect
        self.run, self.wait_for_trap = asking.run, asking.wait_for_trap
        self.log = folder / "dockerd.log"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        _in_memory(folder)
        (folder / "daemon.json").write_text("{}")
        self.net, self.bridge = _make_bridge()

    # -- life and death ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Returns as soon as the engine answers `_ping`."""
        program = shutil.which("dockerd") or "/usr/sbin/dockerd"
        command = [
            program,
            *("--host", self.address),
            *("--config-file", str(self.folder / "daemon.json")),
            *("--data-root", str(self.folder / "data")),
            *("--exec-root", str(self.folder / "exec")),
            *("--pidfile", str(self.folder / "pid")),
            *("--bridge", self.bridge),
            *("--default-address-pool", f"base={self.net}.0.0/17,size=24"),
            "--iptables=false",
            "--ip-masq=false",
            *("--shutdown-timeout", "3"),
            *self._options,
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=_THRIFTY)
        deadline = time.monotonic() + _STARTUP_S
        while not self.is_up():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"dockerd did not start:\n{self.log_tail()}")
            time.sleep(0.05)

    @property
    def pid(self) -> int:
        """The process of the engine."""
        if self._process is None:
            raise RuntimeError("dockerd does not run")
        return self._process.pid

    def stop(self) -> None:
        """SIGTERM: the engine stops its containers (3 s for those that do not want to) and ends."""
        self._end(signal.SIGTERM, timeout_s=90)

    def kill(self) -> None:
        """SIGKILL: nobody is told anything. The next start ends the containers that are left over."""
        containerd = self.folder / "exec" / "containerd" / "containerd.pid"
        pid = containerd.read_text() if containerd.exists() else "none"
        self._end(signal.SIGKILL, timeout_s=60)
        # It gets a SIGKILL when its parent dies; an engine that starts before that would wait for it in vain.
        # The same if nobody takes away the zombie, as in some sandboxes: hence no pid file.
        while Path("/proc", pid, "exe").exists():
            time.sleep(0.01)
        containerd.unlink(missing_ok=True)

    def freeze(self) -> None:
        """From now on it accepts connections and answers nothing, until `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, which: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(which)

    def restart(self) -> None:
        self.stop()
        self.start()

    def _end(self, how: signal.Signals, timeout_s: float) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout_s)
            self._process = None

    def close(self) -> None:
        """Ends the engine and everything that it started, and takes away what it mounted and wrote."""
        with contextlib.suppress(Exception):
            self.clear()
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            self.kill()
        for pid in _processes_of(str(self.folder / "exec")):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            target = line.split()[1]
            if Path(target).is_relative_to(self.folder):
                _run("umount", "--lazy", target)
        _remove_bridge(self.net, self.bridge)
        shutil.rmtree(self.folder, ignore_errors=True)

    def log_tail(self, lines: int = 30) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    # -- what tests leave ------------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Removes all containers and all networks that somebody made; the images stay."""
        for container in self.api("GET", "/containers/json", all=True)[1]:
            self._remove(container["Id"])
        self.api("POST", "/networks/prune")
        self.api("POST", "/volumes/prune")

    def _remove(self, id_: str) -> None:
        """An engine that was killed in the middle of a start has left something below it, which it does not know and which
        keeps the container's files busy."""
        answer: object = None
        for _ in range(20):
            status, answer = self.api("DELETE", f"/containers/{id_}", force=True, v=True)
            if status in (204, 404):
                return
            for pid in _processes_of(id_):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for busy in re.findall(r"/\S+/merged", str(answer)):
                _run("umount", "--lazy", busy)
            time.sleep(0.2)
        raise RuntimeError(f"{id_[:12]} cannot be removed: {answer}")


def make_dockerd(*options: str) -> Dockerd:
    """A running engine that knows the standard images."""
    engine = Dockerd(Path(tempfile.mkdtemp(prefix="ek-dockerd-")), *options)
    try:
        engine.start()
        for image in standard().values():
            engine.load(image)
    except BaseException:
        engine.close()
        raise
    return engine


# -- the machine around it -------------------------------------------------------------------------------------------


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _in_memory(folder: Path) -> None:
    """Mounts a file system in memory there: a quarter of the time that a container takes to come and go is syncing to a disk.

    It is shared. Where `/` is not, dockerd mounts its data on itself when it starts, and takes that away when it is stopped.
    What it still starts at that moment is mounted below; the next start covers it: nobody can unmount it, and its files stay
    busy.
    """
    for how in (("-t", "tmpfs", "-o", "mode=700", "ek-dockerd", str(folder)), ("--make-shared", str(folder))):
        done = _run("mount", *how)
        if done.returncode:
            raise RuntimeError(f"no mount for dockerd: is this root? {done.stderr.strip()}")


def _make_bridge() -> tuple[str, str]:
    """A bridge with the first address of an unused 10.x.0.0/16; its upper half, the lower one is for other networks."""
    for _ in range(50):
        number = random.randrange(128, 255)
        bridge, net = f"ek{number}", f"10.{number}"
        if f" {net}." in _run("ip", "-4", "route", "show").stdout:
            continue
        if _run("ip", "link", "add", "name", bridge, "type", "bridge").returncode == 0:
            _run("ip", "address", "add", f"{net}.128.1/24", "dev", bridge)
            _run("ip", "link", "set", bridge, "up")
            # Elsewhere FORWARD may drop by default, also between two ports of one bridge.
            _run("iptables", "--wait", "-I", "FORWARD", *_forward(net))
            return net, bridge
    raise RuntimeError("no bridge for dockerd: is this root, with `ip`?")


def _remove_bridge(net: str, bridge: str) -> None:
    _run("iptables", "--wait", "-D", "FORWARD", *_forward(net))
    for name in _run("ip", "-o", "-4", "address", "show").stdout.splitlines():
        if f" inet {net}." in name:
            _run("ip", "link", "delete", name.split()[1])
    _run("ip", "link", "delete", bridge)


def _forward(net: str) -> list[str]:
    return ["-s", f"{net}.0.0/16", "-d", f"{net}.0.0/16", "-j", "ACCEPT"]


def _processes_of(exec_root: str) -> Iterator[int]:
    """containerd and the shims (both have the folder in their arguments), each after the processes it started."""
    children: dict[int, list[int]] = {}
    roots: list[int] = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError, IndexError, ValueError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
            if exec_root in (entry / "cmdline").read_text():
                roots.append(int(entry.name))

    def below(pid: int) -> list[int]:
        return [*itertools.chain.from_iterable(below(child) for child in children.get(pid, [])), pid]

    return itertools.chain.from_iterable(below(root) for root in roots)
