"""Parsed files: spared on the second start, never believed when damaged, never written by a plan."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from evenkeel.controller.sources.files import cache as parse_cache
from evenkeel.controller.sources.files import read_specs

from .asking import CHECKOUT, ROOT, asked, poison, spec


def modules_after(code: str, *arguments: object) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", code + "\nimport sys; print(*sys.modules)", *map(str, arguments)],
        env=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


READ = """
import sys
from pathlib import Path
from evenkeel.controller.sources.files import read_specs
assert read_specs([sys.argv[1]], Path(sys.argv[2]), cache_readonly=True).desired.digest == sys.argv[3]
"""


def test_a_second_start_needs_no_yaml(folder: Path, cache: Path) -> None:
    (folder / "a.yaml").write_text(spec("a"))
    digest = read_specs([folder]).desired.digest
    assert "ruamel.yaml" in modules_after(READ, folder, cache, digest)
    read_specs([folder], cache)
    modules = modules_after(READ, folder, cache, digest)
    assert not {"ruamel.yaml", "watchfiles", "asyncio", "importlib.metadata"} & modules


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Everything below `folder`: inode and date of change of each."""
    return {str(path): (path.stat().st_ino, path.stat().st_ctime_ns) for path in [folder, *folder.rglob("*")]}


def test_a_hit_gives_the_same_reading(folder: Path, cache: Path) -> None:
    (folder / "a.yaml").write_text(
        spec("a") + "  command: [x]\n  env: {A: b, C: null}\n  health: {http: {port: 80}, interval: 1m30s}\n"
        "  resources: {memory: 64M}\n  ports: ['8080:80']\n---\n"
        "apiVersion: evenkeel/v1\nkind: SystemContainers\nmetadata: {name: s}\nspec: {names: [x]}\n"
    )
    (folder / "b.yaml").write_text("kind: [\n")
    first = read_specs([folder], cache)
    before = snapshot(cache)
    assert len(before) == 3
    assert read_specs([folder], cache) == first == read_specs([folder])
    assert snapshot(cache) == before


def test_entries_are_what_is_used(folder: Path, cache: Path) -> None:
    (folder / "a.yaml").write_text(spec("a"))
    read_specs([folder], cache)
    poison(cache)
    assert set(asked(read_specs([folder], cache))) == {"evil"}
    (folder / "a.yaml").write_text(spec("a2"))
    assert set(asked(read_specs([folder], cache))) == {"a2"}


def test_entries_go_with_content_and_name(folder: Path, cache: Path) -> None:
    (folder / "a.yaml").write_text(spec("a"))
    read_specs([folder], cache)
    (folder / "a.yaml").rename(folder / "b.yaml")
    (document,) = read_specs([folder], cache).desired.documents
    assert document.place.file == str(folder / "b.yaml")


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: whole[:-10],
        lambda whole: whole[:64],
        lambda whole: bytes(len(whole)),
        lambda whole: whole.replace(b"nginx", b"ngiNx"),
        lambda whole: b"\xff" * 100,
    ],
)
def test_damaged_entries_are_ignored_and_replaced(folder: Path, cache: Path, damage: Callable[[bytes], bytes]) -> None:
    (folder / "a.yaml").write_text(spec("a"))
    read_specs([folder], cache)
    (entry,) = cache.iterdir()
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    assert asked(read_specs([folder], cache)) == {"a": "nginx:1"}
    assert entry.read_bytes() == whole


def test_other_editions_have_other_entries(folder: Path, cache: Path, tmp_path: Path) -> None:
    """A copy of the package that is installed as another version, then one with another decoder."""
    (folder / "a.yaml").write_text(spec("a"))
    read_specs([folder], cache)
    digest = read_specs([folder]).desired.digest
    site = tmp_path / "site"
    for layer in ("controller", "specs", "reconcilers"):
        shutil.copytree(ROOT / layer, site / "evenkeel" / layer, ignore=shutil.ignore_patterns("__pycache__"))
    code = READ.replace(", cache_readonly=True", "")
    path = f"import sys; sys.path.insert(0, {str(site)!r})\n"
    counts = []
    for edit in (
        lambda: None,
        lambda: None,
        lambda: (site / "evenkeel-9.9.dist-info").mkdir(),
        lambda: (site / "evenkeel/specs/codec.py").write_text((ROOT / "specs/codec.py").read_text() + "#"),
        lambda: (site / "evenkeel/specs/kanto/desired.py").write_text(
            (ROOT / "specs/kanto/desired.py").read_text() + "#"
        ),
    ):
        edit()
        subprocess.run([sys.executable, "-c", path + code, folder, cache, digest], env=CHECKOUT, check=True)
        counts.append(len(list(cache.iterdir())))
    assert counts == [counts[0], counts[0], counts[0] + 1, counts[0] + 2, counts[0] + 3]


def test_entries_are_for_their_owner_only(folder: Path, cache: Path) -> None:
    (folder / "a.yaml").write_text(spec("a"))
    read_specs([folder], cache)
    assert cache.stat().st_mode & 0o777 == 0o700
    assert [entry.stat().st_mode & 0o777 for entry in cache.iterdir()] == [0o600]


def test_old_entries_are_pruned_and_those_in_use_are_kept(folder: Path, cache: Path) -> None:
    (folder / "a.yaml").write_text(spec("a"))
    read_specs([folder], cache)
    (used,) = cache.iterdir()
    os.utime(used, (1, 1))
    for number in range(parse_cache.MOST_ENTRIES + 20):
        (cache / f"old{number}").touch()
        os.utime(cache / f"old{number}", (number + 10, number + 10))
    (folder / "b.yaml").write_text(spec("b"))
    read_specs([folder], cache)
    names = {entry.name for entry in cache.iterdir()}
    assert used.name in names
    assert len(names) == parse_cache.MOST_ENTRIES + 2
    assert "old19" not in names
    assert "old20" in names


def test_a_plan_writes_nothing(folder: Path, tmp_path: Path) -> None:
    (folder / "a.yaml").write_text(spec("a"))
    assert asked(read_specs([folder], tmp_path / "state/parsed", cache_readonly=True)) == {"a": "nginx:1"}
    assert not (tmp_path / "state").exists()
    cache = tmp_path / "cache"
    read_specs([folder], cache)
    (folder / "a.yaml").write_text(spec("a", "nginx:2"))
    (folder / "b.yaml").write_text(spec("b"))
    before = snapshot(tmp_path)
    assert asked(read_specs([folder], cache, cache_readonly=True)) == {"a": "nginx:2", "b": "nginx:1"}
    assert snapshot(tmp_path) == before


def test_a_cache_that_cannot_be_written_still_serves(nobody: Path) -> None:
    (nobody / "a.yaml").write_text(spec("a"))
    cache = nobody / "cache"
    read_specs([nobody], cache)
    poison(cache)
    cache.chmod(0o500)
    (nobody / "b.yaml").write_text(spec("b"))
    assert set(asked(read_specs([nobody], cache))) == {"evil", "b"}
    assert len(list(cache.iterdir())) == 1
    cache.chmod(0)
    assert set(asked(read_specs([nobody], cache))) == {"a", "b"}
    cache.chmod(0o700)
    assert set(asked(read_specs([nobody], nobody / "a.yaml/impossible"))) == {"a", "b"}
