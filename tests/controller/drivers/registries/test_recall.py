"""A file is read again when anything about it may have changed, and not otherwise."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from evenkeel.controller.drivers.registries import recall as under_test
from evenkeel.controller.drivers.registries.recall import Recall
from evenkeel.specs.registries.observed import Prints
from evenkeel.specs.registries.registry import Registry

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
    recall, registry = Recall(), Registry("reg", "ghcr.io", user="ci", password_file=str(password))

    def read() -> Prints:
        reads.append(password.read_text())
        return (("credentials", reads[-1]),)

    return lambda: recall.prints(registry, read)[0][1]


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


def test_another_document_of_the_same_name_is_another_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "_QUIET_NS", 0)
    recall = Recall()
    assert recall.prints(Registry("reg", "ghcr.io"), lambda: ()) == ()
    other = Registry("reg", "ghcr.io", insecure=True)
    assert recall.prints(other, lambda: (("insecure", "x"),)) == (("insecure", "x"),)
    recall.only(["another"])
    assert recall.prints(other, lambda: (("insecure", "y"),)) == (("insecure", "y"),)


def test_a_file_of_others_that_has_gone_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "_QUIET_NS", 0)
    file, recall = tmp_path / "config.json", Recall()
    file.write_text("{}")
    registry = Registry("reg", "ghcr.io", config=str(file))
    assert recall.prints(registry, lambda: (("credentials", "x"),)) == (("credentials", "x"),)
    file.unlink()
    assert recall.prints(registry, lambda: ()) == ()
