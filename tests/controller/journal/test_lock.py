"""Only one controller runs per state directory: with real processes, because the lock belongs to the system."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.places import ROOT

from evenkeel.controller.journal.lock import Lock, holder, sole_controller
from evenkeel.specs.errors import Busy, JournalError

_HOLDER = """
import sys
from pathlib import Path
from evenkeel.controller.journal.lock import sole_controller
with sole_controller(Path(sys.argv[1])):
    print("holds", flush=True)
    while sys.stdin.readline():
        pass
"""
_ASKER = """
import sys
from pathlib import Path
from evenkeel.controller.journal.lock import holder
print("asks", flush=True)
while True:
    holder(Path(sys.argv[1]))
"""


def pid_of(state: Path) -> int | None:
    found = holder(state)
    assert found is not None
    return found.pid


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
        assert pid_of(tmp_path / "two") == os.getpid()


def test_it_ends_with_the_context(tmp_path: Path) -> None:
    for _ in range(3):
        with sole_controller(tmp_path):
            assert pid_of(tmp_path) == os.getpid()
        assert holder(tmp_path) is None


def test_it_ends_with_the_process_however_that_ends(tmp_path: Path) -> None:
    with another(tmp_path) as first:
        assert pid_of(tmp_path) == first.pid
        first.kill()
        first.wait()
        assert holder(tmp_path) is None
        with sole_controller(tmp_path):
            assert pid_of(tmp_path) == os.getpid()


def test_a_number_of_old_means_nobody(tmp_path: Path) -> None:
    (tmp_path / "controller.lock").write_text("99999999999999\n")
    assert holder(tmp_path) is None
    with sole_controller(tmp_path):
        assert (tmp_path / "controller.lock").read_text().startswith(f"{os.getpid()}\n")


def test_a_process_id_of_another_namespace_is_not_shown(tmp_path: Path) -> None:
    """F-17: the id is that of somebody else here. As where the kernel does not tell, because the holder is in a container."""
    with another(tmp_path) as first:
        lock = tmp_path / "controller.lock"
        lines = lock.read_text().splitlines()
        assert lines[0] == str(first.pid)
        lock.write_text(f"1\n{lines[1]}0\n")
        assert pid_of(tmp_path) == first.pid, "the kernel knows it, whatever is written there"


def test_a_process_id_of_another_namespace_is_not_shown_where_the_kernel_does_not_tell(tmp_path: Path) -> None:
    """F-17: who asks in a container cannot see a holder outside; what is written is somebody else's id there, or nobody's."""
    asks = "import sys; from pathlib import Path; from evenkeel.controller.journal.lock import holder;"
    asks += "print(holder(Path(sys.argv[1])))"
    with another(tmp_path) as first:
        assert (tmp_path / "controller.lock").read_text().startswith(f"{first.pid}\n")
        inside = subprocess.run(
            ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", asks, str(tmp_path)],
            env={**os.environ, "PYTHONPATH": str(ROOT / ".dev")},
            capture_output=True,
            text=True,
            check=True,
        )
        assert inside.stdout == "Holder(pid=None, trouble='')\n"


def test_a_holder_in_a_container_is_known_by_its_process_id_here(tmp_path: Path) -> None:
    inside = subprocess.Popen(
        ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", _HOLDER, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT / ".dev")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with inside:
        assert inside.stdout is not None
        assert inside.stdout.readline() == "holds\n"
        assert (tmp_path / "controller.lock").read_text().startswith("1\npid:["), "as it is called there"
        pid = pid_of(tmp_path)
        assert pid is None or str(tmp_path).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
        assert pid != 1
        inside.communicate("")
    assert holder(tmp_path) is None


def test_why_it_works_from_memory_is_told_beside_the_journal(tmp_path: Path) -> None:
    with sole_controller(tmp_path) as lock:
        lock.mark("Full: the disk\nis full" + "!" * 5000)
        found = holder(tmp_path)
        assert found is not None
        assert found.trouble.startswith("Full: the disk is full!")
        assert (tmp_path / "controller.lock").stat().st_size == 1024, "it never grows"
        lock.mark("")
        assert holder(tmp_path) == (os.getpid(), "")


def test_the_word_of_an_earlier_controller_is_not_taken_for_that_of_this_one(tmp_path: Path) -> None:
    """It could not write its own: the disk was read-only when it started, and has just come back."""
    with sole_controller(tmp_path) as lock:
        file = tmp_path / "controller.lock"
        file.write_text(file.read_text().replace(str(os.getpid()), "4194305", 1))
        found = holder(tmp_path)
        assert found is not None
        assert (found.pid, found.trouble.partition(": ")[0]) == (os.getpid(), "Unwritten")
        lock.mark("Full: it is")
        lock.mark("")
        assert holder(tmp_path) == (os.getpid(), "")


def test_a_directory_that_was_replaced_is_held_again(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with sole_controller(state) as lock:
        state.rename(tmp_path / "old")
        assert holder(state) is None
        lock.check()
        assert pid_of(state) == os.getpid()
        (state / "controller.lock").unlink()
        lock.check()
        assert pid_of(state) == os.getpid()
        with pytest.raises(Busy), sole_controller(state):
            pass


def test_one_that_was_taken_meanwhile_is_lost(tmp_path: Path) -> None:
    state = tmp_path / "state"
    mine = Lock(state)
    mine.take()
    state.rename(tmp_path / "old")
    with another(state) as first, pytest.raises(Busy, match=rf"process {first.pid}"):
        mine.check()
    mine.release()


def test_asking_for_the_holder_makes_nothing(tmp_path: Path) -> None:
    assert holder(tmp_path / "absent") is None
    assert not (tmp_path / "absent").exists()
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
        assert pid_of(tmp_path) == os.getpid()
    done.join()
