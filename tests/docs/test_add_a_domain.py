"""The page "Add a domain" is executed: its blocks become a tree with one more domain, and that tree keeps the rules and works.

A block of code names its file in its first line; one of changes in a line `--- file`, and its lines have to be in that file.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.places import ROOT

PAGE = ROOT / "docs" / "howto" / "add-a-domain.md"
LAYERS = ("controller", "reconcilers", "templates", "specs")
BIN = Path(sys.executable).parent
IGNORED = shutil.ignore_patterns("__pycache__", "data", "__snapshots__", "parameters*")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def files() -> dict[str, str]:
    """The new files of the page."""
    heads = (block.partition("\n") for language in ("python", "text") for block in blocks(language))
    return {head.removeprefix("# "): body for head, _, body in heads if re.fullmatch(r"# [\w/.]+", head)}


def changes() -> list[tuple[str, list[str]]]:
    """The changed lines of the page: a file, and lines that begin with ` `, `-` or `+`."""
    parts = (block.splitlines() for block in blocks("diff"))
    return [(head.removeprefix("--- "), lines) for head, *lines in parts]


def change(tree: Path, name: str, lines: list[str]) -> None:
    before = "\n".join(line[1:] for line in lines if line[:1] != "+")
    after = "\n".join(line[1:] for line in lines if line[:1] != "-")
    text = (tree / name).read_text()
    assert text.count(f"{before}\n") == 1, f"{name} has these lines not exactly once:\n{before}"
    (tree / name).write_text(text.replace(f"{before}\n", f"{after}\n"))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout with the domain of the page."""
    tree = tmp_path_factory.mktemp("tree")
    for folder in (*LAYERS, "tests"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=IGNORED)
    shutil.copytree(ROOT / ".dev", tree / ".dev", symlinks=True)
    shutil.copy(ROOT / "pyproject.toml", tree)
    for name, text in files().items():
        assert not (tree / name).exists(), name
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    for name, lines in changes():
        change(tree, name, lines)
    return tree


def run(tree: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(tree / ".dev"), "PATH": str(BIN), "HOME": str(tree), "COLUMNS": "100"}
    return subprocess.run(
        [str(part) for part in command], cwd=tree, env=environment, text=True, capture_output=True, timeout=300
    )


def evenkeel(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run(tree, sys.executable, "-m", "evenkeel.controller", *words)


def test_the_tests_of_the_page_pass(tree: Path) -> None:
    """One revision over two domains converges; each of them fails, and both go back."""
    name = "tests/controller/transaction/test_parameters.py"
    done = run(tree, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^[1-9]\d* passed", done.stdout, re.MULTILINE), done.stdout


def test_the_tree_of_the_page_keeps_the_import_contracts(tree: Path) -> None:
    done = run(tree, BIN / "lint-imports", "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_code_of_the_page_has_our_style(tree: Path) -> None:
    modules = sorted({name for name in (*files(), *(name for name, _ in changes())) if name.endswith(".py")})
    style = run(tree, BIN / "ruff", "check", "--no-cache", *modules)
    assert style.returncode == 0, style.stdout + style.stderr
    form = run(tree, BIN / "ruff", "format", "--no-cache", "--check", *modules)
    assert form.returncode == 0, form.stdout + form.stderr


def test_the_types_of_the_page_fit_together(tree: Path) -> None:
    """From the table of kinds to the wiring."""
    done = run(tree, BIN / "mypy", "--cache-dir", tree / ".mypy_cache")
    assert done.returncode == 0, done.stdout + done.stderr


def as_on_the_page(output: str, tree: Path) -> list[str]:
    """Lines without what differs each time. Steps of different domains have no order but that of the barriers."""
    bare = re.sub(r" +since \d+ s +| \(\d+\.\d s\)", "", output.replace(str(tree), "/home/me"))
    return sorted(bare.splitlines())


def test_the_sessions_of_the_page_are_what_the_commands_say(tree: Path) -> None:
    parts = re.split(r"^\$ (evenkeel .+)\n", "".join(blocks("console")), flags=re.MULTILINE)[1:]
    commands = list(zip(parts[::2], parts[1::2], strict=True))
    assert [command.split()[1] for command, _ in commands] == ["plan", "apply", "status"]
    for command, output in commands:
        done = evenkeel(tree, *command.split()[1:])
        assert as_on_the_page(done.stdout, tree) == as_on_the_page(output, tree), command + done.stderr


def test_the_plan_of_the_page_is_there_for_programs(tree: Path) -> None:
    done = evenkeel(tree, "plan", "-o", "json", "--specs", "parameters.yaml", "--state", "elsewhere")
    plan = json.loads(done.stdout.replace(str(tree), "/home/me"))
    (shown,) = map(json.loads, blocks("json"))
    assert plan["subjects"][0] == shown
    stages = [(stage["domain"], stage["phase"]) for stage in plan["stages"]]
    assert stages.index(("containers", "UPDATE")) < stages.index(("parameters", "ACTIVATE"))
    assert stages.index(("parameters", "ACTIVATE")) < stages.index(("containers", "ACTIVATE"))


def test_a_mistake_in_a_document_of_the_page_has_its_place(tree: Path) -> None:
    (tree / "wrong.yaml").write_text(files()["parameters.yaml"].replace("value: '10'", "valve: '10'"))
    done = evenkeel(tree, "validate", "wrong.yaml")
    assert done.returncode == 1
    assert "wrong.yaml:6:3" in done.stdout + done.stderr
    assert "did you mean `value`" in done.stdout + done.stderr
