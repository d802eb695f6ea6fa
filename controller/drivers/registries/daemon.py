"""The process of an engine: which one it is, what it says of itself, and the signal on which it reads its files again.

The process is the one at the other end of the engine's socket. A socket that systemd has made belongs to systemd, so the
program's name counts, too: a signal goes to nobody else. Everything here blocks, and belongs into a thread.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from evenkeel.controller.process.replacing import stamp
from evenkeel.specs.errors import Refused, Unavailable
from evenkeel.specs.reading.sound import foreign_json

_ANSWER_S = 10.0
_RELOAD_S, _STEP_S = 15.0, 0.02
_MOST_BYTES = 8 * 1024**2


class Process(NamedTuple):
    """`started`: in ticks since the boot; with the number it names a process once and for all."""

    pid: int
    started: str
    command: tuple[str, ...]

    def option(self, name: str) -> str | None:
        """The value of an option on its command line; "" for one without a value, `None` when it is not there."""
        for at, word in enumerate(self.command):
            option, is_joined, value = word.partition("=")
            if option.lstrip("-") == name and word.startswith("-"):
                following = self.command[at + 1 : at + 2]
                return value if is_joined else "".join(following)
        return None


class Daemon:
    """The engine at a socket. `program`: the name of its program."""

    def __init__(self, address: str, program: str) -> None:
        self.program = program
        self._socket = address.removeprefix("unix://")
        self._element = f"engine:{address}"
        self._known: tuple[object, Process] | None = None

    def process(self) -> Process | None:
        """The process that listens at the socket; `None` when that is none of the engine's. Raises Unavailable when nobody
        listens there. One that is known is not sought again while it lives and the socket is the same."""
        now = stamp(self._socket)
        if self._known is not None and self._known[0] == now and _started(self._known[1].pid) == self._known[1].started:
            return self._known[1]
        self._known = None
        with self._connected() as connected:
            peer, _, _ = struct.unpack("3i", connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            found = next((each for pid in self._candidates(peer) if (each := self._named(pid)) is not None), None)
        if found is not None and now is not None:
            self._known = now, found
        return found

    def own(self) -> Process:
        """The same. Raises Refused when there is none that can be told to read its files."""
        found = self.process()
        if found is None:
            why = f"the process behind the engine's socket is no {self.program} of this machine, and cannot be told to read"
            remedy = f"run evenkeel where {self.program} runs, with its processes in sight"
            raise Refused(self._element, f"{why} its files; {remedy}")
        return found

    def answer(self, path: str = "/info") -> dict[str, Any]:
        """The engine's words about itself. Raises Unavailable."""
        connection = _Connection(self._socket)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            found = foreign_json(answer.read(_MOST_BYTES)) if answer.status == 200 else None
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
            raise Unavailable(self._element, f"the engine does not answer: {error}") from None
        finally:
            connection.close()
        if not isinstance(found, dict):
            raise Unavailable(self._element, f"the engine does not tell about itself (GET {path})")
        return found

    def reload(self, process: Process, is_loaded: Callable[[], bool], file: Path) -> None:
        """Let a process read its files again, and wait until it has. `file`: the one that was changed. Raises Refused when this
        user may not, and Unavailable when the process has ended, or has not taken over the change."""
        self._signal(process)
        deadline = time.monotonic() + _RELOAD_S
        while not is_loaded():
            if time.monotonic() > deadline:
                why = f"{self.program} has not taken over what {file} has to say; its log has the reason"
                raise Unavailable(self._element, why)
            time.sleep(_STEP_S)

    def _signal(self, process: Process) -> None:
        try:
            handle = os.pidfd_open(process.pid)
            try:
                if self._named(process.pid) != process:
                    raise ProcessLookupError
                signal.pidfd_send_signal(handle, signal.SIGHUP)
            finally:
                os.close(handle)
        except PermissionError:
            raise Refused(
                self._element, f"this user may not send {self.program} the signal to read its files"
            ) from None
        except ProcessLookupError:
            raise Unavailable(self._element, f"{self.program} has ended meanwhile") from None

    def _connected(self) -> socket.socket:
        connected = socket.socket(socket.AF_UNIX)
        try:
            connected.settimeout(_ANSWER_S)
            connected.connect(self._socket)
        except OSError as error:
            connected.close()
            raise Unavailable(self._element, f"nobody listens at {self._socket}: {error.strerror or error}") from None
        return connected

    def _candidates(self, peer: int) -> Iterator[int]:
        """The process at the other end, and then those that have the same socket open."""
        yield peer
        inodes = {f"socket:[{inode}]" for inode in self._inodes()}
        for entry in Path("/proc").iterdir() if inodes else ():
            if entry.name.isdigit() and self._named(int(entry.name)) is not None:
                with suppress(OSError):
                    if any(os.readlink(each) in inodes for each in (entry / "fd").iterdir()):  # noqa: PTH115 - no path
                        yield int(entry.name)

    def _inodes(self) -> Iterator[str]:
        """The sockets that listen at the path."""
        real = os.path.realpath(self._socket)
        for line in Path("/proc/net/unix").read_text(errors="replace").splitlines()[1:]:
            words = line.split(maxsplit=7)
            if len(words) == 8 and words[7].startswith("/") and os.path.realpath(words[7]) == real:
                yield words[6]

    def _named(self, pid: int) -> Process | None:
        """A process, when it is one of the engine's program."""
        place = Path(f"/proc/{pid}")
        with suppress(OSError, IndexError):
            if (place / "comm").read_text().rstrip("\n") == self.program[:15]:
                command = (place / "cmdline").read_bytes().decode(errors="replace").split("\0")
                started = _started(pid)
                return Process(pid, started, tuple(command[:-1])) if started else None
        return None


def _started(pid: int) -> str:
    """The moment at which a process began, "" for one that has ended (proc_pid_stat(5), fields 3 and 22)."""
    try:
        words = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return ""
    return words[19].decode() if words[0] not in (b"Z", b"X") else ""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_ANSWER_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_ANSWER_S)
        self.sock.connect(self._path)
