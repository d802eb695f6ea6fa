"""The shape of the project, held by tests: folder = layer, one name per file, and a wheel that is the four folders.

Half of these read the tree as it is. The other half plant a violation in a tree made for it and look for the rule to
bite, because a contract that names a module wrongly is kept for ever.
"""

from __future__ import annotations

import ast
import builtins
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.places import ROOT

from evenkeel.specs import errors

LAYERS = ("controller", "reconcilers", "templates", "specs")
MODULES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))
BIN = Path(sys.executable).parent
BANNED = {"manager", "helper", "util", "common", "misc", "base", "service", "handler", "data", "info"}


def name_of(module: Path) -> str:
    return module.relative_to(ROOT).as_posix()


def words(name: str) -> set[str]:
    """The words of a snake_case or CamelCase name, in the singular; `base64` and `metadata` are words of their own, and
    so is the update manager, a noun of the field."""
    single = re.sub(r"[Uu]pdate_?[Mm]anager(?![a-z])", "Orchestrator_", name)
    found = {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", single)}
    return found | {word.removesuffix("s") for word in found}


def run(*command: str | Path, cwd: Path = ROOT, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], cwd=cwd, input=stdin, text=True, capture_output=True)


# --- modules ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_module_is_short_and_says_why_it_exists(module: Path) -> None:
    text = module.read_text()
    assert len(text.splitlines()) <= 350
    assert ast.get_docstring(ast.parse(text)), "no module docstring"


GIVEN = {"feed_data"}
"""Names that others gave: a method of a library's that is overridden."""


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_names_say_what_the_thing_is(module: Path) -> None:
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    defined = {node.name for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, kinds)}
    names = (defined - GIVEN) | set(module.relative_to(ROOT).with_suffix("").parts)
    assert not {name for name in names if words(name) & BANNED}


@pytest.mark.parametrize(
    "name",
    [
        "DataHandler",
        "_utils",
        "load_info",
        "HTTPService",
        "services",
        "base_of",
        "UpdateManagers",
        "update_manager_info",
    ],
)
def test_banned_words_are_seen(name: str) -> None:
    assert words(name) & BANNED


@pytest.mark.parametrize(
    "name", ["base64_of", "Metadata", "dataclass_of", "baseline", "Commonly", "UpdateManagerSpec", "update_manager"]
)
def test_words_that_only_contain_a_banned_one_are_left_alone(name: str) -> None:
    assert not words(name) & BANNED


PARTICIPLES = set(
    re.findall(
        r"\w+",
        "asked been begun broke done due felt finds found gone given heard held kept known left made met owed run said seen"
        " shown stands taken told",
    )
)
"""Participles, and forms of verbs that fit as much, which say nothing alone as a public name (docs/adr/0021-words.md)."""
VERBS = {"run", "done", "Run", "Done"}
"""`run` is a verb, and a step is `Done` as a pod of Kubernetes is; `done` is the callback of a work queue there."""
EXCEPTIONS = {
    # a message of feedback that a commander has received
    "heard Heard": "specs/kanto/heard.py",
    # the value of a facet that a document asks for, and the one that an engine holds
    "asked": "specs/registries/observed.py",
    "held": "specs/registries/observed.py",
}
"""By names: the modules that may have them."""
LEFT = {(module, name) for names, modules in EXCEPTIONS.items() for module in modules.split() for name in names.split()}


