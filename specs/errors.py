"""The one tree of errors.

    EvenkeelError(element, message)      element = "container:web", "file:/etc/x.yaml", "engine:unix:///run/docker.sock"
    ├── SpecError                        what somebody wrote is wrong; carries every problem found, each with its place
    ├── SettingsError                    what the operator configured is wrong; evenkeel does not start
    ├── JournalError                     durable intent cannot be read or written; refuse to act
    ├── Busy                             another controller owns the state directory
    ├── DriverError                      the world said no
    │   ├── Unavailable                  not reachable now; trying again later may help
    │   ├── TimedOut                     gave up waiting; trying again later may help
    │   └── Refused                      a final no; trying the same again is useless
    │       └── TooLarge                 less might be taken
    └── Bug                              a broken invariant of our own

Every error names the element it is about, so that nobody has to parse text to learn what failed. Errors are raised once
and reported once: code that raises does not log. Beyond `controller.cycle.stage` there are no exceptions, only outcomes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenkeel.specs.reading.sound import sound_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenkeel.specs.problem import Problem


class EvenkeelError(Exception):
    """Something failed; `element` says what it is about, `message` why, in words for an operator."""

    def __init__(self, element: str, message: str) -> None:
        self.element, self.message = sound_text(element), sound_text(message)  # both may hold names of files
        super().__init__(f"{self.element}: {self.message}")


class SpecError(EvenkeelError):
    """Desired state that cannot be accepted. `problems` holds all of them, not only the first."""

    def __init__(self, element: str, problems: Sequence[Problem]) -> None:
        from evenkeel.specs.problem import problems_text

        self.problems = tuple(problems)
        super().__init__(element, problems_text(self.problems))

    def __str__(self) -> str:
        return self.message


class SettingsError(EvenkeelError):
    """A setting is missing, unknown or wrong. With `problems`, each of which has its place, the text names those only, errors
    before warnings."""

    def __init__(self, element: str, message: str = "", problems: Sequence[Problem] = ()) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.severity != "error"))
        if problems:
            from evenkeel.specs.problem import problems_text

            message = problems_text(self.problems)
        super().__init__(element, message)

    def __str__(self) -> str:
        return self.message if self.problems else super().__str__()


class JournalError(EvenkeelError):
    """The journal cannot be opened, read or written."""


class Busy(EvenkeelError):
    """Another controller holds the state directory."""


class DriverError(EvenkeelError):
    """An engine or another part of the world did not do what it was asked."""


class Unavailable(DriverError):
    """Not reachable now: the same request may succeed later."""


class TimedOut(DriverError):
    """No answer in time: the same request may succeed later."""


class Refused(DriverError):
    """A final no: the same request will be refused again."""


class TooLarge(Refused):
    """A final no to a message of this size: a shorter one may be taken."""


class Bug(EvenkeelError):
    """An invariant of evenkeel itself is broken."""
