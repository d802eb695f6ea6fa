"""The registries that spec files and Kanto's files ask for now, and the change of a spec file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from evenkeel.controller.cli.consent import consents
from evenkeel.controller.cli.output import echo, echo_value
from evenkeel.controller.wiring import read_source
from evenkeel.specs.errors import EvenkeelError, SpecError
from evenkeel.specs.problem import errors, nearest, problem_text

if TYPE_CHECKING:
    from evenkeel.specs.desired import DesiredState, Document
    from evenkeel.specs.problem import Problem
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


def read_state(settings: Settings) -> DesiredState:
    """The desired state of all files. SpecError for faults; warnings are printed."""
    reading = read_source(settings, readonly=True)
    if errors(reading.problems):
        raise SpecError("specs:" + ", ".join(settings.specs), reading.problems)
    for problem in reading.problems:
        echo(problem_text(problem), err=True)
    return reading.desired


def registries(state: DesiredState) -> tuple[Asking, ...]:
    """The registries of a state, in order of name."""
    from evenkeel.reconcilers.registries.select import select

    return tuple(Asking(*each) for each in select(state).documents)


def named(word: str, found: Iterable[Asking]) -> Asking:
    """The registry of this name, or of this place. EvenkeelError with the nearest one."""
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
    raise EvenkeelError(f"registry:{word}", f"{why}; {near}" if near else why)


def spec_file(settings: Settings, given: str) -> Path:
    """The file for new documents: the one that is given, else `registries.yaml` in the first folder of the specs."""
    if given:
        file = Path(given).absolute()
        if file.suffix.lower() not in (".yaml", ".yml"):
            raise EvenkeelError(f"file:{file}", "expected a file *.yaml, because documents are written as YAML")
        return file
    folder = next((Path(path) for path in settings.specs if Path(path).is_dir()), Path(settings.specs[0]))
    if folder.suffix:
        raise EvenkeelError(f"specs:{folder}", "is no folder; --file says into which file to write")
    return folder / FILE


def secret_file(settings: Settings, name: str) -> Path:
    """The file of a password, by the name of the document."""
    return Path(settings.state).joinpath(*_SECRETS, name)


def is_own_secret(settings: Settings, path: str) -> bool:
    """Whether a file of a password is one that these commands have made."""
    return bool(path) and Path(path).parent == Path(settings.state).joinpath(*_SECRETS)


def text_of(file: Path) -> str:
    """The text of a spec file, "" when it is not there. EvenkeelError when it cannot be read."""
    from evenkeel.controller.process.bounded import read_bounded

    try:
        return read_bounded(file).decode("utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise EvenkeelError(f"file:{file}", "expected UTF-8 text") from None


def check(settings: Settings, change: Change) -> None:
    """SpecError with the problems that the specs would have with a change, and do not have without it."""
    before = read_source(settings, readonly=True)
    after = read_source(settings, readonly=True, instead={str(change.file): change.after.encode()})
    known = {_told(each) for each in before.problems}
    new = [each for each in after.problems if _told(each) not in known and each.place.file not in before.missing]
    if errors(new):
        raise SpecError(f"file:{change.file}", new)
    for problem in new:
        echo(problem_text(problem), err=True)


def _told(problem: Problem) -> tuple[str, str, str]:
    return problem.place.file, problem.path, problem.message


def carry_out(settings: Settings, change: Change, *, yes: bool, output: str = "text") -> int:
    """Show a change that was checked, ask, and do it; the exit code. Unless `output` is "text", standard output has nothing but
    one value, which says what has changed."""
    is_text = output == "text"
    secrets = {file: content for file, content in change.secrets.items() if not _holds(file, content)}
    value = None if is_text else _value(change, secrets)
    has_changes = change.before != change.after or bool(secrets)
    if has_changes and (is_text or not yes):
        _show(change, secrets, err=not is_text)
    is_agreed = not has_changes or yes or consents(err=not is_text)
    told = False
    if has_changes and is_agreed:
        from evenkeel.controller.control.ask import ask_to_look_again

        _write(settings, change, secrets)
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
    import difflib

    from evenkeel.specs.registries.document_text import document_in

    echo(f"{change.file}:" if change.before else f"{change.file} (new):", err=err)
    for each in change.documents:
        old, new = (document_in(text, each.registry.name) for text in (change.before, change.after))
        lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=1_000_000)
        for line in list(lines)[3:]:
            echo(f"  {line}", err=err)
    for file in secrets:
        echo(f"{file}: the password ({'changes' if file.exists() else 'new'}, not shown)", err=err)
    for file in change.gone:
        echo(f"{file}: removed", err=err)


def _write(settings: Settings, change: Change, secrets: Mapping[Path, bytes]) -> None:
    """Passwords come before the document that names them, and go after it."""
    from evenkeel.controller.process.atomic import write_atomically

    for file, content in secrets.items():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.parent.chmod(0o700)
        write_atomically(file, content, 0o600)
    if change.before != change.after:
        file = change.file.resolve()
        if change.after:
            mode = file.stat().st_mode & 0o777 if file.exists() else 0o644
            write_atomically(file, change.after.encode(), mode)
        else:
            file.unlink(missing_ok=True)
    for file in change.gone:
        file.unlink(missing_ok=True)


def _holds(file: Path, content: bytes) -> bool:
    try:
        return file.read_bytes() == content and file.stat().st_mode & 0o077 == 0
    except OSError:
        return False
