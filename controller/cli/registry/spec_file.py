"""The registries that spec files and Kanto's files ask for now, and the change of a spec file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from evenkeel.controller.cli.consent import consents
from evenkeel.controller.cli.output import echo, echo_value
from evenkeel.controller.cli.spec_text import check_text, differing_lines, file_for, holds, write
from evenkeel.controller.cli.spec_text import read_state as read_state
from evenkeel.controller.cli.spec_text import text_of as text_of
from evenkeel.specs.errors import EvenkeelError
from evenkeel.specs.problem import nearest

if TYPE_CHECKING:
    from evenkeel.specs.desired import DesiredState, Document
    from evenkeel.specs.registries.registry import Registry
    from evenkeel.specs.settings.settings import Settings

FILE = "registries.yaml"
_SECRETS = ("secrets", "registries")


class Asking(NamedTuple):
    """A registry that is asked for, with its document."""

    registry: Registry
    document: Document


class DocumentChange(NamedTuple):
    """The change of one document. `before` is `None` for a new one, `after` for one that is removed."""

    before: Registry | None
    after: Registry | None

    @property
    def registry(self) -> Registry:
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def word(self) -> str:
        """The change, as programs are told of it."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


class Change(NamedTuple):
    """A change of a spec file: its text `before` and `after`, and the `documents` that change in it. `secrets`: files of
    passwords with their content; `gone`: those that are not needed any more."""

    file: Path
    before: str
    after: str
    documents: tuple[DocumentChange, ...]
    secrets: Mapping[Path, bytes] = {}
    gone: tuple[Path, ...] = ()


def registries(state: DesiredState) -> tuple[Asking, ...]:
    """The registries of a state, in order of name."""
    from evenkeel.reconcilers.registries.select import select

    return tuple(Asking(*each) for each in select(state).documents)


def named(word: str, found: Iterable[Asking]) -> Asking:
    """The registry of this name, or of this place. EvenkeelError with the nearest one."""
    from evenkeel.specs.reading.secrecy import shown_host
    from evenkeel.specs.registries.registry import normal_place

    found = tuple(found)
    try:
        place = normal_place(word)
    except ValueError:
        place = ""
    for each in found:
        if word == each.registry.name or place == each.registry.place:
            return each
    near = nearest(word, {name for each in found for name in (each.registry.name, each.registry.place)})
    why = "no registry of this name or host is asked for"
    raise EvenkeelError(f"registry:{shown_host(word)}", f"{why}; {near}" if near else why)


def spec_file(settings: Settings, given: str) -> Path:
    """The file for new documents: the one that is given, else `registries.yaml` in the first folder of the specs."""
    return file_for(settings, given, FILE)


def secret_file(settings: Settings, name: str) -> Path:
    """The file of a password, by the name of the document."""
    return Path(settings.state).joinpath(*_SECRETS, name)


def is_own_secret(settings: Settings, path: str) -> bool:
    """Whether a file of a password is one that these commands have made."""
    return bool(path) and Path(path).parent == Path(settings.state).joinpath(*_SECRETS)


def check(settings: Settings, change: Change) -> None:
    """SpecError with the problems that the specs would have with a change, and do not have without it."""
    check_text(settings, change.file, change.after)


def carry_out(settings: Settings, change: Change, *, yes: bool, output: str = "text") -> int:
    """Show a change that was checked, ask, and do it; the exit code. Unless `output` is "text", standard output has nothing but
    one value, which says what has changed."""
    is_text = output == "text"
    secrets = {file: content for file, content in change.secrets.items() if not holds(file, content)}
    value = None if is_text else _value(change, secrets)
    has_changes = change.before != change.after or bool(secrets)
    if has_changes and (is_text or not yes):
        _show(change, secrets, err=not is_text)
    is_agreed = not has_changes or yes or consents(err=not is_text)
    told = False
    if has_changes and is_agreed:
        from evenkeel.controller.control.ask import ask_to_look_again

        write(change.file, change.before, change.after, secrets, change.gone)
        told = ask_to_look_again(Path(settings.state))
    if value is not None:
        echo_value({**value, "written": has_changes and is_agreed, "controllerTold": told}, output)
    elif not has_changes:
        echo("Nothing changes.")
    elif is_agreed:
        echo("Done." if told else "Done. `evenkeel plan` shows what follows from it.")
    return int(not is_agreed)


def _value(change: Change, secrets: Mapping[Path, bytes]) -> dict[str, Any]:
    """A change for programs. No secret is in it: a document names files and programs that have one."""
    from evenkeel.specs.registries.document_text import written_spec

    documents = [
        {
            "name": each.registry.name,
            "place": each.registry.place,
            "change": each.word,
            "before": written_spec(each.before) if each.before is not None else None,
            "after": written_spec(each.after) if each.after is not None else None,
        }
        for each in change.documents
    ]
    passwords = [{"file": str(file), "change": "changed" if file.exists() else "added"} for file in secrets]
    passwords += [{"file": str(file), "change": "removed"} for file in change.gone]
    head = {"apiVersion": "evenkeel/v1", "kind": "RegistryChange", "file": str(change.file)}
    return {**head, "documents": documents, "passwords": passwords}


def _show(change: Change, secrets: Mapping[Path, bytes], *, err: bool) -> None:
    from evenkeel.specs.registries.document_text import document_in

    echo(f"{change.file}:" if change.before else f"{change.file} (new):", err=err)
    for each in change.documents:
        for line in differing_lines(*(document_in(text, each.registry.name) for text in (change.before, change.after))):
            echo(f"  {line}", err=err)
    for file in secrets:
        echo(f"{file}: the password ({'changes' if file.exists() else 'new'}, not shown)", err=err)
    for file in change.gone:
        echo(f"{file}: removed", err=err)
