"""The documentation is held to the code: made pages are up to date, links lead somewhere, examples are valid, commands exist.

A page that is wrong is worse than one that is missing. After a change of commands, settings or spec: `make docs`.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

import click
import pytest
from tests.places import ROOT

from evenkeel.controller.cli import commands
from evenkeel.controller.drivers.slots.memory.world import Flaw as BundleFlaw
from evenkeel.controller.journal.file import Reason
from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.feedback import ConditionName, Kind
from evenkeel.specs.problem import Flaw, errors
from evenkeel.specs.reading.text import read_trees
from evenkeel.specs.settings.settings import settings_from

DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md"))])
DECISIONS = sorted((DOCS / "adr").glob("[0-9]*.md"))
SECTIONS = ["Context", "Decision", "Alternatives", "Consequences"]


class Block(NamedTuple):
    """A fenced block: its language, its text without the indentation of the fence, and where it begins."""

    language: str
    text: str
    place: str


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(page: Path, *languages: str) -> list[Block]:
    found = []
    fence = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
    text = page.read_text()
    for match in fence.finditer(text):
        indent, language, body = match.groups()
        line = text.count("\n", 0, match.start()) + 1
        bare = "".join(each.removeprefix(indent) for each in body.splitlines(keepends=True))
        found.append(Block(language, bare, f"{name_of(page)}:{line}"))
    return [block for block in found if block.language in languages]


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^( *)```.*?^\1```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def all_blocks(*languages: str) -> list[Block]:
    return [block for page in PAGES for block in blocks(page, *languages)]


# --- made pages -------------------------------------------------------------------------------------------------------


def generator() -> Any:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_made_pages_are_up_to_date() -> None:
    for name, text in generator().pages().items():
        assert (DOCS / "reference" / name).read_text() == text, f"docs/reference/{name} is out of date: make docs"


def test_what_may_be_left_out_stands_in_brackets() -> None:
    def arguments(command: click.Command, above: click.Context | None, name: str) -> Iterator[tuple[str, str]]:
        context = click.Context(command, info_name=name, parent=above)
        for param in command.params:
            if isinstance(param, click.Argument) and not param.required:
                yield context.command_path, " ".join(param.get_usage_pieces(context))
        for each in command.list_commands(context) if isinstance(command, click.Group) else ():
            inner = command.get_command(context, each)  # type: ignore[attr-defined]
            assert inner is not None
            yield from arguments(inner, context, each)

    found = list(arguments(commands, None, "evenkeel"))
    assert len(found) > 5
    assert [each for each in found if not each[1].startswith("[")] == []


# --- links ------------------------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    titles = re.findall(r"^#{1,6} (.+)$", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{name_of(page)} links to {target}"
        assert found.is_relative_to(ROOT), f"{name_of(page)} links out of the project: {target}"
        assert not anchor or anchor in anchors(found), f"{name_of(page)} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_link_to_a_decision_has_its_number(page: Path) -> None:
    links = re.findall(r"\[(?:ADR )?(\d{4})\]\([^)]*?(\d{4})-[^)]*\)", page.read_text())
    assert [link for link in links if link[0] != link[1]] == []


def test_every_page_can_be_reached() -> None:
    known, new = {ROOT / "README.md"}, [ROOT / "README.md"]
    while new:
        page = new.pop()
        for target in re.findall(r"\]\(([^)#\s]+)", prose(page)):
            found = (page.parent / target).resolve()
            if found.suffix == ".md" and found.exists() and found not in known:
                known.add(found)
                new.append(found)
    assert {name_of(page) for page in PAGES} <= {name_of(page) for page in known}


def test_files_that_are_named_exist() -> None:
    named = re.compile(r"`((?:specs|templates|reconcilers|controller|tests|examples|docs)/[\w./-]+)`")
    for page in PAGES:
        for path in named.findall(prose(page)):
            assert (ROOT / path).exists(), f"{name_of(page)} names {path}"


# --- examples ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", all_blocks("yaml"), ids=lambda block: block.place)
def test_yaml_is_a_valid_spec_or_valid_settings(block: Block) -> None:
    if "apiVersion" in block.text:
        decoded = decode_file(block.text.encode(), block.place)
        assert decoded.documents
        assert errors(decoded.problems) == ()
        return
    trees, problems = read_trees(block.text.encode(), block.place)
    flaws: list[Flaw] = []
    assert not problems
    assert len(trees) == 1
    assert settings_from(trees[0].value, flaws) is not None, flaws


@pytest.mark.parametrize("block", all_blocks("json"), ids=lambda block: block.place)
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


def test_the_page_about_testing_is_a_test(tmp_path: Path) -> None:
    page = DOCS / "howto" / "test-your-specs.md"
    specs, codes = blocks(page, "yaml"), blocks(page, "python")
    for folder, spec, code in zip(("specs", "os"), specs, codes, strict=True):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "it.yaml").write_text(spec.text)
        (tmp_path / f"test_{folder}.py").write_text(code.text)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".dev")}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=tmp_path, env=environment, text=True, capture_output=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = sum(code.text.count("def test_") for code in codes) + 2  # one of them with three bundles
    assert f"{passed} passed" in done.stdout


def test_the_page_about_testing_has_all_faults_of_bundles() -> None:
    page = (DOCS / "howto" / "test-your-specs.md").read_text()
    told = re.findall("`([^`]+)`", "".join(re.findall(r"^\| `flaw`, of the \w+ \|(.+)\|$", page, re.MULTILINE)))
    assert sorted(told) == sorted(flaw for flaw in get_args(BundleFlaw) if flaw)


# --- commands ---------------------------------------------------------------------------------------------------------


def written_commands(page: Path) -> list[tuple[str, bool]]:
    """Commands in consoles, and in the middle of sentences; the latter may lack what is obvious there (False)."""
    found = []
    for block in blocks(page, "console", "sh"):
        lines = re.sub(r"\\\n\s*", " ", block.text).splitlines()
        found += [(line.strip().removeprefix("$ "), True) for line in lines if re.match(r"\s*(\$ )?evenkeel ", line)]
    found += [(text, False) for text in re.findall(r"`(evenkeel [^`]+)`", prose(page))]
    return found


def parse(line: str, *, whole: bool) -> None:
    """Raises click's exceptions for what no command understands."""
    words = shlex.split(re.split(r" [|>&;] ?| #", f"{line} ")[0])[1:]
    if any(word in ("COMMAND", "…") for word in words):
        return
    context = click.Context(commands, info_name="evenkeel", **commands.context_settings)
    _, rest, _ = commands.make_parser(context).parse_args(list(words))
    if not rest:
        return
    name, command, arguments = commands.resolve_command(context, rest)
    assert command is not None
    try:
        command.make_context(name, arguments, parent=context)
    except click.MissingParameter:
        if whole:
            raise
    except click.exceptions.Exit:
        return


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_exist(page: Path) -> None:
    for line, whole in written_commands(page):
        try:
            parse(line, whole=whole)
        except click.exceptions.Exit:
            continue
        except click.ClickException as error:
            raise AssertionError(f"{name_of(page)}: `{line}`: {error.format_message()}") from error


