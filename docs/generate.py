"""Write the pages of docs/reference that follow from the code: the spec, the commands, the settings.

`make docs` runs it; tests/docs holds the pages to what it would write. `--check` writes nothing and says which differ. Text
beside the tables of a page is written here, because a page is either made or written, never both.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / ".dev"))  # a fresh clone is documented without being installed

import click

from evenkeel.controller.cli import SUMMARIES, commands
from evenkeel.controller.cli.options import Options
from evenkeel.specs.documents.schema import reference
from evenkeel.specs.name import NAME_PATTERN
from evenkeel.specs.reading.quantity import DURATION_PATTERN
from evenkeel.specs.settings import doctor as doctor_module
from evenkeel.specs.settings import mqtt as mqtt_module
from evenkeel.specs.settings import settings as settings_module
from evenkeel.specs.settings import slots as slots_module
from evenkeel.specs.settings import update_manager as update_manager_module
from evenkeel.specs.settings.settings import Settings, SettingsSpec
from evenkeel.specs.values import VALUES
from evenkeel.templates.render import render

FOLDER = Path(__file__).parent / "reference"
MADE = "<!-- Made by `make docs`; do not edit. -->\n\n"


def pages() -> dict[str, str]:
    """File names in docs/reference, and what they hold."""
    return {"spec.md": spec_page(), "cli.md": cli_page(), "settings.md": settings_page()}


def main(arguments: list[str]) -> int:
    """Write all pages, or with `--check` only say which are out of date."""
    stale = []
    for name, text in pages().items():
        path = FOLDER / name
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if "--check" not in arguments:
            path.write_text(text)
    for name in stale:
        print(f"docs/reference/{name} {'is out of date' if '--check' in arguments else 'written'}")
    return 1 if stale and "--check" in arguments else 0


# --- the spec ---------------------------------------------------------------------------------------------------------


_FILE_EXAMPLES = ("configuration", "copies")
_GROUP_EXAMPLES = ("baselines",)
_EXAMPLES = ("image", "environment", "network", "storage", "resources", "rights", "lifecycle", "order", "system")
_VALUES_HEAD = """\
## Values of an identity

A document of kind `Provisioning` has these values. Templates of its `outputs` name them, and so do variables of containers:

```yaml
apiVersion: evenkeel/v1
kind: Provisioning
metadata: {name: azure}
spec:
  azure: {connectionString: /etc/evenkeel/secrets/azure}
---
apiVersion: evenkeel/v1
kind: Container
metadata: {name: cloud-connector}
spec:
  image: ghcr.io/example/cloud-connector:1
  env:
    CONNECTION_STRING: {valueFrom: {provisioning: azure, value: connectionString}}
```

The container is created with the value that is handed out then, and waits for one that is not there yet. With another value
it is created anew. A value that is not handed out any more changes nothing. The value of such a variable is never shown, not by
`--show-values` either, and stands in no plan, label, log or report. Whoever may ask the engine can read it there. Paths are
those of the host: the container has to mount the folder.

| value | | secret |
|---|---|---|
"""
_SPEC_TEXTS = """\
## Texts

| type | form | examples |
|---|---|---|
| name | letters, digits and `_ . -`, beginning with a letter, a digit or `_`; up to 200 | `seat-service` |
| size | a number, and `K`, `M` or `G` (1024, 1024², 1024³) | `64M`, `1.5G` |
| duration | numbers with `h`, `m`, `s`, `ms`, `us` | `30s`, `1m30s`, `500ms` |
| image | `[registry/]repository[:tag][@digest]` | `nginx` (short for `docker.io/library/nginx:latest`) |

Order in lists counts for `command` and `health.exec` only. A missing key has the default of the table. Lines and files do
not count either: moving a document to another file changes nothing.

Besides shape, combinations are checked. Errors are, among others: `ports` with `network: host`; `devices` or `capabilities`
with `privileged`; a reservation above `memory`; `memorySwap` below `memory` or without it; a destination that is mounted
twice; a host port that is given twice; `maxRetries` without `policy: on-failure`; `dependsOn` that names no container of the
specs, or goes in a circle; `condition: completed` for a container without `runOnce`; `runOnce` with a restart policy that never
lets it end, or with `health`; a name that two documents of one kind have, in whatever files (a `Container` and a `File` may
have the same); a `path` of two files; a group without members; a container or a file that is in two groups.

