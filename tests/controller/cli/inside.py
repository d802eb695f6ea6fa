"""Running the real command inside the tests' own process: a start of Python costs more than most commands.

It sees the environment, the streams and the signals of a process of its own, and what it changes of them is taken back. What
is about processes (signals, locks, terminals, imports, kill -9) runs in one: `Device` of tests/controller/cli/command.py.
"""

from __future__ import annotations

import io
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from evenkeel.controller.cli import main

from .command import Device

_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def run_inside(
    arguments: Sequence[str], environment: dict[str, str], given: str = ""
) -> subprocess.CompletedProcess[str]:
    """The command, to its end, with its standard input; only the main thread may call it, for signals belong to it."""
    out, errors = _Stream(), _Stream()
    with _as_a_process(environment, out, errors, given):
        code = main(arguments)
    return subprocess.CompletedProcess(["evenkeel", *arguments], code, out.text(), errors.text())


class DeviceInside(Device):
    """A device whose short commands run in here; what is left running is a process as ever."""

    def run(self, *arguments: str, ok: int | None = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        done = run_inside(arguments, self.environment(**environment))
        assert ok is None or done.returncode == ok, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done


class _Stream(io.TextIOWrapper):
    """What is written to it, also as bytes, in UTF-8."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), "utf-8", write_through=True)

    def text(self) -> str:
        self.seek(0)
        return self.read()


@contextmanager
def _as_a_process(
    environment: dict[str, str], out: io.TextIOWrapper, errors: io.TextIOWrapper, given: str
) -> Iterator[None]:
    streams = sys.stdin, sys.stdout, sys.stderr
    before, handlers = dict(os.environ), {number: signal.getsignal(number) for number in _SIGNALS}
    root, ours = logging.getLogger(), logging.getLogger("evenkeel")
    logs, levels = list(root.handlers), (root.level, ours.level)
    sys.stdin, sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.BytesIO(given.encode(errors="surrogateescape"))),
        out,
        errors,
    )
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = streams
        os.environ.clear()
        os.environ.update(before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        root.handlers[:] = logs
        root.setLevel(levels[0])
        ours.setLevel(levels[1])
