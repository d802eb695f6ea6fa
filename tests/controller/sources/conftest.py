"""Real folders."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "specs"
    folder.mkdir()
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "state" / "parsed"


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A folder that others may enter, with the rights of root given up for the length of a test."""
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    place.chmod(0o755)
    root = os.geteuid() == 0
    try:
        if root:
            os.chown(place, 65534, -1)
            os.seteuid(65534)
        yield place
    finally:
        if root:
            os.seteuid(0)
        shutil.rmtree(place)