`dependsOn`, `runOnce` and `maxUnavailable` are explained in [howto/order.md](../howto/order.md).

Engines and some of these keys: [engines.md](../engines.md).

## Kanto's documents

A file may also hold a Kanto desired state or a Kanto container manifest, as they are; see
[howto/migrate-from-kanto.md](../howto/migrate-from-kanto.md).

## Examples

The files of [examples/containers](../../examples/containers), [examples/files](../../examples/files),
[examples/slots](../../examples/slots) and [examples/groups](../../examples/groups), as they are.
"""


def spec_page() -> str:
    """What `evenkeel schema --reference` prints, the texts that it names, and the examples."""
    tables = re.sub(r"\n{3,}", "\n\n", render("reference.md.j2", {"kinds": reference()})).rstrip()
    folder = Path(__file__).parents[1] / "examples"
    named = [folder / "containers" / name for name in _EXAMPLES] + [folder / "files" / name for name in _FILE_EXAMPLES]
    named += [folder / "slots" / "os"]
    named += [folder / "groups" / name for name in _GROUP_EXAMPLES]
    shown = [f"### {path.name}\n\n```yaml\n{path.with_suffix('.yaml').read_text().rstrip()}\n```" for path in named]
    return "\n\n".join([MADE.rstrip(), tables, _values(), _SPEC_TEXTS.rstrip(), *shown]) + "\n"


def _values() -> str:
    """The values that identities have for others."""
    rows = "\n".join(f"| `{name}` | {each.text} | {'yes' if each.is_secret else ''} |" for name, each in VALUES.items())
    return f"{_VALUES_HEAD}{rows}"


# --- the commands -----------------------------------------------------------------------------------------------------

_CLI_HEAD = """\
# Commands

`evenkeel` is one command with subcommands. `evenkeel COMMAND --help` says the same as this page.

| command | |
|---|---|
"""
_EXIT_CODES = """\
## Exit codes

| code | meaning |
|---|---|
| 0 | well |
| 1 | an error, a wrong call included, said on standard error; or "no", from `status --check`, `validate`, `apply`, `doctor` |
| 2 | only from `plan`: there is something to do |
| 130 | stopped by Ctrl-C |

## Environment

| variable | meaning |
|---|---|
| `EVENKEEL_CONFIG` | as `--config` |
| `EVENKEEL_STATE` | as `--state` |
| `EVENKEEL_DEBUG` | not empty: show the traceback of an error |
| `NO_COLOR` | not empty: no colours on a terminal |
| `DOCKER_CONFIG` | folder of the `config.json` with credentials for registries, unless the settings name one |
| `NOTIFY_SOCKET`, `WATCHDOG_USEC` | set by systemd, read by `evenkeel run` |
"""


_SHARED = """\
They may stand before or after the name of the command. Below it says which of them mean something to a command; the others are
taken and change nothing there."""


def cli_page() -> str:
    """Every command with its own options; those that all share stand once, on top."""
    root = click.Context(commands, info_name="evenkeel", **commands.context_settings)
    shared = {param.name for param in commands.get_params(root)}
    lines = [MADE + _CLI_HEAD.rstrip()]
    lines += [f"| [`{name}`](#evenkeel-{name}) | {summary} |" for name, summary in SUMMARIES.items()]
    lines += ["", "## Shared options", "", _SHARED, ""]
    lines += list(_options(commands, root, set()))
    for name in SUMMARIES:
        command = commands.get_command(root, name)
        assert command is not None
        lines += _command(command, name, root, shared, "##")
    return "\n".join(lines) + "\n\n" + _EXIT_CODES


def _command(
    command: click.Command, name: str, above: click.Context, shared: set[str | None], head: str
) -> Iterator[str]:
    """A command with its own options, and its subcommands below it."""
    inner = click.Context(command, info_name=name, parent=above)
    whole = inner.command_path
    yield from ("", f"{head} {whole}", "", "```text")
    yield from (" ".join([whole, *command.collect_usage_pieces(inner)]), "```", "")
    yield _prose(command.help or "")
    own = list(_options(command, inner, shared))
    yield from ["", *own] if own else []
    offered = [f"`{param.opts[-1]}`" for param in _shown(command, inner) if param.name in Options._fields]
    yield from ["", f"Shared options: {', '.join(offered)}."] if offered else []
    for each, subcommand in command.commands.items() if isinstance(command, click.Group) else ():
        yield from _command(subcommand, each, inner, shared, f"{head}#")


def _prose(text: str) -> str:
    """Paragraphs of a help text as Markdown; those that click is told not to wrap are shown as they are."""
    paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(text))
    found = []
    for paragraph in paragraphs:
        if paragraph.startswith("\b"):
            found.append("```text\n" + inspect.cleandoc(paragraph.removeprefix("\b")) + "\n```")
        else:
            found.append(" ".join(paragraph.split()))
    return "\n\n".join(found)


def _shown(command: click.Command, context: click.Context) -> Iterator[click.Parameter]:
    for param in command.get_params(context):
        record = param.get_help_record(context)
        if record is not None and record[1]:
            yield param


def _options(command: click.Command, context: click.Context, but: set[str | None]) -> Iterator[str]:
    """The rows of a table; nothing when there is no option of its own."""
    records = (param.get_help_record(context) for param in _shown(command, context) if param.name not in but)
    rows = [f"| `{_cell(record[0])}` | {_cell(record[1])} |" for record in records if record is not None]
    if rows:
        yield from ("| option | meaning |", "|---|---|", *rows)


# --- the settings -----------------------------------------------------------------------------------------------------

_SETTINGS_HEAD = """\
# Settings

