"""The process of an engine: which one it is, what it says of itself, and the signal on which it reads its files again.

The process is the one that answers at the engine's socket: the kernel tells with each byte who has sent it (unix(7),
SO_PASSCRED). A socket that systemd has made belongs to systemd, so that the listener does not tell it. Nor do the open files of
processes, which are shown to nobody with fewer capabilities, as a service has. The program's name counts, too: a signal goes to
nobody else. Everything here blocks, and belongs into a thread.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from evenkeel.controller.process.replacing import stamp
from evenkeel.specs.errors import Refused, Unavailable
from evenkeel.specs.reading.sound import foreign_json
from evenkeel.specs.visible import one_line

_ANSWER_S = 10.0
_RELOAD_S, _STEP_S = 15.0, 0.02
_MOST_BYTES = 8 * 1024**2
_PING = b"GET /_ping HTTP/1.0\r\nHost: localhost\r\n\r\n"
_SENDER = struct.Struct("3i")
"""Process, user and group of a sender; 0 for a process of another namespace (struct ucred)."""


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

    def own(self) -> Process:
        """The process that answers at the socket, of the engine's program. One that is known is not sought again while it lives
        and the socket is the same. Raises Unavailable when nobody answers, and Refused when it is none that can be told to read
        its files."""
        now = stamp(self._socket)
        if self._known is not None and self._known[0] == now and _started(self._known[1].pid) == self._known[1].started:
            return self._known[1]
        self._known = None
        pid = self._answering()
        found = self._named(pid)
        if found is None:
            raise Refused(self._element, f"{self.program} cannot be told to read its files: {self._obstacle(pid)}")
        if now is not None:
            self._known = now, found
        return found

    def _obstacle(self, pid: int) -> str:
        if name := _name(pid):
            why = f"{name} (process {pid}) answers at {self._socket}, and not {self.program}"
            return f"{why}; name the socket of {self.program} itself in `engine.address`"
        why = f"the process that answers at {self._socket} is not to be seen from here"
        return f"{why}; run evenkeel where {self.program} runs, in a container with the host's process namespace"

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
            why = f"this user may not send {self.program} (process {process.pid}) the signal to read its files"
            raise Refused(self._element, f"{why}; run evenkeel as the user that {self.program} runs as") from None
        except ProcessLookupError:
            raise Unavailable(self._element, f"{self.program} has ended meanwhile") from None

    def _answering(self) -> int:
        """The process that answers at the socket, 0 for one that is not to be seen from here. Raises Unavailable."""
        with socket.socket(socket.AF_UNIX) as connected:
            connected.settimeout(_ANSWER_S)
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            try:
                connected.connect(self._socket)
            except OSError as error:
                why = f"nobody listens at {self._socket}: {error.strerror or error}"
                raise Unavailable(self._element, why) from None
            try:
                connected.sendall(_PING)
                content, told, _, _ = connected.recvmsg(1, socket.CMSG_SPACE(_SENDER.size))
            except OSError as error:
                raise Unavailable(
                    self._element, f"nobody answers at {self._socket}: {error.strerror or error}"
                ) from None
        if not content:
            raise Unavailable(self._element, f"nobody answers at {self._socket}: the connection was closed")
        return next((_SENDER.unpack(each)[0] for _, kind, each in told if kind == socket.SCM_CREDENTIALS), 0)

    def _named(self, pid: int) -> Process | None:
        """A process, when it is one of the engine's program."""
        with suppress(OSError, IndexError):
            if _name(pid) == self.program[:15]:
                command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
                started = _started(pid)
                return Process(pid, started, tuple(command[:-1])) if started else None
        return None


def _name(pid: int) -> str:
    """The name of a process's program, of which the kernel keeps 15 bytes; "" where it is not to be seen."""
    try:
        return one_line(Path(f"/proc/{pid}/comm").read_text(errors="replace").rstrip("\n"))
    except OSError:
        return ""


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
