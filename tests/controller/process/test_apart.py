"""Work in a process of its own: its result comes back, and nothing else of it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

import pytest

from evenkeel.controller.process.apart import apart


def _import_and_speak() -> bytes:
    import colorsys

    os.write(1, b"out")
    os.write(2, b"errors")
    return colorsys.__name__.encode()


def test_the_result_comes_back_and_what_was_imported_and_printed_does_not(capfd: pytest.CaptureFixture[str]) -> None:
    sys.modules.pop("colorsys", None)
    assert apart(_import_and_speak) == b"colorsys"
    assert "colorsys" not in sys.modules
    assert capfd.readouterr() == ("", "")


def test_a_large_result_comes_back_whole() -> None:
    assert apart(lambda: b"x" * 3_000_000) == b"x" * 3_000_000


def _exit() -> bytes:
    sys.exit("no")


def _raise() -> bytes:
    raise ValueError("no")


def _die() -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return b"never"


@pytest.mark.parametrize("work", [_exit, _raise, _die])
def test_a_failure_is_no_result_and_no_output(work: Callable[[], bytes], capfd: pytest.CaptureFixture[str]) -> None:
    assert apart(work) == b""
    assert capfd.readouterr() == ("", "")
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # nothing is left of it
