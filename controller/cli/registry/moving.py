"""`evenkeel registry import` and `export`: registries from and to the files of Docker, Podman and Kanto."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from evenkeel.controller.cli.options import Options, output_option, shared_options
from evenkeel.controller.cli.output import echo, echo_lines, echo_value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from evenkeel.controller.cli.registry.spec_file import Asking, Change
    from evenkeel.specs.problem import Flaw
    from evenkeel.specs.reading.tree import Value
    from evenkeel.specs.registries.entry import Entry, Form
    from evenkeel.specs.registries.registry import Registry
    from evenkeel.specs.settings.settings import Settings

_FILE = click.Path(dir_okay=False)
_SECTIONS = ("auths", "credHelpers", "credsStore", "containers")
"""Keys below which a file of another program has registries."""


@click.command("import")
@click.argument("source", metavar="FILE", type=_FILE)
@click.option("--reference", is_flag=True, help="Leave the passwords in FILE, which is read at each pull from then on.")
@click.option("--replace", is_flag=True, help="Change registries that are asked for already.")
@click.option(
    "--file",
    type=_FILE,
    default="",
    help="The spec file, one of the specs. Default: registries.yaml in their first folder.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output_option
@shared_options("config", "state", "specs")
def import_command(
    options: Options, source: str, reference: bool, replace: bool, file: str, yes: bool, output: str
) -> int:
    """Ask for the registries of another program's file.

    FILE is a config.json of Docker, an auth.json of Podman, or the config.json of Kanto's container-management; which one it is
    shows from its keys. Each password goes into a file of its own that only its owner may read. With --reference it stays in
    FILE. Entries that let nobody in, tokens, and what does not count beside another source of credentials are named on standard
    error and left out.

    Kanto's file can also be named in the settings (`registries.kanto`): then what changes there is followed.

    Exit code: 0; 1 when FILE is none of these, or nobody has agreed.
    """
    from pathlib import Path

    from evenkeel.controller.cli.registry.spec_file import carry_out, check, read_state, registries

    settings = options.settings()
    path = Path(source).absolute()
    flaws: list[Flaw] = []
    entries = _entries(path, flaws, copies=not reference)
    _say(path, flaws)
    found = registries(read_state(settings))
    change = _imported(settings, path, entries, found, file, reference=reference, replace=replace)
    check(settings, change)
    return carry_out(settings, change, yes=yes, output=output)


@click.command("export")
@click.option("--format", "form", type=click.Choice(["docker", "podman", "kanto"]), required=True, help="The form.")
@click.argument("target", metavar="[FILE]", required=False, type=_FILE)
@output_option
@shared_options("config", "state", "specs")
def export_command(options: Options, form: Any, target: str | None, output: str) -> int:
    """Write the registries that the specs ask for into another program's file.

    All else in FILE stays as it is written there, and so do entries of others, also of registries that nobody asks for any
    more; those of Kanto's file are named on standard error. Of Kanto's entries the `transport` stays, too.
    An entry takes the place of the former one for the same host, and of a helper. FILE has passwords in it then, and only its
    owner may read it. Without FILE the result is printed, with the passwords hidden. The rest, which that program cannot be
    told there, such as certificates and mirrors, is named on standard error, with the place where it belongs.

    Exit code: 0; 1 when FILE cannot be read as such a file, which is never overwritten, or a password cannot be had.
    """
    from evenkeel.controller.cli.registry.spec_file import read_state, registries
    from evenkeel.controller.registries_wiring import secret_entry

    settings = options.settings()
    flaws: list[Flaw] = []
    wanted = [each.registry for each in registries(read_state(settings))]
    if target is None:
        text = _text("", form, [_hidden(each) for each in wanted], flaws, "-")
        if output == "text":
            echo_lines(text.rstrip("\n"))
        else:
            echo_value(_value(None, form, "", text), output)
        _say(None, flaws)
        return 0
    from pathlib import Path

    path = Path(target).absolute()
    entries = [secret_entry(each) for each in wanted]
    return _exported(path, form, entries, flaws, output)


def _exported(path: Path, form: Form, entries: Sequence[Entry], flaws: list[Flaw], output: str) -> int:
    from evenkeel.controller.cli.registry.spec_file import text_of
    from evenkeel.controller.process.replacing import replace_private

    if path.name == "-":
        raise click.UsageError("FILE: expected a file; without one the result is printed, with the passwords hidden")
    before = text_of(path)
    after = _text(before, form, entries, flaws, str(path))
    _say(path, flaws)
    if after != before:
        replace_private(path, after.encode())
    if output != "text":
        echo_value(_value(path, form, before, after), output)
    elif after == before:
        echo(f"{path} has it all already.")
    else:
        echo(f"Wrote {path}, which only its owner may read.")
    return 0


def _value(path: Path | None, form: Form, before: str, after: str) -> dict[str, Any]:
    """An export for programs: the places whose entries change. No entry is told, because it may have a secret. `path`:
    `None` when nothing is written; then the content is told, in which secrets are hidden."""
    import json

    old, new = (_by_place(text, form) for text in (before, after))
    changes = [
        {"place": place, "change": "changed" if place in old else "added"}
        for place, entry in new.items()
        if entry != old.get(place)
    ]
    head = {"apiVersion": "evenkeel/v1", "kind": "RegistryExport", "format": form}
    content = json.loads(after) if path is None else None
    is_written = path is not None and after != before
    return {**head, "file": str(path) if path else None, "changes": changes, "content": content, "written": is_written}


def _by_place(text: str, form: Form) -> dict[str, Entry]:
    from evenkeel.specs.kanto.registries import kanto_entries
    from evenkeel.specs.reading.sound import foreign_json
    from evenkeel.specs.registries.entry import docker_entries

    value = foreign_json(text.encode()) if text.strip() else {}
    found = kanto_entries(value, []) if form == "kanto" else docker_entries(value, [], copies=False)
    return {each.place: each for each in found}


def _text(before: str, form: Form, entries: Sequence[Entry], flaws: list[Flaw], name: str) -> str:
    from evenkeel.specs.errors import EvenkeelError
    from evenkeel.specs.kanto.registries import kanto_text, staying
    from evenkeel.specs.registries.entry import docker_text

    try:
        if form != "kanto":
            return docker_text(before, entries, flaws, form)
        after = kanto_text(before, entries, flaws)
        flaws.extend(staying(before, entries))
        return after
    except ValueError as error:
        raise EvenkeelError(f"file:{name}", f"is no such file, and stays as it is: {error}") from None


def _hidden(registry: Registry) -> Entry:
    """The text to be written, with words in the place of the secret."""
    from evenkeel.specs.reading.secrecy import HIDDEN
    from evenkeel.specs.registries.document_text import entry_of

    found = entry_of(registry)
    if registry.password_file or registry.config:
        return found._replace(user=registry.user or HIDDEN, password=HIDDEN)
    return found


def _say(path: Path | None, flaws: Sequence[Flaw]) -> None:
    """Print warnings; SpecError for errors."""
    from evenkeel.specs.errors import SpecError
    from evenkeel.specs.problem import Place, Problem, errors, path_text, problem_text
    from evenkeel.specs.registries.entry import shown_keys

    place = Place(str(path) if path is not None else "")
    found = []
    for flaw in flaws:
        severity: Any = "warning" if flaw.warning else "error"
        found.append(Problem(place, path_text(shown_keys(flaw.path)), flaw.message, flaw.hint, severity))
    if errors(found):
        raise SpecError(f"file:{path}", found)
    for problem in found:
        echo(problem_text(problem), err=True)


def _entries(path: Path, flaws: list[Flaw], *, copies: bool) -> tuple[Entry, ...]:
    from evenkeel.specs.errors import EvenkeelError
    from evenkeel.specs.kanto.registries import kanto_entries
    from evenkeel.specs.problem import Flaw
    from evenkeel.specs.reading.sound import sound, unsound_paths
    from evenkeel.specs.registries.entry import docker_entries, form_of

    written = _json(path)
    value: Value = sound(written)
    form = form_of(value)
    if form is None:
        hint = "expected `auths`, `credHelpers` or `credsStore` (Docker, Podman), or `containers` (Kanto)"
        raise EvenkeelError(f"file:{path}", f"no registries are in it: {hint}")
    for each in unsound_paths(written):
        if each[0] in _SECTIONS:
            message = "it has half of a character, which no text can have; U+FFFD is taken in its place, as Docker does"
            flaws.append(Flaw(each, message, "correct it there", warning=True))
    return kanto_entries(value, flaws) if form == "kanto" else docker_entries(value, flaws, copies=copies)


def _json(path: Path) -> Value:
    """The plain values of a file, with halves of characters where it has some. EvenkeelError where it is no JSON."""
    import json

    from evenkeel.controller.process.bounded import read_bounded
    from evenkeel.specs.errors import EvenkeelError

    try:
        value: Value = json.loads(read_bounded(path).decode())
    except FileNotFoundError:
        raise EvenkeelError(f"file:{path}", "there is no such file") from None
    except (ValueError, RecursionError):
        raise EvenkeelError(f"file:{path}", "is no JSON") from None
    return value


def _imported(
    settings: Settings,
    source: Path,
    entries: Sequence[Entry],
    found: Sequence[Asking],
    file: str,
    *,
    reference: bool,
    replace: bool,
) -> Change:
    from evenkeel.controller.cli.registry.spec_file import Change, DocumentChange, secret_file, spec_file, text_of
    from evenkeel.specs.errors import EvenkeelError
    from evenkeel.specs.problem import place_text
    from evenkeel.specs.registries.document_text import with_document, written_spec
    from evenkeel.specs.registries.entry import subject_names
    from evenkeel.specs.registries.login import is_password

    target = spec_file(settings, file)
    known = {each.registry.place: each for each in found}
    names = dict(subject_names((each.place for each in entries), {each.registry.name for each in found}))
    names |= {place: each.registry.name for place, each in known.items()}
    before = after = text_of(target)
    secrets: dict[Path, bytes] = {}
    documents: list[DocumentChange] = []
    for entry in entries:
        name, other = names[entry.place], known.get(entry.place)
        if entry.token and not reference:
            echo(f"Note: {entry.place}: its secret is an identity token; --reference leaves it in the file", err=True)
            continue
        secret = secret_file(settings, name)
        registry = _registry(entry, name, source if reference else None, secret)
        if other is not None and not _is_new(registry, other.registry):
            registry = other.registry
        elif other is not None and (not replace or other.document.place.file != str(target)):
            where = place_text(other.document.place)
            hint = "--replace changes it" if other.document.place.file == str(target) else "change it there"
            raise EvenkeelError(f"registry:{entry.place}", f"it is asked for already, at {where}; {hint}")
        if entry.password and registry.password_file == str(secret):
            if not is_password(entry.password):
                why = "its password has more than one line, or control characters, and no login can express that"
                raise EvenkeelError(f"registry:{entry.place}", f"{why}; correct it in {source}")
            secrets[secret] = f"{entry.password}\n".encode()
        former = other.registry if other is not None else None
        if registry is not former:
            after = with_document(after, name, written_spec(registry))
            documents.append(DocumentChange(former, registry))
    return Change(target, before, after, tuple(documents), secrets)


def _registry(entry: Entry, name: str, source: Path | None, secret: Path) -> Registry:
    from evenkeel.specs.registries.registry import Registry

    keeps = bool(entry.password or entry.helper) and source is not None
    copies = bool(entry.password) and source is None
    return Registry(
        name,
        entry.place,
        user=entry.user if copies else "",
        password_file=str(secret) if copies else "",
        helper=entry.helper if not keeps else "",
        config=str(source) if keeps else "",
        ca=entry.ca,
        certificate=entry.certificate,
        key=entry.key,
        insecure=entry.insecure,
    )


def _is_new(registry: Registry, known: Registry) -> bool:
    """Whether an import says anything else; mirrors and realms are not in such a file."""
    from evenkeel.specs.codec import changed

    return changed(registry, mirrors=known.mirrors, realms=known.realms) != known