def participles(path: str, source: str) -> set[str]:
    """The public names of a module that are participles alone, its own name included."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    names = {node.name for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)} | {Path(path).stem}
    return {name for name in names if name.lower() in PARTICIPLES} - VERBS


def test_no_participle_alone_is_a_public_name() -> None:
    modules = {name_of(module): module.read_text() for module in MODULES}
    assert {(path, name) for path, source in modules.items() for name in participles(path, source)} == LEFT


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("specs/known.py", ""),
        ("specs/x.py", "class Asked: ..."),
        ("specs/x.py", "class A:\n    async def told(self): ..."),
    ],
)
def test_participles_are_seen(path: str, source: str) -> None:
    assert participles(path, source)


@pytest.mark.parametrize("source", ["def asked_of(): ...", "class Done: ...", "def _seen(): ...", "def run(): ..."])
def test_names_that_only_contain_a_participle_are_left_alone(source: str) -> None:
    assert not participles("specs/x.py", source)


CLAUSE = re.compile(r"(?:^|\.\s+)(?:What|Who|Whom|Whatever|Whoever)\b")
"""A sentence that begins with a clause as its subject (docs/adr/0021-words.md)."""


def clauses(source: str) -> list[str]:
    """The docstrings with such a sentence, also those below values."""
    texts = [
        node.value.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    ]
    return [text for text in texts if CLAUSE.search(text)]


def test_no_docstring_has_a_clause_as_subject() -> None:
    assert not {name_of(module): found for module in MODULES if (found := clauses(module.read_text()))}


@pytest.mark.parametrize(
    "source",
    [
        '"""What is wrong."""',
        'class A:\n    async def f(self):\n        """A look. What it\n        shows counts."""',
        'A = 1\n"""Who reboots."""',
    ],
)
def test_clauses_are_seen(source: str) -> None:
    assert clauses(source)


@pytest.mark.parametrize("text", ["Whether it is there.", "A look shows what is there.", "The whole. Whose it is."])
def test_sentences_with_another_begin_are_left_alone(text: str) -> None:
    assert not clauses(f'"""{text}"""')


# --- one name per file ------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not (ROOT / ".dev").exists(), reason="an unpacked sdist has no links before `make links`")
def test_nobody_waits_so_that_a_cancellation_may_be_lost() -> None:
    """In Python 3.11 `asyncio.wait_for` loses one that comes together with what is waited for; `asyncio.timeout` does not."""
    found = [path for path in (ROOT / "controller").rglob("*.py") if "asyncio.wait_for(" in path.read_text()]
    assert found == []


def dead_handlers(source: str) -> list[str]:
    """Handlers of exceptions of Python's and evenkeel's own that stand behind one of a class above theirs."""
    found = []
    for node in ast.walk(ast.parse(source)):
        above: list[type] = []
        for handler in node.handlers if isinstance(node, ast.Try | ast.TryStar) else ():
            kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
            named = [ast.unparse(each).rpartition(".")[2] if each is not None else "BaseException" for each in kinds]
            classes = [each for name in named if isinstance(each := EXCEPTIONS.get(name), type)]
            found += [f"{handler.lineno}: {each.__name__}" for each in classes if issubclass(each, tuple(above))]
            above += classes
    return found


EXCEPTIONS = {**vars(builtins), **vars(errors)}


def test_no_handler_stands_behind_one_of_a_class_above() -> None:
    """R1: a TimeoutError was handled behind its base OSError, that is, never."""
    assert {name_of(each): found for each in MODULES if (found := dead_handlers(each.read_text()))} == {}


def test_dead_handlers_are_seen() -> None:
    wrong = "try: x()\nexcept OSError: pass\nexcept (ValueError, TimeoutError): pass\nexcept Unavailable: pass\n"
    assert dead_handlers(wrong + "except errors.EvenkeelError: pass\nexcept Busy: pass") == [
        "3: TimeoutError",
        "6: Busy",
    ]
    assert dead_handlers("try: x()\nexcept TimeoutError: pass\nexcept OSError: pass") == []


def test_dev_links_mirror_the_folders() -> None:
    links = {link.name: link for link in (ROOT / ".dev/evenkeel").iterdir()}
    assert set(links) == set(LAYERS)
    for layer, link in links.items():
        assert link.is_symlink(), "a copy, not a link"
        assert link.readlink() == Path("../..") / layer, "not relative to the checkout"


@pytest.mark.parametrize("layer", LAYERS)
def test_importing_a_folder_by_its_bare_name_fails_with_a_hint(layer: str) -> None:
    done = run(sys.executable, "-c", f"import {layer}")
    assert done.returncode != 0
    assert f"ImportError: import evenkeel.{layer}, not '{layer}'; run: pip install -e ." in done.stderr


# --- the wheel --------------------------------------------------------------------------------------------------------


def build_wheel(tree: Path, work: Path) -> set[str]:
    """Build sdist and from it the wheel, as `uv build` does but without network; return the files in the wheel."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", work, cwd=tree).check_returncode()
    (sdist,) = work.glob("*.tar.gz")
    run(
        "tar", "-xzf", sdist, "-C", work
    ).check_returncode()  # Debian's 3.11.2 has no extraction filters yet, 3.12 insists
    unpacked = work / sdist.name.removesuffix(".tar.gz")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", work, cwd=unpacked).check_returncode()
    (wheel,) = work.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_is_the_four_folders(tmp_path: Path) -> None:
    tree = tmp_path / "tree"  # a copy, because the data below is planted, and because somebody may be editing
    for layer in LAYERS:
        shutil.copytree(ROOT / layer, tree / layer, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / ".dev", tree / ".dev", symlinks=True)
    for file in ("pyproject.toml", "LICENSE", ".gitignore", "README.md"):
        if (ROOT / file).exists():
            shutil.copy(ROOT / file, tree)
    for planted in ("templates/planted.j2", "specs/planted.json", "templates/deep/er/planted.html"):
        (tree / planted).parent.mkdir(parents=True, exist_ok=True)
        (tree / planted).write_text("{}")
    (tree / "reconcilers/__pycache__").mkdir()
    (tree / "reconcilers/__pycache__/planted.cpython-311.pyc").write_bytes(b"")

    files = build_wheel(tree, tmp_path)

    expected = {
        f"evenkeel/{path.relative_to(tree).as_posix()}"
        for layer in LAYERS
        for path in (tree / layer).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in files if ".dist-info/" not in name} == expected
    assert {f"evenkeel/{layer}/py.typed" for layer in LAYERS} <= expected
    assert {"evenkeel/templates/planted.j2", "evenkeel/specs/planted.json"} <= expected
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in files)


