"""Cases that laws have tried are told at the end of a run, also where workers share it and output is captured."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.places import ROOT

_TESTS = """
import pytest
from tests.counts import count

@pytest.mark.parametrize("number", [1, 20, 300])
def test_some(number):
    count("power cuts", number)
    count("drawn", number, of=1000)
    if number == 300:
        raise AssertionError

def test_none():
    pass
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_the_sum_of_what_passed_is_told(tmp_path: Path, workers: str) -> None:
    (tmp_path / "test_it.py").write_text(_TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-n", workers, "-p", "tests.counts", "-p", "no:cacheprovider", "."]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert "cases tried: power cuts: 21\n" in done.stdout, done.stdout + done.stderr
    assert "cases tried: drawn: 21 of 2,000\n" in done.stdout, done.stdout + done.stderr
