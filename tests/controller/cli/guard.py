"""Runs commands in this process under a guard that fails on any write, and on any call to the engine but `observe`.

What to run is given as JSON, a list of lists of arguments. The exit code is that of the first command that did not end as a
reading command does (0, or 2 for a plan that is not empty), else of the last one.

The guard hears of every file that Python opens, makes, renames or removes (audit events, PEP 578), of every database that
is not opened read-only, and of every process. It exits at once, because an exception might be swallowed.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

VIOLATION = 99
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_FORBIDDEN = (
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown",
    "os.utime", "os.setxattr", "os.removexattr", "os.kill", "os.exec", "os.fork", "os.posix_spawn", "os.system",
    "subprocess.Popen", "shutil.copyfile", "shutil.move", "shutil.rmtree", "tempfile.mkstemp", "tempfile.mkdtemp",
    "socket.bind", "signal.pthread_kill",
)  # fmt: skip
MAY_BE_ASKED = ["/control.sock", "/system_bus_socket"]
"""Ends of sockets: the controller at work may be asked how it is, and the system bus how units and clock are."""


def _watch(event: str, values: tuple[Any, ...]) -> None:
    if event == "open":
        path, mode, flags = values
        if (isinstance(flags, int) and flags & _WRITING) or (isinstance(mode, str) and set(mode) & set("wax+")):
            _fail(f"opens {path!r} to write ({mode}, {flags})")
    elif event == "sqlite3.connect":
        if values[0] != ":memory:" and "mode=ro" not in str(values[0]):
            _fail(f"opens the database {values[0]!r} to write")
    elif event == "socket.connect":
        if not str(values[1]).endswith(tuple(MAY_BE_ASKED)):
            _fail(f"{event} {values!r}")
    elif event in _FORBIDDEN:
        _fail(f"{event} {values!r}")


def _fail(why: str) -> None:
    os.write(2, f"not dry: {why}\n".encode())
    os._exit(VIOLATION)


def _only_observe() -> None:
    from evenkeel.controller.drivers.containers.memory import MemoryEngine

    def perform(self: object, *values: object) -> object:
        return _fail(f"performs {values[0]!r}")

    MemoryEngine.perform = perform  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    _only_observe()
    from evenkeel.controller.cli import main

    sys.addaudithook(_watch)
    codes = [main(arguments) for arguments in json.loads(sys.argv[1])]
    sys.exit(next((code for code in codes if code not in (0, 2)), codes[-1]))
