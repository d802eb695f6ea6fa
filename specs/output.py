"""The output of an instance, and the last failure of a subject.

It is the first thing to look at for the cause of a failure, and it may hold secrets. So it goes into the journal and to
an operator who asks for it (`evenkeel logs`), and never into an error, an entry, a log or a message.
"""

from __future__ import annotations

from msgspec import Struct

_FEW = 4
"""The most names that are listed."""


class Output(Struct, frozen=True):
    """The last output of one instance. `lines`: of its own output, `check`: of the newest result of the engine's check;
    `unread`: why the lines could not be read. `exit_code` is `None` while it runs."""

    lines: tuple[str, ...] = ()
    check: tuple[str, ...] = ()
    unread: str = ""
    exit_code: int | None = None


class LastFailure(Struct, frozen=True):
    """The last failure of a subject, with its output: `why` in evenkeel's words, `at` in seconds since the epoch. `end`
    is the engine's name for the end of the instance; "" where it did not end, or that is not known."""

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
    """The command that shows the output of containers, at least one: for texts that must not have the output itself."""
    if len(subjects) == 1:
        return f"`evenkeel logs {subjects[0]}` shows its last lines"
    few = ", ".join(subjects[:_FEW]) + f" and {len(subjects) - _FEW} more" * (len(subjects) > _FEW)
    return f"`evenkeel logs NAME` shows the last lines of {few}"
