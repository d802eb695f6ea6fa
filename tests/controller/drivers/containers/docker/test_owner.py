"""Whose a container is: that of a state directory, not of how its path is spelled (F-16), or of who has a name."""

from __future__ import annotations

from pathlib import Path

import pytest

from evenkeel.controller.drivers.containers.docker import DockerEngine
from evenkeel.controller.drivers.containers.docker.answers import ContainerEntry
from evenkeel.controller.drivers.containers.docker.parse import is_ours
from evenkeel.controller.wiring import open_driver
from evenkeel.specs.codec import changed
from evenkeel.specs.settings.settings import Settings


def owner_of(state: Path, owner: str = "") -> str:
    settings = Settings(state=str(state))
    driver = open_driver(changed(settings, engine=changed(settings.engine, kind="docker", owner=owner)))
    assert isinstance(driver, DockerEngine)
    return driver._owner


def labelled(owner: str) -> ContainerEntry:
    return {"Id": "", "Labels": {"dev.evenkeel.name": "web", "dev.evenkeel.owner": owner}}


def test_the_same_place_is_the_same_owner_however_it_is_spelled(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    spellings = [tmp_path / "real", tmp_path / "link", tmp_path / "x" / ".." / "real"]
    assert {owner_of(each) for each in spellings} == {str(tmp_path / "real")}
    for old in spellings:
        assert is_ours(labelled(str(old)), owner_of(tmp_path / "link")), (
            "an evenkeel of before wrote it as it was spelled"
        )
    assert not is_ours(labelled(str(tmp_path / "other")), owner_of(tmp_path / "real"))
    assert is_ours({"Id": "", "Labels": {"dev.evenkeel.name": "web"}}, owner_of(tmp_path / "real"))
    assert not is_ours({"Id": "", "Labels": {}}, owner_of(tmp_path / "real"))


def test_one_that_has_a_name_is_told_from_one_with_the_same_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here = tmp_path / "front"
    assert owner_of(here, "front") == "front"
    assert is_ours(labelled("front"), owner_of(here, "front"))
    assert not is_ours(labelled(str(here)), owner_of(here, "front")), "the state directory's is another evenkeel"
    assert not is_ours(labelled("front"), owner_of(here)), "a name is no path below the folder that this process is in"