def test_an_unpacked_sdist_does_what_its_readme_says(tmp_path: Path) -> None:
    """`make demo` ended with "No module named 'evenkeel'" (O10). Here all but what asks a network: uv."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path, cwd=ROOT).check_returncode()
    (sdist,) = tmp_path.glob("*.tar.gz")
    run("tar", "-xzf", sdist, "-C", tmp_path).check_returncode()
    unpacked = tmp_path / sdist.name.removesuffix(".tar.gz")
    needed = {"Makefile", "README.md", "uv.lock", "pyproject.toml", "bench", "docs", "examples", "tests", *LAYERS}
    assert needed <= {path.name for path in unpacked.iterdir()}
    run("make", "links", cwd=unpacked).check_returncode()
    run("make", "links", cwd=unpacked).check_returncode()
    assert {path.name for path in (unpacked / ".dev/evenkeel").iterdir()} == set(LAYERS)
    main = "import sys; sys.path.insert(0, '.dev'); import evenkeel.specs; print(evenkeel.specs.__file__)\n"
    main += "from evenkeel.controller.cli import main; sys.exit(main(sys.argv[1:]))"
    for command in (["--version"], ["validate", "examples/containers"]):
        done = run(sys.executable, "-c", main, *command, cwd=unpacked)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(".dev/evenkeel/specs/") or str(unpacked) in done.stdout.splitlines()[0]


def test_what_deepdiff_would_import_is_not_locked() -> None:
    locked = {package["name"] for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    assert "deepdiff" in locked
    assert not locked & {"pydantic", "orjson"}


# --- contracts --------------------------------------------------------------------------------------------------------


def lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter over `tree`, a folder that holds `evenkeel/`, and over nothing that is installed."""
    main = "import sys; sys.path.insert(0, sys.argv[1]); sys.path.append(sys.argv[2])\n"
    main += "from importlinter.cli import lint_imports as lint\n"
    main += "sys.exit(lint(config_filename=sys.argv[3], cache_dir=None))"
    site = next(path for path in sys.path if path.endswith("site-packages"))
    return run(sys.executable, "-S", "-c", main, tree, site, ROOT / "pyproject.toml", cwd=tree)


