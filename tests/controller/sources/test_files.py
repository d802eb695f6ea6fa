"""Specs from files: what is read, and what is a problem."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from evenkeel.controller.sources.files import read_specs
from evenkeel.specs.codec import encode

from .asking import asked, spec, texts


def test_files_and_one_level_of_folders_are_read(folder: Path, tmp_path: Path) -> None:
    (folder / "b.yaml").write_text(spec("b"))
    (folder / "a.yml").write_text(spec("a1") + "---\n" + spec("a2"))
    kind = {"apiVersion": "evenkeel/v1", "kind": "Container", "metadata": {"name": "c"}, "spec": {"image": "nginx:1"}}
    (folder / "c.json").write_text(json.dumps(kind))
    (folder / "deeper.yaml").mkdir()
    (folder / "deeper.yaml/d.conf").write_text(spec("d"))
    (tmp_path / "named.conf").write_text(spec("named"))
    (tmp_path / "elsewhere").write_text(spec("linked"))
    (folder / "linked.yaml").symlink_to("../elsewhere")

    reading = read_specs([folder, tmp_path / "named.conf", str(folder), folder / "b.yaml"])

    assert set(asked(reading)) == {"a1", "a2", "b", "c", "linked", "named"}
    places = {document.name: document.place for document in reading.desired.documents}
    assert places["a2"].file == str(folder / "a.yml")
    assert places["a2"].line == 7
    assert not reading.is_empty
    assert reading.missing == ()


@pytest.mark.parametrize(
    "name",
    ["x.yaml~", ".x.yaml", ".x.yaml.swp", ".x.yaml.swx", "x.yaml.tmp", "#x.yaml#", ".#x.yaml", "4913", "x.yaml.bak",
     "x.yaml.dpkg-new", "x.yaml___jb_tmp___", "README.md", "x"],
)  # fmt: skip
def test_what_editors_and_package_tools_leave_is_ignored(folder: Path, name: str) -> None:
    (folder / "x.yaml").write_text(spec("x"))
    (folder / name).write_text(spec("x", "other:1") + "}{")
    assert asked(read_specs([folder])) == {"x": "nginx:1"}


def test_emacs_lock_that_leads_nowhere_is_ignored(folder: Path) -> None:
    (folder / ".#x.yaml").symlink_to("somebody@somewhere.1234")
    assert asked(read_specs([folder])) == {}


def test_specs_in_a_sub_folder_are_not_read_and_that_is_said(folder: Path) -> None:
    (folder / "web.yaml").write_text(spec("web"))
    for name in ("site", "site/deeper", "empty", "notes", ".git", "..2026_11_25", "read"):
        (folder / name).mkdir()
    for name in ("site/wiki.yaml", "notes/readme.md", ".git/config.json", "..2026_11_25/x.yaml", "read/store.yaml"):
        (folder / name).write_text(spec("wiki" if "read" not in name else "store"))
    (folder / "..data").symlink_to("..2026_11_25")
    (folder / "linked").symlink_to("site")

    reading = read_specs([folder, folder / "read"])

    assert [document.name for document in reading.desired.documents] == ["store", "web"]
    assert texts(reading) == [
        f"{folder}/{name}: the specs in this sub-folder are not read (warning); "
        f"name `{folder}/{name}` itself, too, or move its files up"
        for name in ("linked", "site")
    ]
    assert not read_specs([folder / "empty"]).problems


def test_a_sub_folder_alone_asks_for_nothing_and_is_no_error(folder: Path, tmp_path: Path) -> None:
    (folder / "site").mkdir()
    (folder / "site/wiki.yaml").write_text(spec("wiki"))
    reading = read_specs([folder, tmp_path / "gone"])
    assert reading.is_empty
    assert reading.missing == (str(tmp_path / "gone"),)


def test_a_broken_file_is_reported_with_its_place_and_the_others_are_still_read(folder: Path) -> None:
    (folder / "a.yaml").write_text(spec("a").replace("image", "imge"))
    (folder / "b.yaml").write_text("kind: [\n")
    (folder / "c.yaml").write_text(spec("c"))
    reading = read_specs([folder])
    assert [text.removeprefix(f"{folder}/") for text in texts(reading)] == [
        "a.yaml:4:1: spec: the key `image` is missing",
        "a.yaml:5:3: spec.imge: unknown key `imge`; did you mean `image`?",
        "b.yaml:2:1: no valid YAML: did not find expected node content",
    ]
    assert [document.name for document in reading.desired.documents] == ["c"]
    assert not reading.is_empty


def test_the_same_name_in_two_files_is_a_problem(folder: Path) -> None:
    (folder / "a.yaml").write_text(spec("x"))
    (folder / "b.yaml").write_text(spec("x"))
    (text,) = texts(read_specs([folder]))
    assert f"{folder}/b.yaml" in text
    assert f"first at {folder}/a.yaml:1:1" in text


def test_nothing_asked_for_is_empty(folder: Path) -> None:
    assert read_specs([folder]).is_empty
    (folder / "a.yaml").write_text("# not yet\n")
    reading = read_specs([folder])
    assert reading.is_empty
    assert texts(reading) == []


def test_who_only_protects_asks_for_nothing(folder: Path) -> None:
    system = "apiVersion: evenkeel/v1\nkind: SystemContainers\nmetadata: {name: s}\nspec: {names: [agent]}\n"
    (folder / "00-system.yaml").write_text(system)
    reading = read_specs([folder])
    assert reading.is_empty
    assert reading.paths == (str(folder),)
    (folder / "10.yaml").write_text(spec("web"))
    assert not read_specs([folder]).is_empty


def test_a_file_without_a_byte_is_a_problem(folder: Path) -> None:
    """It is a save that is not finished, or one that a power cut ate; nobody asks for nothing in this way."""
    (folder / "a.yaml").touch()
    reading = read_specs([folder])
    assert texts(reading) == [f"{folder}/a.yaml:1:1: the file is empty; write what is asked for, or remove the file"]
    assert not reading.is_empty


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    reading = read_specs([tmp_path / "absent", str(tmp_path / "file/below.yaml")])
    assert reading.missing == (str(tmp_path / "absent"), str(tmp_path / "file/below.yaml"))
    assert reading.is_empty
    assert texts(reading) == []


def test_one_place_missing_beside_others_is_a_problem(folder: Path, tmp_path: Path) -> None:
    """What the missing one asked for must not be taken for unwanted."""
    (folder / "a.yaml").write_text(spec("a"))
    reading = read_specs([folder, tmp_path / "not-mounted"])
    assert reading.missing == (str(tmp_path / "not-mounted"),)
    assert texts(reading) == [f"{tmp_path}/not-mounted: does not exist"]


def test_what_cannot_be_read_is_a_problem(folder: Path) -> None:
    (folder / "dangling.yaml").symlink_to("nowhere")
    (folder / "loop.yaml").symlink_to("loop.yaml")
    os.mkfifo(folder / "pipe.yaml")
    reading = read_specs([folder])
    assert texts(reading) == [
        f"{folder}/dangling.yaml: cannot be read: the link leads nowhere",
        f"{folder}/loop.yaml: cannot be read: Too many levels of symbolic links",
        f"{folder}/pipe.yaml: cannot be read: no regular file",
    ]
    assert not reading.is_empty
    assert [problem.message for problem in read_specs(["a\0b"]).problems] == ["cannot be read: embedded null byte"]


def test_nobody_is_called_missing_who_may_stand_in_what_cannot_be_read(folder: Path) -> None:
    (folder / "a.yaml").write_text(spec("a") + "  dependsOn: [b]\n")
    assert [text for text in texts(read_specs([folder])) if "no container `b` is asked for" in text]
    (folder / "b.yaml").symlink_to("nowhere")
    assert texts(read_specs([folder])) == [f"{folder}/b.yaml: cannot be read: the link leads nowhere"]


def test_without_permission_it_is_a_problem_until_there_is_one(nobody: Path) -> None:
    locked = nobody / "locked"
    locked.mkdir()
    (nobody / "a.yaml").write_text(spec("a"))
    (nobody / "a.yaml").chmod(0)
    (nobody / "b.yaml").write_text(spec("b"))
    locked.chmod(0)
    reading = read_specs([nobody, locked, locked / "x.yaml"])
    locked.chmod(0o700)
    assert texts(reading) == [
        f"{nobody}/a.yaml: cannot be read: Permission denied",
        f"{locked}: cannot be read: Permission denied",
        f"{locked}/x.yaml: cannot be read: Permission denied",
    ]
    (nobody / "a.yaml").chmod(0o600)
    after = read_specs([nobody, locked])
    assert set(asked(after)) == {"a", "b"}
    assert after.content_digest != reading.content_digest


def test_a_file_that_is_too_large_is_a_problem(folder: Path) -> None:
    with (folder / "big.yaml").open("wb") as file:
        file.truncate(1 << 40)
    assert texts(read_specs([folder])) == [f"{folder}/big.yaml:1:1: the file is larger than 8 MiB"]


def test_a_name_that_is_no_text_is_read_and_can_be_said(folder: Path, cache: Path) -> None:
    (folder / os.fsdecode(b"\xff.yaml")).write_text(spec("a").replace("image", "imge"))
    reading = read_specs([folder], cache)
    encode(reading.problems)
    assert "\ufffd.yaml:" in texts(reading)[0]


def test_the_digest_is_of_names_and_bytes(folder: Path) -> None:
    digests = set()

    def look() -> int:
        digests.add(read_specs([folder]).content_digest)
        return len(digests)

    assert look() == 1
    (folder / "a.yaml").write_text(spec("a"))
    assert look() == 2
    (folder / "a.yaml").write_text(spec("a"))
    os.utime(folder / "a.yaml", (1, 1))
    (folder / "notes.txt").touch()
    assert look() == 2
    (folder / "a.yaml").rename(folder / "b.yaml")
    assert look() == 3
    (folder / "b.yaml").write_text(spec("b"))
    assert look() == 4
    (folder / "b.yaml").unlink()
    assert look() == 4
    (folder / "c.yaml").symlink_to("nowhere")
    assert look() == 5
    shutil.rmtree(folder)
    assert look() == 6
