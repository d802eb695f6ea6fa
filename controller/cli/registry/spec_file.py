"""The registries that spec files and Kanto's files ask for now, and the change of a spec file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evenkeel.controller.cli.consent import consents
from evenkeel.controller.cli.output import echo
from evenkeel.controller.cli.spec_text import check_text, differing_lines, file_for, holds, write
from evenkeel.controller.cli.spec_text import read_state as read_state
from evenkeel.controller.cli.spec_text import text_of as text_of
from evenkeel.specs.errors import EvenkeelError
from evenkeel.specs.problem import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evenkeel.specs.desired import DesiredState, Document
    from evenkeel.specs.registries.registry import Registry
    from evenkeel.specs.settings.settings import Settings

FILE = "registries.yaml"
_SECRETS = ("secrets", "registries")


class Asking(NamedTuple):
    """A registry that is asked for, with its document."""

    registry: Registry
    document: Document


class Change(NamedTuple):
    """A change of a spec file. `file`, its text `before` and `after`; `shown`: the document as it was and as it will be, for
    the screen. `secrets`: files of passwords with their content; `gone`: those that are not needed any more."""

    file: Path
    before: str
    after: str
    shown: tuple[tuple[str, str], ...]
    secrets: Mapping[Path, bytes] = {}
    gone: tuple[Path, ...] = ()


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


def carry_out(settings: Settings, change: Change, *, yes: bool) -> int:
    """Show a change that was checked, ask, and do it; the exit code."""
    secrets = {file: content for file, content in change.secrets.items() if not holds(file, content)}
    if change.before == change.after and not secrets:
        echo("Nothing changes.")
        return 0
    _show(change, secrets)
    if not yes and not consents():
        return 1
    write(change.file, change.before, change.after, secrets, change.gone)
    from evenkeel.controller.control.ask import ask_to_look_again

    told = ask_to_look_again(Path(settings.state))
    echo("Done." if told else "Done. `evenkeel plan` shows what follows from it.")
    return 0


def _show(change: Change, secrets: Mapping[Path, bytes]) -> None:
    echo(f"{change.file}:" if change.before else f"{change.file} (new):")
    for old, new in change.shown:
        for line in differing_lines(old, new):
            echo(f"  {line}")
    for file in secrets:
        echo(f"{file}: the password ({'changes' if file.exists() else 'new'}, not shown)")
    for file in change.gone:
        echo(f"{file}: removed")
