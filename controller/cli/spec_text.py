"""The change of a spec file by a command: what the specs ask for, whether they would be valid, and the writing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from evenkeel.controller.cli.output import echo
from evenkeel.controller.wiring import name_in_specs, read_source
from evenkeel.specs.errors import EvenkeelError, SpecError
from evenkeel.specs.problem import errors, problem_text

if TYPE_CHECKING:
    from evenkeel.specs.desired import DesiredState
    from evenkeel.specs.problem import Problem
    from evenkeel.specs.settings.settings import Settings


def read_state(settings: Settings) -> DesiredState:
    """The desired state of all files. SpecError for faults; warnings are printed."""
    reading = read_source(settings, readonly=True)
    if errors(reading.problems):
        raise SpecError("specs:" + ", ".join(settings.specs), reading.problems)
    for problem in reading.problems:
        echo(problem_text(problem), err=True)
    return reading.desired


def file_for(settings: Settings, given: str, usual: str) -> Path:
    """The file for new documents: the one that is given, else the one of the `usual` name in the first folder of the specs.
    EvenkeelError for one that is not read as a spec: a document in it would ask for nothing."""
    if given:
        return _given_file(settings, Path(given).absolute())
    folder = next((Path(path) for path in settings.specs if Path(path).is_dir()), Path(settings.specs[0]))
    if folder.suffix:
        raise EvenkeelError(f"specs:{folder}", "is no folder; --file says into which file to write")
    return folder / usual


def _given_file(settings: Settings, file: Path) -> Path:
    """A file under the name by which the specs read it."""
    if file.suffix.lower() not in (".yaml", ".yml"):
        raise EvenkeelError(f"file:{file}", "expected a file *.yaml, because documents are written as YAML")
    found = name_in_specs(settings, file)
    if found is None:
        why = f"is not one of the specs ({', '.join(settings.specs)}); sub-folders and hidden files are not read"
        raise EvenkeelError(f"file:{file}", f"{why}; name a file there, or add its folder with --specs")
    return found


def text_of(file: Path) -> str:
    """The text of a spec file that is to be changed, "" when it is not there. EvenkeelError when it cannot be read, or is no
    file that can be replaced. A link to one is followed."""
    from evenkeel.controller.process.bounded import read_bounded
    from evenkeel.controller.process.replacing import check_file

    check_file(file.resolve())
    try:
        return read_bounded(file).decode("utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise EvenkeelError(f"file:{file}", "expected UTF-8 text") from None


def check_text(settings: Settings, file: Path, text: str) -> DesiredState:
    """The desired state with another text of a file. SpecError with the problems that the specs would have with it, and do not
    have now."""
    before = read_source(settings, readonly=True)
    after = read_source(settings, readonly=True, instead={str(file): text.encode()})
    known = {_told(each) for each in before.problems}
    new = [each for each in after.problems if _told(each) not in known and each.place.file not in before.missing]
    if errors(new):
        raise SpecError(f"file:{file}", new)
    for problem in new:
        echo(problem_text(problem), err=True)
    return after.desired


def _told(problem: Problem) -> tuple[str, str, str]:
    return problem.place.file, problem.path, problem.message


def differing_lines(old: str, new: str) -> Iterator[str]:
    """All lines of a document as it was and as it will be, with `-` and `+` before those that differ."""
    import difflib

    yield from list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=1_000_000))[3:]


def holds(file: Path, content: bytes) -> bool:
    """Whether a secret is in its file already, for its owner alone."""
    from evenkeel.controller.process.bounded import read_bounded

    try:
        return read_bounded(file) == content and file.stat().st_mode & 0o077 == 0
    except OSError:
        return False


def _make_private(folder: Path) -> None:
    """Make a folder of secrets. It may be the first thing in the state directory, which is not for everybody, either."""
    for each in reversed((folder, *folder.parents)):
        if not each.exists():
            each.mkdir(0o750, exist_ok=True)
    folder.chmod(0o700)


def write(file: Path, before: str, after: str, secrets: Mapping[Path, bytes], gone: Sequence[Path]) -> None:
    """Write the text of a spec file, "" for none. Secrets come before the document that names them, and those that are `gone`
    are removed after it. Raises, before anything is written, Refused where something else than a file would be replaced, and
    EvenkeelError where the file has another text than the one `before` by now: somebody has changed it while the user was
    asked."""
    from evenkeel.controller.process.replacing import check_file, replace_named, replace_private

    for each in (file.resolve(), *secrets):
        check_file(each)
    with _alone(file.resolve().parent):
        if text_of(file) != before:
            why = "was changed by somebody else meanwhile, so that nothing was written; run the command again"
            raise EvenkeelError(f"file:{file}", why)
        for secret, content in secrets.items():
            _make_private(secret.parent)
            replace_private(secret, content)
        if before != after:
            if after:
                replace_named(file, after.encode(), 0o644)
            else:
                file.resolve().unlink(missing_ok=True)
        for secret in gone:
            secret.unlink(missing_ok=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """A context in which no other command of evenkeel writes into a folder of specs. It waits for others."""
    import fcntl
    import os

    if not folder.is_dir():  # it is about to be made
        yield
        return
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)