def test_folders_that_commands_of_the_readme_name_hold_specs() -> None:
    """In a clone `specs` is source code."""
    lines = [line for line, whole in written_commands(ROOT / "README.md") if whole]
    folders = {ROOT / word for line in lines for word in shlex.split(line)[1:] if (ROOT / word).is_dir()}
    assert folders
    assert [name_of(folder) for folder in folders if not list(folder.glob("*.yaml"))] == []


@pytest.mark.parametrize("line", ["evenkeel plam", "evenkeel plan --nope", "evenkeel get pods", "evenkeel adopt"])
def test_commands_that_do_not_exist_are_seen(line: str) -> None:
    with pytest.raises(click.ClickException):
        parse(line, whole=True)


# --- what has to be explained -----------------------------------------------------------------------------------------


def test_every_kind_of_feedback_is_explained() -> None:
    section = (DOCS / "reference" / "events.md").read_text().partition("## Conditions")[0]
    rows = re.findall(r"^\| `([a-z-]+)` \| \S", section.partition("| kind |")[2], re.MULTILINE)
    assert sorted(rows) == sorted(get_args(Kind))


def test_every_condition_and_every_reason_is_explained() -> None:
    section = (DOCS / "reference" / "events.md").read_text().partition("## Conditions")[2].partition("## Exit codes")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(get_args(ConditionName))
    explained = set(re.findall(r"^\|[^|]*\| (?:yes|no) \| `(\w+)` \| \S", section, re.MULTILINE))
    assert explained == reasons_in_code()


def reasons_in_code() -> set[str]:
    """Texts in CamelCase in the modules that set conditions, but for the conditions' own names."""
    found: set[str] = set()
    sets_conditions = r"\bCondition\(|\.condition\(|set_condition\(|settled_is\(|= Words\("
    for module in sorted(each for room in ("controller", "reconcilers") for each in (ROOT / room).rglob("*.py")):
        if not re.search(sets_conditions, text := module.read_text()):
            continue
        for node in ast.walk(ast.parse(text)):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and re.fullmatch(r"([A-Z][a-z]+)+", text):
                found.add(text)
    return found.union(get_args(Reason)) - set(get_args(ConditionName))