The decisions of an operator about evenkeel itself, in `/etc/evenkeel/config.yaml` (YAML or JSON; `--config` and
`EVENKEEL_CONFIG` name another file). Every key may be left out. Unknown keys and wrong values are errors, all of them
reported with their lines, and evenkeel does not start. `--specs`, `--state`, `--engine`, `--docker-address` and
`--verbose` take precedence over the file. A running controller reads the file only when it starts.

A whole file with comments: [examples/config.yaml](../../examples/config.yaml). The keys of `mqtt` and `updateAgent`:
[howto/mqtt.md](../howto/mqtt.md). The configuration of Kanto's update manager in the place of `updateManager`:
[howto/migrate-from-kanto.md](../howto/migrate-from-kanto.md#6-kantos-update-manager-replaced).
"""
_TEXTS = {NAME_PATTERN: "name", DURATION_PATTERN: "duration", "^/": "absolute path"}
_MODULES = (settings_module, mqtt_module, slots_module, update_manager_module, doctor_module)
_ANY = {"agents": "<domain>", "values": "<name>"}
"""Stands for the names in a section that has one part for each of them."""


class Field(NamedTuple):
    """One key: its dotted path, what it may be, its default, its meaning, and why the default is what it is."""

    path: str
    kind: str
    default: str
    meaning: str
    why: str


def settings_page() -> str:
    """One table for the keys at the top, and one for each section."""
    sections: dict[str, list[Field]] = {}
    for field in _fields(SettingsSpec, Settings, ""):
        sections.setdefault(field.path.rpartition(".")[0], []).append(field)
    lines = [MADE + _SETTINGS_HEAD.rstrip()]
    for section in sections:
        title = f"`{section}`" if section else "The file"
        lines += ["", f"## {title}", "", _section_text(section), ""]
        lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
        for field in sections[section]:
            meaning = " ".join([field.meaning, *_news(field.meaning, field.why)])
            lines.append(f"| `{field.path}` | {field.kind} | {field.default} | {_cell(meaning)} |")
    return "\n".join(lines) + "\n"


def _section_text(section: str) -> str:
    here: Any = SettingsSpec
    for key in section.split(".") if section else ():
        if key in _ANY.values():
            continue
        names = dict(zip(here.__struct_encode_fields__, here.__struct_fields__, strict=True))
        here = _struct_of(_hints(here)[names[key]])
    return inspect.cleandoc(here.__doc__ or "")


def _fields(spec: Any, noun: Any, path: str) -> Iterator[Field]:
    """The keys below a written section, depth first; `noun` is the same section as the controller knows it."""
    hints, nouns, reasons = _hints(spec), _hints(noun), _reasons(noun.__name__)
    defaults = spec.__struct_defaults__
    missing = len(spec.__struct_fields__) - len(defaults)
    inner: list[tuple[Any, Any, str]] = []
    for index, (name, key) in enumerate(zip(spec.__struct_fields__, spec.__struct_encode_fields__, strict=True)):
        below = f"{path}{key}"
        struct = _struct_of(hints[name])
        if struct is not None:
            inner.append(
                (struct, _struct_of(nouns[name]), f"{below}.{_ANY[key]}." if _is_mapping(hints[name]) else f"{below}.")
            )
            continue
        default = defaults[index - missing] if index >= missing else ...
        why = reasons.get(name, "")
        yield Field(below, _kind(hints[name]), _default(default), _meaning(hints[name]), why)
    for struct, other, below in inner:
        yield from _fields(struct, other, below)


def _hints(struct: Any) -> dict[str, Any]:
    return typing.get_type_hints(struct, include_extras=True)


def _parts(hint: Any) -> tuple[Any, list[Any]]:
    """A type without its notes, and the notes."""
    if typing.get_origin(hint) is typing.Annotated:
        bare, *notes = typing.get_args(hint)
        return bare, notes
    return hint, []


def _struct_of(hint: Any) -> Any:
    """The section that a key holds, by itself or under names; `None` for a plain value."""
    bare, _ = _parts(hint)
    if _is_mapping(hint):
        return _struct_of(typing.get_args(bare)[1])
    members = typing.get_args(bare) if typing.get_origin(bare) in (types.UnionType, typing.Union) else (bare,)
    return next((each for each in members if hasattr(each, "__struct_fields__")), None)


def _is_mapping(hint: Any) -> bool:
    return typing.get_origin(_parts(hint)[0]) in (dict, Mapping)


def _kind(hint: Any) -> str:
    bare, notes = _parts(hint)
    origin, arguments = typing.get_origin(bare), typing.get_args(bare)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_kind(each) for each in arguments if each is not type(None))
    if origin is Literal:
        return " or ".join(f"`{each}`" for each in arguments)
    if origin is tuple:
        return f"list of {_kind(arguments[0])}"
    if bare is bool:
        return "true or false"
    if bare is int:
        least, most = (
            next((getattr(n, name) for n in notes if getattr(n, name) is not None), None) for name in ("ge", "le")
        )
        return "number" if least is None else f"number from {least} to {most}"
    pattern = next((note.pattern for note in notes if note.pattern), "")
    return _TEXTS.get(pattern, "text")


def _meaning(hint: Any) -> str:
    _, notes = _parts(hint)
    bare, _ = _parts(hint)
    if not notes and typing.get_origin(bare) in (types.UnionType, typing.Union):
        return " ".join(_meaning(each) for each in typing.get_args(bare))
    return next((note.description for note in reversed(notes) if note.description), "")


def _default(value: Any) -> str:
    if value is ...:
        return "required"
    if value in (None, "", ()):
        return "none"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _news(meaning: str, why: str) -> Iterator[str]:
    """The sentences of a reason that say more than the meaning did, to somebody who does not read code."""
    for sentence in re.split(r"(?<=\.) ", why):
        known = sentence[:12].lower() == meaning[:12].lower() or sentence.startswith(("Absolute path", "An absolute"))
        if sentence and not known and not re.search(r"`\w+_\w+`", sentence):
            yield sentence


def _reasons(noun: str) -> dict[str, str]:
    """The text below each field of a noun, which says why its default is what it is."""
    found: dict[str, str] = {}
    for module in _MODULES:
        tree = ast.parse(inspect.getsource(module))
        for definition in tree.body:
            if not isinstance(definition, ast.ClassDef) or definition.name != noun:
                continue
            for field, text in zip(definition.body, definition.body[1:], strict=False):
                if (
                    isinstance(field, ast.AnnAssign)
                    and isinstance(field.target, ast.Name)
                    and isinstance(text, ast.Expr)
                ):
                    found[field.target.id] = " ".join(str(ast.literal_eval(text.value)).split())
    return found


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