_ALONE = (
    *(f"controller/{name}.py" for name in ("front", "units", "daemon", "serving", "wiring")),
    *(f"controller/{name}_wiring.py" for name in ("slots", "registries", "provisioning", "doctor")),
    *(f"controller/drivers/{module.name}" for module in MODULES if module.parent == ROOT / "controller/drivers"),
)
"""Modules that a contract names, or may name: a driver that is one module."""


def plant(tmp_path: Path, files: dict[str, str]) -> Path:
    """A tree with our packages and rooms, each empty, and `files`."""
    files = {**dict.fromkeys(_ALONE, ""), **files}
    for package in {module.parent for module in MODULES if module.name == "__init__.py"}:
        init = tmp_path / "evenkeel" / package.relative_to(ROOT) / "__init__.py"
        init.parent.mkdir(parents=True, exist_ok=True)
        init.touch()
    for name, text in files.items():
        (tmp_path / "evenkeel" / name).write_text(text + "\n")
    return tmp_path


def broken(output: str) -> set[str]:
    return set(re.findall(r"^(.*) BROKEN$", output, re.MULTILINE))


LAYERED = "each folder imports only what stands below it"
PURE = "pure folders touch no world"
MSGSPEC = "msgspec is known to specs only"
CLIENTS = "each third-party client is imported in one place"
CEL = "CEL is known to one module"
ROOMS = "rooms of the controller import only what stands below them"
NO_DOMAIN = "agents and what drives any domain know no domain"
DRIVERS = "drivers of different domains do not know each other"
WIRING = "only wiring names concrete sources, drivers and sinks"


