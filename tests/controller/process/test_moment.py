"""Files that belong together are read as they were at one moment, however often somebody replaces them."""

from __future__ import annotations

from pathlib import Path

import pytest

from evenkeel.controller.process.moment import of_one_moment


class Pair:
    """Two files with the same content, which `read` reads; somebody replaces both in the middle of the first readings."""

    def __init__(self, folder: Path, replaced: int) -> None:
        self.paths, self._replaced = (folder / "one", folder / "other"), replaced
        self._write()

    def _write(self) -> None:
        for path in self.paths:
            path.unlink(missing_ok=True)
            path.write_text(f"{self._replaced}")

    def read(self) -> tuple[str, str]:
        one = self.paths[0].read_text()
        if self._replaced:
            self._replaced -= 1
            self._write()
        other = self.paths[1].read_text()
        if one != other:
            raise ValueError("a mix")
        return one, other


def test_a_mix_is_not_taken_for_a_moment(tmp_path: Path) -> None:
    pair = Pair(tmp_path, replaced=3)
    assert of_one_moment(pair.paths, pair.read)[0] == ("0", "0")


def test_files_that_change_all_the_time_are_told(tmp_path: Path) -> None:
    pair = Pair(tmp_path, replaced=100)
    with pytest.raises(OSError, match="change all the time"):
        of_one_moment(pair.paths, pair.read)


def test_what_is_wrong_with_files_that_stay_the_same_is_told_at_once(tmp_path: Path) -> None:
    pair = Pair(tmp_path, replaced=0)
    pair.paths[1].write_text("1")
    with pytest.raises(ValueError, match="a mix"):
        of_one_moment(pair.paths, pair.read)
