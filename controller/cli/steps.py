"""Progress of work: bars on a terminal, plain lines elsewhere.

Both receive the same two things: entries of feedback after they were stored, and the progress of long steps. Both only
show; neither decides anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from evenkeel.controller.cli.bars import bars, print_above
from evenkeel.controller.cli.output import echo_lines
from evenkeel.controller.loop.pace import Pace
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.plan import Phase, Step
from evenkeel.specs.visible import one_line
from evenkeel.templates.style import PLAIN, Role, Style, paint

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_MARKS: dict[str, tuple[str, Role | None]] = {
    "step-done": ("✓", "good"),
    "step-failed": ("✗", "bad"),
    "step-retrying": ("…", "change"),
    "revision-failed": ("✗", "bad"),
    "rolling-back": ("↩", "change"),
    "rolled-back": ("↩", "change"),
    "engine-lost": ("✗", "bad"),
    "drift": ("!", "change"),
    "health": ("♥", "change"),
    "stalled": ("✗", "bad"),
}


class Show(Protocol):
    """The view of work."""

    def echo(self, line: str) -> None: ...
    def entry(self, entry: Feedback) -> None: ...
    def progress(self, step: Step, message: str, done: int, total: int) -> None: ...
    def waits(self, seconds: float, why: str) -> None: ...


def entry_line(entry: Feedback, style: Style = PLAIN) -> str:
    """One line for an entry, "" for those that need no line while watching."""
    if entry.kind not in _MARKS:
        return ""
    mark, role = _MARKS[entry.kind]
    took = f" ({entry.seconds:.1f} s)" if entry.seconds >= 0.1 else ""
    what = "" if entry.kind.startswith("step-") else f"{entry.kind.replace('-', ' ')}: "
    subject = f"{one_line(entry.subject)}: " if entry.subject else ""
    return f"  {paint(mark, role, style)} {subject}{what}{one_line(entry.message)}{paint(took, 'faint', style)}"


class Lines:
    """Plain lines, one for each thing that ended, and for a download that takes long from time to time."""

    def __init__(
        self, echo: Callable[[str], None] = echo_lines, style: Style = PLAIN, clock_s: Callable[[], float] = monotonic
    ) -> None:
        self._echo, self._style, self._clock_s, self._waits_for = echo, style, clock_s, ""
        self._paces: dict[str, Pace] = {}
        """Of each step that fetches, by its id."""
        self._said: dict[str, str] = {}
        """The last words of each other step that waits, such as who holds off a reboot."""

    def echo(self, line: str) -> None:
        self._echo(line)

    def entry(self, entry: Feedback) -> None:
        if entry.kind == "step-started":
            self._paces.pop(entry.step, None)
        line = entry_line(entry, self._style)
        if line:
            self.echo(line)

    def progress(self, step: Step, message: str, done: int, total: int) -> None:
        if not step.action.traits.fetches:
            if message and not total and step.phase != Phase.VERIFY and self._said.get(step.id) != message:
                self._said[step.id] = message
                self.echo(f"  … {one_line(step.subject)}: {one_line(message)}")
            return
        text = self._paces.setdefault(step.id, Pace()).text(done, total, self._clock_s())
        if text:
            self.echo(f"  … {one_line(step.subject)}: {one_line(step.action.traits.text)}: {text}")

    def waits(self, seconds: float, why: str) -> None:
        if why:
            if why != self._waits_for:  # the same wait is reported again and again
                self.echo(f"  … {one_line(why)}")
            self._waits_for = why
        elif seconds >= 0.5:  # a shorter one is over before its line is read
            self.echo(f"  … again in {seconds:.0f} s")


class Bars:
    """A bar for each step at work, below the lines of those that ended."""

    def __init__(self, bars: Progress, style: Style) -> None:
        self._bars, self._tasks, self._begun_s = bars, dict[str, "TaskID"](), dict[str, float]()
        self._lines = Lines(self.echo, style)

    def echo(self, line: str) -> None:
        print_above(self._bars, line)

    def entry(self, entry: Feedback) -> None:
        if entry.kind == "step-started":
            words = one_line(f"{entry.subject}: {entry.message}")
            self._tasks[entry.step] = self._bars.add_task(words, total=None, far="")
            self._begun_s[entry.step] = monotonic()
        elif entry.kind in ("step-done", "step-failed", "step-retrying") and entry.step in self._tasks:
            self._bars.remove_task(self._tasks.pop(entry.step))
            del self._begun_s[entry.step]
        self._lines.entry(entry)

    def progress(self, step: Step, message: str, done: int, total: int) -> None:
        task = self._tasks.get(step.id)
        if task is not None:
            far = self._fetched(step.id, done, total) if step.action.traits.fetches else one_line(message)
            self._bars.update(task, completed=done, total=total or None, far=far)

    def _fetched(self, step: str, done: int, total: int) -> str:
        from evenkeel.specs.reading.quantity import fetched_text

        return fetched_text(done, total, monotonic() - self._begun_s[step])

    def waits(self, seconds: float, why: str) -> None:
        self._lines.waits(seconds, why)


@contextmanager
def showing(on_terminal: bool, style: Style) -> Iterator[Show]:
    """Bars on a terminal, lines elsewhere."""
    if not on_terminal:
        yield Lines()
        return
    with bars(style, "far", spins=True) as progress:
        yield Bars(progress, style)
