"""Files of others have a bound."""

from __future__ import annotations

from pathlib import Path

import pytest

from evenkeel.controller.process.bounded import MOST_BYTES, read_bounded


@pytest.mark.parametrize("size", [0, 1, MOST_BYTES - 1, MOST_BYTES])
def test_a_file_up_to_the_bound_is_read_whole(tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(b"x" * size)
    assert read_bounded(tmp_path / "file") == b"x" * size


def test_a_file_beyond_the_bound_is_not(tmp_path: Path) -> None:
    """R1: a device file that was named by mistake took all memory."""
    (tmp_path / "file").write_bytes(b"x" * (MOST_BYTES + 1))
    for path in (tmp_path / "file", Path("/dev/zero")):
        with pytest.raises(OSError, match="File too large"):
            read_bounded(path)