def test_imports_keep_the_contracts() -> None:
    done = run(BIN / "lint-imports", "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr


PLANTED = {
    PURE: (
        {
            "reconcilers/x.py": "import subprocess",
            "specs/x.py": "import logging",
            "templates/x.py": "def late():\n    import asyncio",
            "reconcilers/containers/x.py": "from paho.mqtt import client",
        },
        [
            "evenkeel.reconcilers.x -> subprocess (l.1)",
            "evenkeel.specs.x -> logging (l.1)",
            "evenkeel.templates.x -> asyncio (l.2)",
            "evenkeel.reconcilers.containers.x -> paho (l.1)",
        ],
    ),
    LAYERED: (
        {"specs/x.py": "import evenkeel.templates", "reconcilers/x.py": "from evenkeel import controller"},
        ["evenkeel.specs.x -> evenkeel.templates (l.1)", "evenkeel.reconcilers.x -> evenkeel.controller (l.1)"],
    ),
    MSGSPEC: (
        {"controller/wiring.py": "import msgspec", "reconcilers/x.py": "from msgspec import json"},
        ["evenkeel.controller.wiring -> msgspec (l.1)", "evenkeel.reconcilers.x -> msgspec (l.1)"],
    ),
    CLIENTS: (
        {
            "controller/wiring.py": "import h11",
            "controller/drivers/x.py": "import httpx",
            "controller/sinks/x.py": "from paho.mqtt import client",
            "controller/sources/x.py": "import watchfiles",
            "controller/drivers/provisioning/maker.py": "from cryptography import x509",
        },
        [
            "evenkeel.controller.wiring -> h11 (l.1)",
            "evenkeel.controller.drivers.x -> httpx (l.1)",
            "evenkeel.controller.sinks.x -> paho (l.1)",
            "evenkeel.controller.sources.x -> watchfiles (l.1)",
            "evenkeel.controller.drivers.provisioning.maker -> cryptography (l.1)",
        ],
    ),
    CEL: (
        {
            "reconcilers/preconditions/x.py": "import cel_expr_python",
            "controller/operations/x.py": "from cel_expr_python import cel",
        },
        [
            "evenkeel.reconcilers.preconditions.x -> cel_expr_python (l.1)",
            "evenkeel.controller.operations.x -> cel_expr_python (l.1)",
        ],
    ),
    ROOMS: (
        {
            "controller/journal/x.py": "import evenkeel.controller.loop",
            "controller/cycle/x.py": "import evenkeel.controller.agents",
            "controller/mqtt/x.py": "import evenkeel.controller.control",
            "controller/cupboard.py": "",
        },
        [
            "evenkeel.controller.journal.x -> evenkeel.controller.loop (l.1)",
            "evenkeel.controller.cycle.x -> evenkeel.controller.agents (l.1)",
            "evenkeel.controller.mqtt.x -> evenkeel.controller.control (l.1)",
            "- evenkeel.controller.cupboard",
        ],
    ),
    NO_DOMAIN: (
        {
            "controller/agents/x.py": "from evenkeel.reconcilers import containers",
            "controller/agents/y.py": "from evenkeel.controller.participants import containers",
            "controller/participants/x.py": "from evenkeel.specs import containers",
        },
        [
            "evenkeel.controller.agents.x -> evenkeel.reconcilers.containers (l.1)",
            "evenkeel.controller.agents.y -> evenkeel.controller.participants.containers",
            "evenkeel.controller.participants.x -> evenkeel.specs.containers (l.1)",
        ],
    ),
    WIRING: (
        {
            "controller/sources/x.py": "",
            "controller/loop/y.py": "from evenkeel.controller.sources import x\n"
            "from evenkeel.controller.drivers import registry",
            "controller/sinks/x.py": "",
            "controller/sinks/y.py": "from evenkeel.controller.sinks import x",
        },
        [
            "evenkeel.controller.loop.y -> evenkeel.controller.sources.x (l.1)",
            "evenkeel.controller.loop.y -> evenkeel.controller.drivers.registry (l.2)",
            "evenkeel.controller.sinks.y -> evenkeel.controller.sinks.x (l.1)",
        ],
    ),
}
"""For each contract: what is planted in one tree, and each import that must be named, for one that is not would hide."""


@pytest.mark.parametrize("contract", PLANTED)
def test_planted_imports_break_their_contract(tmp_path: Path, contract: str) -> None:
    files, imports = PLANTED[contract]
    done = lint_imports(plant(tmp_path, files))
    assert broken(done.stdout) == {contract}, done.stdout + done.stderr
    assert [each for each in imports if each not in done.stdout] == [], done.stdout


def test_strangers_that_know_each_other_break_two_contracts(tmp_path: Path) -> None:
    files = {"controller/sinks/x.py": "", "controller/sources/y.py": "from evenkeel.controller.sinks import x"}
    done = lint_imports(plant(tmp_path, files))
    assert broken(done.stdout) == {ROOMS, WIRING}, done.stdout + done.stderr


def test_drivers_of_two_domains_that_know_each_other_break_two_contracts(tmp_path: Path) -> None:
    files = {"controller/drivers/containers/x.py": "from evenkeel.controller.drivers import registry"}
    done = lint_imports(plant(tmp_path, files))
    assert broken(done.stdout) == {DRIVERS, WIRING}, done.stdout + done.stderr


def test_what_is_allowed_keeps_the_contracts(tmp_path: Path) -> None:
    done = lint_imports(
        plant(
            tmp_path,
            {
                "specs/codec.py": "import msgspec, ruamel.yaml",
                "reconcilers/containers/diff.py": "import evenkeel.specs.codec, evenkeel.templates",
                "controller/mqtt/link.py": "from paho.mqtt import client",
                "controller/drivers/containers/docker/wire.py": "import h11",
                "controller/drivers/containers/docker/driver.py": "import evenkeel.controller.drivers.containers.docker.wire",
                "controller/distribution/client.py": "import httpx",
                "controller/drivers/provisioning/certificates.py": "import cryptography",
                "controller/process/folders.py": "import watchfiles",
                "reconcilers/preconditions/cel.py": "import cel_expr_python",
                "controller/sources/files.py": "from evenkeel.controller.process import folders",
                "controller/sinks/jsonl.py": "from evenkeel.controller.process import atomic",
                "controller/wiring.py": "from evenkeel.controller.sources import files\n"
                "from evenkeel.controller.drivers.containers.docker import driver\n"
                "from evenkeel.controller.sinks import jsonl",
                "controller/cli.py": "from evenkeel.controller import wiring\nimport asyncio, click, rich",
            },
        )
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_domain_is_in_the_contract_that_keeps_domains_apart() -> None:
    domains = {f"evenkeel.reconcilers.{init.parent.name}" for init in (ROOT / "reconcilers").glob("*/__init__.py")}
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (apart,) = (contract for contract in contracts if contract["name"] == "domains do not know each other")
    assert set(apart["modules"]) == domains


class Said(NamedTuple):
    """A module's words: the full names that it imports, wherever in it; its texts, as far as they are a text of their own; and
    the names that it defines, imports or goes through."""

    imports: frozenset[str]
    texts: frozenset[str]
    names: frozenset[str]


@cache
def said_in(module: Path) -> Said:
    """Read once for all tests."""
    imports, texts, names = set[str](), set[str](), set[str]()
    for node in ast.walk(ast.parse(module.read_text())):
        match node:
            case ast.Import(names=found):
                imports |= {alias.name for alias in found}
            case ast.ImportFrom(module=str(source), names=found):
                imports |= {f"{source}.{alias.name}" for alias in found}
            case ast.Constant(value=str(text)):
                texts.add(text)
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.alias(name=name) | ast.Attribute(attr=name):
                names.add(name)
    return Said(frozenset(imports), frozenset(texts), frozenset(names))


def knowing(domain: str) -> set[str]:
    """The modules outside of a domain's rooms that import something from them."""
    packages = tuple(f"evenkeel.{room.replace('/', '.').removesuffix('py')}" for room in rooms(domain))
    outside = (module for module in MODULES if not name_of(module).startswith(rooms(domain)))
    return {name_of(each) for each in outside if any(f"{name}.".startswith(packages) for name in said_in(each).imports)}


def rooms(domain: str) -> tuple[str, ...]:
    """How the names of a domain's own modules begin."""
    places = ("specs", "reconcilers", "controller/drivers", "controller/participants")
    places += ("controller/cli/subjects", "controller/doctor/checks")
    return (*(f"{place}/{domain}{end}" for place in places for end in ("/", ".py")), f"templates/{domain}_")


def listed_lines() -> tuple[set[str], dict[str, set[str]]]:
    """The places that docs/architecture.md lists: those that every domain has lines in, and by domain further ones."""
    section = (ROOT / "docs/architecture.md").read_text().partition("### Lines outside of a domain's rooms")[2]
    every, *more = re.split(r"\| where \| about (\w+) \|", section.partition("\n## ")[0])
    return _places_in(every), dict(zip(more[::2], map(_places_in, more[1::2]), strict=True))


def _places_in(table: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", " ".join(re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE))))


LINES = {
    "specs/desired.py",
    "specs/documents/kinds.py",
    "controller/wiring.py",
    "controller/cli/subjects/",
    "pyproject.toml",
}


class Traces(NamedTuple):
    """How a module shows that it knows a domain, beside an import from its rooms: it has one of these texts, or names.
    `others`: where such a text has another meaning."""

    texts: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()


TRACES = {
    "files": Traces(
        frozenset({"File", "files"}),
        # `"files"` is the role of what spec files ask for, as against what messages do, and a certificate that is given.
        others=frozenset(
            {
                *("controller/journal", "controller/cli", "controller/loop", "templates/status_text.py"),
                *(f"{layer}/provisioning/" for layer in ("specs", "reconcilers", "controller/drivers")),
                "templates/provisioning_described.py",
            }
        ),
    ),
    "containers": Traces(),
    "slots": Traces(
        frozenset({"OperatingSystem", "slots"}),
        # `"slots"` is a section of the settings, and a command.
        others=frozenset({"controller/settings/update_manager_config.py", "controller/cli/__init__.py"}),
    ),
    "provisioning": Traces(frozenset({"Provisioning", "provisioning"})),
    "registries": Traces(
        frozenset({"Registry", "registries"}),
        # The gate for pulls, their credentials, and Kanto's file as a source.
        frozenset(
            {"Opening", "opening", "Openings", "openings", "is_fetched_from", "credentials_of_pull", "decode_kanto"}
        ),
        # An argument of a command's line.
        frozenset({"controller/cli/__init__.py"}),
    ),
}
"""For each domain. A domain with no further places in docs/architecture.md may leave none in any module."""


@pytest.mark.parametrize("domain", TRACES)
def test_the_lines_outside_of_a_domains_rooms_are_listed(domain: str) -> None:
    every, further = listed_lines()
    assert every == LINES
    assert set(further) <= set(TRACES)
    texts, names, others = TRACES[domain]
    by_words = {name_of(each) for each in MODULES if said_in(each).texts & texts or said_in(each).names & names}
    known = knowing(domain) | by_words
    listed = further.get(domain, set())
    outside = {name for name in known if not name.startswith((*every, *rooms(domain), *others))}
    assert {name for name in outside if not name.startswith(tuple(listed))} == set()
    assert {place for place in listed if not any(name.startswith(place) for name in outside)} == set()


def test_no_line_is_listed_for_nothing() -> None:
    """The example has all of them."""
    further = tuple(listed_lines()[1]["files"])
    known = (name for name in knowing("files") if not name.startswith(further))
    found = {"controller/cli/subjects/" if "cli/subjects/" in name else name for name in known}
    assert {*found, "pyproject.toml"} == LINES


def test_every_domain_has_its_traces() -> None:
    assert set(TRACES) == {init.parent.name for init in (ROOT / "controller/drivers").glob("*/__init__.py")}


def test_every_domain_has_its_lines_in_the_import_contracts() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    of = {contract["name"]: contract for contract in contracts}
    domains = {init.parent.name for init in (ROOT / "controller/drivers").glob("*/__init__.py")}
    assert domains >= {"containers", "files"}
    for domain in domains:
        assert f"evenkeel.controller.drivers.{domain}" in of[DRIVERS]["modules"]
        assert {f"evenkeel.specs.{domain}", f"evenkeel.reconcilers.{domain}"} <= set(of[NO_DOMAIN]["forbidden_modules"])


IMPURE = {
    "open": ("open('x')", "PTH123"),
    "path": ("import pathlib\n\npathlib.Path('x').read_text()", "TID251"),
    "environment": ("import os\n\nos.environ['x']", "TID251"),
    "now": ("from datetime import UTC, datetime\n\ndatetime.now(UTC)", "TID251"),
    "clock": ("import time", "TID251"),
}


def test_ruff_keeps_pure_folders_pure(tmp_path: Path) -> None:
    """One call over a tree with every violation in every pure folder; each must be named."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    wanted = set()
    for folder in ("specs", "templates", "reconcilers/containers"):
        for name, (source, rule) in IMPURE.items():
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / f"{name}.py").write_text(source)
            wanted.add((f"{folder}/{name}.py", rule))
    done = run(BIN / "ruff", "check", "--no-cache", "--output-format=concise", ".", cwd=tmp_path)
    named = set(re.findall(r"^([\w/]+\.py):\d+:\d+: (\w+)", done.stdout, re.MULTILINE))
    assert wanted <= named, done.stdout + done.stderr


def test_ruff_lets_the_controller_have_a_clock_and_files() -> None:
    source = "import time\nfrom pathlib import Path\n\nPath('x').write_text(str(time.monotonic()))\n"
    done = run(BIN / "ruff", "check", "--stdin-filename=controller/x.py", "-", stdin=source)
    assert done.returncode == 0, done.stdout + done.stderr
