"""Files of others have a bound."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evenkeel.controller.process import bounded
from evenkeel.controller.process.bounded import MOST_BYTES, read_bounded, read_regular


@pytest.mark.parametrize("size", [0, 1, MOST_BYTES - 1, MOST_BYTES])
def test_a_file_up_to_the_bound_is_read_whole(tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(b"x" * size)
    assert read_bounded(tmp_path / "file") == read_regular(tmp_path / "file") == b"x" * size


def test_a_file_beyond_the_bound_is_not(tmp_path: Path) -> None:
    """R1: a device file that was named by mistake took all memory."""
    (tmp_path / "file").write_bytes(b"x" * (MOST_BYTES + 1))
    for path in (tmp_path / "file", Path("/dev/zero")):
        with pytest.raises(OSError, match="File too large"):
            read_bounded(path)


def test_a_pipe_is_read_while_somebody_writes_and_waited_for_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A FIFO in the place of a settings file, or of sdv.conf, hung the command for ever."""
    monkeypatch.setattr(bounded, "_PATIENCE_S", 0.01)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="nobody writes to it"):
        read_bounded(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with (tmp_path / "pipe").open("wb", buffering=0) as writer:
        with pytest.raises(TimeoutError, match="nobody writes to it"):
            read_bounded(tmp_path / "pipe")
        writer.write(b"x" * 1000)
    assert read_bounded(tmp_path / "pipe") == b"x" * 1000
    os.close(reader)


def test_nothing_but_a_file_is_read_where_others_may_put_something(tmp_path: Path) -> None:
    """A pipe among the certificates of a registry froze the event loop until somebody opened it."""
    (tmp_path / "file").write_bytes(b"x" * (MOST_BYTES + 1))
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with (tmp_path / "pipe").open("wb", buffering=0):
        for path, why in (
            (tmp_path / "pipe", "no regular file"),
            (Path("/dev/zero"), "no regular file"),
            (tmp_path, "Is a directory"),
            (tmp_path / "loop", "Too many levels"),
            (tmp_path / "file", "File too large"),
        ):
            with pytest.raises(OSError, match=why):
                read_regular(path)
    os.close(reader)