def test_the_way_of_a_desired_state_names_functions_that_there_are() -> None:
    """The drawing in architecture.md."""
    drawing = (
        (DOCS / "architecture.md").read_text().partition("### The way of a desired state over MQTT")[2].split("```")[1]
    )
    rooms = [file.read_text() for file in (ROOT / "controller").rglob("*.py")]
    rooms.append((ROOT / "reconcilers/ports.py").read_text())
    named = re.findall(r"\b([A-Z]\w+)\.(_?[a-z]\w*)", drawing)
    assert len(named) > 20
    for owner, function in named:
        bodies = [body for text in rooms for body in re.split(rf"^class {owner}\b", text, flags=re.MULTILINE)[1:]]
        assert any(re.search(rf"(def |self\.){function}\b", body) for body in bodies), f"{owner}.{function}"


def test_every_invariant_is_listed_where_it_is_stated() -> None:
    rows = re.findall(r"^\| (INV-\d+) \| (.+?) \| `(.+?)` \|", (DOCS / "architecture.md").read_text(), re.MULTILINE)
    listed = {id_: (text, path) for id_, text, path in rows}
    stated: dict[str, tuple[str, str]] = {}
    for layer in ("specs", "templates", "reconcilers", "controller"):
        for module in (ROOT / layer).rglob("*.py"):
            for id_, text in re.findall(r"^(INV-\d+)  (.+)$", module.read_text(), re.MULTILINE):
                stated[id_] = (text.removesuffix(" (fetch before disturb)"), name_of(module))
    assert listed == stated
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("*") if path.suffix in (".py", ".yaml"))
    assert set(re.findall(r"INV-\d+", tests)) == set(stated), "each is held by a test that names it"


# --- decisions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", DECISIONS, ids=name_of)
def test_a_decision_has_its_sections_and_fits_on_a_page(page: Path) -> None:
    text = page.read_text()
    number = page.name[:4]
    assert re.match(rf"# {number}\. \S.*\n\nStatus: (proposed|accepted|replaced by \[\d+\])", text)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert len(text.splitlines()) <= 60
    alternatives = text.partition("## Alternatives")[2].partition("## Consequences")[0]
    assert len(re.findall(r"^\* \*\*", alternatives, re.MULTILINE)) >= 2


def test_decisions_are_numbered_and_listed() -> None:
    assert [page.name[:4] for page in DECISIONS] == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]
    listed = re.findall(
        r"^\| \[(\d{4})\]\((.+?)\) \| (.+?) \|$", (DOCS / "adr" / "README.md").read_text(), re.MULTILINE
    )
    titles = [page.read_text().splitlines()[0].removeprefix(f"# {page.name[:4]}. ") for page in DECISIONS]
    assert listed == [(page.name[:4], page.name, title) for page, title in zip(DECISIONS, titles, strict=True)]


# ── what went wrong, and the test of it ────────────────────────────────────────────────────────────────────────────────

FINDINGS = {
    *(f"F-{number:02}" for number in (*range(9), 11, 12, 13, 14, 16, 17, 20)),
    *(f"§5.{number}" for number in (1, 2, 3, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16, 17, 18, 19)),
    *(f"W{number}" for number in range(1, 16)),
    *("O1", "O3", "O5", "O14", "O16", "A2", "A7", "A14", "A15", "A17", "A20", "A22", "U9", "U13"),
    *("O8", "O9", "O12", "O13", "O15", "O17", "O24", "O25", "A18", "U14", "U19"),
    *("U1", "U2", "U3", "U12", "U15"),
    *("B3", "B4", "B9", "B10", "B11", "O10", "O11", "O18", "O19", "O20", "O21", "O22", "O23", "A16", "U17", "U18"),
    *("A1", "O2", "O4", "§5.12"),  # of another issue, and told of
}


def test_every_finding_has_a_row_in_reliability_md() -> None:
    rows = [
        line.split(" | ")[0] for line in (DOCS / "reliability.md").read_text().splitlines() if line.startswith("| ")
    ]
    told = {id_ for row in rows for id_ in re.findall(r"F-\d\d|§5\.\d+|[WOAUB]\d+", row)}
    assert told >= FINDINGS


def test_reliability_md_names_tests_that_exist() -> None:
    """As pytest names them; `::test_…` alone is of the file named before."""
    file, named = Path(), 0
    for match in re.finditer(
        r"(?<!\w)(tests/[\w/]+?\.py)?(?:::(test_\w+))?(?!\w)", (DOCS / "reliability.md").read_text()
    ):
        path, name = match.groups()
        file = ROOT / path if path else file
        if path or name:
            named += 1
            assert file.is_file(), match[0]
            assert not name or re.search(rf"^(async )?def {name}\b", file.read_text(), re.MULTILINE), match[0]
    assert named > 100
