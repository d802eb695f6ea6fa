"""What a private Podman stands on: the namespaces around it, so that it neither sees nor disturbs another.

With root: what all Podmen of a machine share would be in each other's way, because the names of bridges and of the chains of
the firewall come from a counter and from the names of networks. So each has a network namespace, with a cable to the
machine's: containers are reached at their addresses as ever, and the registry of the tests at its own.

Without root: a user who exists only in a mount namespace. There `/etc` has a layer with the user and the numbers that are the
user's to give, and `/dev/net/tun` may be opened by everybody, as systemd has it and this machine may not. Its
processes are in a PID namespace, so that all of them end with the first. Networks are the user's own affair: Podman makes a
namespace with slirp4netns, and nobody reaches the addresses in it.
"""

import asyncio
import contextlib
import ctypes
import os
import random
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from .serving import Serving

_CLONE_NEWNET = 0x40000000


class Ground(Protocol):
    """`limits` and `subnets` are lines of containers.conf, `storage` is a driver of storage.conf; `end` ends the service."""

    storage: str
    limits: str
    subnets: str
    environment: Mapping[str, str]
    end: signal.Signals

    def inside(self, command: list[str]) -> list[str]:
        """The command that runs a command there."""
        ...

    def beside(self, service: int, command: list[str]) -> list[str]:
        """The command that runs a command where the service is. `service`: its process, as `inside` made it."""
        ...

    def reach(self, port: int) -> None:
        """Make a port of this machine's loopback reachable at the same port of the engine's."""
        ...

    def close(self) -> None: ...


class Rooted:
    """Root's, in a network namespace."""

    storage = "overlay"
    limits = 'default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]'
    environment: Mapping[str, str] = {}
    end = signal.SIGTERM

    def __init__(self, containers: Path) -> None:
        """`containers`: a folder that is its /etc/containers."""
        self._containers = containers
        self._inlets: list[Inlet] = []
        self._namespace, net = _make_namespace()
        pools = f'[{{"base" = "{net}.64.0/18", "size" = 24}}]'
        self.subnets = f'default_subnet = "{net}.0.0/24"\ndefault_subnet_pools = {pools}'

    def inside(self, command: list[str]) -> list[str]:
        """Podman walks through /dev for each container with devices, and the files of all tests are in /dev/shm. Its files in
        /run/netns would stay, because their mounts are gone with the namespace."""
        entered = ("nsenter", f"--net=/run/netns/{self._namespace}", "unshare", "--mount")
        hidden = "for each in /dev/shm /run/netns; do mount -t tmpfs none $each; done"
        own = f"mount --bind {self._containers} /etc/containers"
        return [*entered, "sh", "-ec", f'{hidden}; {own}; exec "$0" "$@"', *command]

    def beside(self, service: int, command: list[str]) -> list[str]:
        return self.inside(command)

    def reach(self, port: int) -> None:
        self._inlets.append(Inlet(self._namespace, port))

    def close(self) -> None:
        for inlet in self._inlets:
            inlet.close()
        _remove_namespace(self._namespace)


_AS_USER = """
folder=$1 user=$2; shift 2
mount -t tmpfs none /dev/shm
mount -t tmpfs -o mode=755 none /dev/net
mknod -m 666 /dev/net/tun c 10 200
mount -t overlay -o "lowerdir=/etc,upperdir=$folder/etc,workdir=$folder/etc.work" none /etc
echo "ek-user:x:$user:$user::$folder:/bin/sh" >> /etc/passwd
echo "ek-user:x:$user:" >> /etc/group
echo "ek-user:$((user + 1)):65536" | tee /etc/subuid > /etc/subgid
setpriv --reuid "$user" --regid "$user" --clear-groups -- "$@" & wait $!
"""
"""The shell stays, because the first process of a PID namespace has to take away those that have lost their parents."""


class Rootless:
    """An ordinary user's, with numbers that nobody else has."""

    limits = ""
    subnets = ""
    end = signal.SIGKILL

    def __init__(self, folder: Path) -> None:
        self._folder, self._user = folder, random.randrange(1 << 20, 1 << 30)
        for name in ("etc", "etc.work"):
            (folder / name).mkdir()
        for place in (folder, runtime := folder / "runtime"):
            place.mkdir(0o700, exist_ok=True)
            os.chown(place, self._user, self._user)
        self.storage = "overlay" if _keeps_attributes(folder) else "vfs"
        self.environment: Mapping[str, str] = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(runtime)}

    def inside(self, command: list[str]) -> list[str]:
        apart = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
        return [*apart, "sh", "-euc", _AS_USER, "sh", str(self._folder), str(self._user), *command]

    def beside(self, service: int, command: list[str]) -> list[str]:
        """In the namespaces of the service. Podmen of one user share the process that keeps their user namespace, by its
        number, and one in another PID namespace would leave a number that means nothing to the service."""
        first = Path(f"/proc/{service}/task/{service}/children").read_text().split()[0]
        entered = ("nsenter", "--target", first, "--mount", "--pid")
        user = str(self._user)
        return [*entered, "setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--", *command]

    def reach(self, port: int) -> None:
        """The service itself pulls, and is in the machine's network."""

    def close(self) -> None:
        """All that was made ended with the namespaces."""


def _keeps_attributes(folder: Path) -> bool:
    """Whether files in memory may have attributes of a user's, which layers of a user's need (Linux 6.6). Copies take a third
    longer."""
    try:
        os.setxattr(folder, "user.evenkeel", b"1")
    except OSError:
        return False
    return True


def why_not_rootless() -> str:
    """Why this machine cannot run a Podman without root, "" when it can. Programs that are missing are no reason: `make
    machine` installs them."""
    if not Path("/dev/net").is_dir():
        return "the kernel has no /dev/net/tun"
    nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    done = run(*nobody, "unshare", "--user", "true")
    return f"users may not make user namespaces: {done.stderr.strip()}" if done.returncode else ""


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


def _make_namespace() -> tuple[str, str]:
    """A network namespace, and the first half of its addresses, 10.x.0.0/16. The machine has 10.x.255.1 at the cable between
    them, the namespace 10.x.255.2, and what is behind it the rest."""
    for _ in range(50):
        number = random.randrange(10, 127)
        name, net = f"ekp{number}", f"10.{number}"
        if f" {net}." in f" {run('ip', '-4', 'route', 'show').stdout.replace(chr(10), chr(10) + ' ')}":
            continue
        if run("ip", "netns", "add", name).returncode:
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
            if (done := run(*step)).returncode:
                _remove_namespace(name)
                raise RuntimeError(f"no network for podman: {' '.join(step)}: {done.stderr.strip()}")
        return name, net
    raise RuntimeError("no network for podman: is this root, with `ip`?")


def _remove_namespace(name: str) -> None:
    run("ip", "link", "delete", name)
    run("ip", "netns", "delete", name)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
