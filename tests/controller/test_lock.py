"""Only one controller runs per state directory: with real processes, because the lock belongs to the system."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evenkeel.controller.lock import ask_to_look_again, holder, sole_controller
from evenkeel.specs.errors import Busy, JournalError

ROOT = Path(__file__).parents[2]
_HOLDER = """
import signal, sys
from pathlib import Path
from evenkeel.controller.lock import sole_controller
signal.signal(signal.SIGHUP, lambda *_: print("looks again", flush=True))
with sole_controller(Path(sys.argv[1])):
    print("holds", flush=True)
    while sys.stdin.readline():
        pass
"""
_ASKER = """
import sys
from pathlib import Path
from evenkeel.controller.lock import holder
print("asks", flush=True)
while True:
    holder(Path(sys.argv[1]))
"""


@contextmanager
def another(state: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the state directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(state)],
        env={**os.environ, "PYTHONPATH": str(ROOT / ".dev")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "holds\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_the_second_is_told_who_is_first(tmp_path: Path) -> None:
    with another(tmp_path) as first, pytest.raises(Busy) as raised, sole_controller(tmp_path):
        raise AssertionError("two controllers")
    assert raised.value.element == f"state:{tmp_path}"
    assert f"process {first.pid}" in raised.value.message
    assert "applies the files by itself" in raised.value.message
    assert "to do it by hand, stop it first" in raised.value.message


def test_who_may_not_is_told_who_may(nobody: Path) -> None:
    (nobody / "closed").mkdir(mode=0o500)
    for state in (nobody / "closed", nobody / "closed" / "below"):
        with pytest.raises(JournalError) as raised, sole_controller(state):
            pass
        assert raised.value.message == f"permission denied; run it as root, or as the owner of {state}"


def test_other_directories_are_other_matters(tmp_path: Path) -> None:
    with another(tmp_path / "one"), sole_controller(tmp_path / "two"):
        assert holder(tmp_path / "two") == os.getpid()


def test_it_ends_with_the_context(tmp_path: Path) -> None:
    for _ in range(3):
        with sole_controller(tmp_path):
            assert holder(tmp_path) == os.getpid()
        assert holder(tmp_path) is None


def test_it_ends_with_the_process_however_that_ends(tmp_path: Path) -> None:
    with another(tmp_path) as first:
        assert holder(tmp_path) == first.pid
        first.kill()
        first.wait()
        assert holder(tmp_path) is None
        with sole_controller(tmp_path):
            assert holder(tmp_path) == os.getpid()


def test_a_longer_number_of_old_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "controller.lock").write_text("99999999999999\n")
    assert holder(tmp_path) is None
    with sole_controller(tmp_path):
        assert (tmp_path / "controller.lock").read_text() == f"{os.getpid()}\n"


def test_asking_for_the_holder_makes_nothing(tmp_path: Path) -> None:
    assert holder(tmp_path / "absent") is None
    assert not (tmp_path / "absent").exists()
    assert not ask_to_look_again(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_asking_for_the_holder_keeps_nobody_from_becoming_it(tmp_path: Path) -> None:
    with sole_controller(tmp_path):
        pass
    asking = subprocess.Popen(
        [sys.executable, "-c", _ASKER, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT / ".dev")},
        stdout=subprocess.PIPE,
    )
    assert asking.stdout is not None
    try:
        asking.stdout.readline()
        for _ in range(300):
            with sole_controller(tmp_path):
                pass
    finally:
        asking.kill()
        asking.wait()
        asking.stdout.close()


def test_who_asks_for_the_holder_may_take_his_time(tmp_path: Path) -> None:
    """As where a busy machine holds him up between taking and giving back his lock."""
    asking = os.open(tmp_path / "controller.lock", os.O_RDONLY | os.O_CREAT)
    fcntl.flock(asking, fcntl.LOCK_SH)
    done = threading.Timer(0.5, os.close, [asking])
    done.start()
    with sole_controller(tmp_path):
        assert holder(tmp_path) == os.getpid()
    done.join()


def test_the_holder_is_asked_to_look_again(tmp_path: Path) -> None:
    with another(tmp_path) as first:
        assert ask_to_look_again(tmp_path)
        assert first.stdout is not None
        assert first.stdout.readline() == "looks again\n"
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert not ask_to_look_again(tmp_path)
