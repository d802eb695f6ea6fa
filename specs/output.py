"""What an instance has written itself, and how a subject failed the last time.

It is the first thing that somebody wants who looks for the cause of a failure, and it may hold secrets. So it goes into the
journal and to whoever asks for it (`evenkeel logs`), and never into an error, an entry, a log or a message.
"""

from __future__ import annotations

from msgspec import Struct

_FEW = 4
"""As many names are listed."""


class Output(Struct, frozen=True):
    """What one instance has said last. `lines`: of its own output, `check`: of the newest result of the engine's check;
    `unread`: why the lines could not be read. `exit_code` is `None` while it runs."""

    lines: tuple[str, ...] = ()
    check: tuple[str, ...] = ()
    unread: str = ""
    exit_code: int | None = None


class LastFailure(Struct, frozen=True):
    """How a subject failed the last time, and what it said: `why` in evenkeel's words, `at` in seconds since the epoch. `end`
    names which end of the instance it was (an engine's own name for it); "" where it was none, or that is not known."""

    subject: str
    at: float
    revision: str
    instance: str
    why: str
    output: Output
    end: str = ""


def says_something(output: Output) -> bool:
    """Whether there is anything to show."""
    return bool(output.lines or output.check)


def logs_hint(*subjects: str) -> str:
    """Where to read what containers have said, at least one: for texts in which their output must not be."""
    if len(subjects) == 1:
        return f"`evenkeel logs {subjects[0]}` shows its last lines"
    few = ", ".join(subjects[:_FEW]) + f" and {len(subjects) - _FEW} more" * (len(subjects) > _FEW)
    return f"`evenkeel logs NAME` shows the last lines of {few}"
