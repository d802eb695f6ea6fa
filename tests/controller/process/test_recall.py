"""A file is read again when anything about it may have changed, and not otherwise."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from evenkeel.controller.process import recall as under_test
from evenkeel.controller.process.recall import Recall
from evenkeel.controller.process.replacing import stamp
from evenkeel.specs.registries.observed import Prints

Look = Callable[[], str]


@pytest.fixture
def password(tmp_path: Path) -> Path:
    (tmp_path / "password").write_text("one")
    return tmp_path / "password"


@pytest.fixture
def reads() -> list[str]:
    return []


@pytest.fixture
def look(password: Path, reads: list[str]) -> Look:
    """The print of the password, which is the password here."""
    recall = Recall()

    def read() -> Prints:
        reads.append(password.read_text())
        return (("credentials", reads[-1]),)

    return lambda: recall.result("reg", "key", (stamp(password),), read)[0][1]


def test_of_a_quiet_file_the_first_reading_counts(
    look: Look, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "_QUIET_NS", 0)
    assert [look() for _ in range(3)] == ["one"] * 3
    assert reads == ["one"]


def test_a_file_that_was_just_written_is_read_each_time(look: Look, reads: list[str]) -> None:
    assert [look() for _ in range(3)] == ["one"] * 3
    assert reads == ["one"] * 3


@pytest.mark.parametrize("how", ["in place", "replaced", "replaced with its times"])
def test_a_change_is_seen(look: Look, password: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Of the same length, as passwords are."""
    monkeypatch.setattr(under_test, "_QUIET_NS", 0)
    os.utime(password, ns=(10**18, 10**18))
    assert look() == "one"
    if how == "in place":
        password.write_text("two")
    else:
        new = password.with_name("new")
        new.write_text("two")
        if how == "replaced with its times":
            os.utime(new, ns=(10**18, 10**18))
        new.replace(password)
    assert look() == "two"


def test_another_key_of_the_same_name_is_another_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "_QUIET_NS", 0)
    recall = Recall()
    there: Prints = (("insecure", "x"),)
    assert recall.result("reg", "one", (), lambda: ()) == ()
    assert recall.result("reg", "other", (), lambda: there) == there
    recall.only(["another"])
    assert recall.result("reg", "other", (), lambda: ()) == ()


def test_a_file_that_comes_and_goes_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "_QUIET_NS", 0)
    file, recall = tmp_path / "config.json", Recall()
    there: Prints = (("credentials", "x"),)
    assert recall.result("reg", "", (stamp(file),), lambda: ()) == ()
    file.write_text("{}")
    assert recall.result("reg", "", (stamp(file),), lambda: there) == there
    file.unlink()
    assert recall.result("reg", "", (stamp(file),), lambda: ()) == ()
