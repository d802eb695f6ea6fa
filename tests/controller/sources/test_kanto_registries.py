"""Kanto's config.json as a source of registries beside the specs: read, cached, watched, and never taken for empty."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import pytest
from tests.until import PATIENCE_S

from evenkeel.controller.sources.files import FileSource, Reading, read_specs
from evenkeel.specs.problem import errors, problem_text
from evenkeel.specs.registries.registry import Registry

SPEC = "apiVersion: evenkeel/v1\nkind: Registry\nmetadata: {{name: {0}}}\nspec: {{host: {0}}}\n"


def config(*hosts: str, password: str = "hunter2") -> str:
    entry = {"credentials": {"user_id": "ci", "password": password}}
    return json.dumps({"containers": {"registry_configurations": dict.fromkeys(hosts, entry)}}, indent=2)


def places(reading: Reading) -> list[str]:
    return [each.wanted.place for each in reading.desired.documents if isinstance(each.wanted, Registry)]


@pytest.fixture
def kanto(tmp_path: Path) -> Path:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "a.yaml").write_text(SPEC.format("quay.io"))
    file = tmp_path / "kanto" / "config.json"
    file.parent.mkdir()
    file.write_text(config("ghcr.io"))
    return file


def test_its_registries_are_asked_for_beside_the_specs(kanto: Path, tmp_path: Path) -> None:
    specs, cache = tmp_path / "specs", tmp_path / "cache"
    reading = read_specs([specs], cache, kanto=[kanto])
    assert places(reading) == ["ghcr.io", "quay.io"]
    assert reading.problems == ()
    assert read_specs([specs], cache, kanto=[kanto]) == reading, "from the cache"
    assert "hunter2" not in "".join(each.read_text() for each in cache.iterdir())
    other = read_specs([specs], kanto=[kanto])
    kanto.write_text(config("ghcr.io", password="hunter3"))
    assert read_specs([specs], kanto=[kanto]).desired.digest == other.desired.digest, "a password is no new revision"


def test_a_file_that_is_no_spec_is_no_spec_in_a_folder_of_specs_either(kanto: Path, tmp_path: Path) -> None:
    """The same file as a spec and as Kanto's has two meanings, and two entries in the cache."""
    cache = tmp_path / "cache"
    assert errors(read_specs([kanto], cache).problems)
    assert places(read_specs([], cache, kanto=[kanto])) == ["ghcr.io"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "config.json: cannot be read: it is gone"),
        ("", "config.json:1:1: expected one JSON object; restore it, or leave it out of `registries.kanto`"),
        (" \n", "config.json:1:1: expected one JSON object"),
        ("{", "config.json:1:2: no valid JSON"),
        (
            '{"containers": {"registry_configurations":\n{"ghcr.io": {"credentials": "x"}}}}',
            "config.json:2:14: containers.registry_configurations.ghcr.io.credentials: expected an object, got a text",
        ),
    ],
)
def test_a_file_that_cannot_be_read_does_not_ask_for_less(
    kanto: Path, tmp_path: Path, content: str | None, told: str
) -> None:
    kanto.unlink()
    if content is not None:
        kanto.write_text(content)
    (problem,) = read_specs([tmp_path / "specs"], kanto=[kanto]).problems
    assert told in problem_text(problem)
    assert errors((problem,))


def test_the_same_host_in_the_specs_is_an_error_with_both_places(kanto: Path, tmp_path: Path) -> None:
    (tmp_path / "specs" / "b.yaml").write_text(SPEC.format("ghcr.io").replace("name: ghcr.io", "name: github"))
    told = [problem_text(each) for each in read_specs([tmp_path / "specs"], kanto=[kanto]).problems]
    assert len(told) == 2
    assert all(f"{kanto}:4:" in each and f"{tmp_path}/specs/b.yaml:4:" in each for each in told)


@pytest.mark.parametrize("saves", ["in place", "by a rename"])
def test_a_change_is_noticed_at_once(kanto: Path, tmp_path: Path, saves: str) -> None:
    async def watch() -> None:
        source = FileSource([tmp_path / "specs"], None, timedelta(hours=1), [kanto])
        async with aclosing(source.changes()) as readings, asyncio.timeout(PATIENCE_S):
            assert places(await anext(readings)) == ["ghcr.io", "quay.io"]
            new = kanto if saves == "in place" else kanto.with_name("new")
            new.write_text(config("ghcr.io", "registry.example"))
            new.replace(kanto)
            while places(await anext(readings)) != ["ghcr.io", "quay.io", "registry.example"]:
                pass

    asyncio.run(watch())
