"""Showing activities as they happen: bars on a terminal, a line for each message elsewhere. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from evenkeel.controller.cli.bars import bars, print_above
from evenkeel.controller.cli.output import echo_lines
from evenkeel.specs.kanto.heard import ENDS, Heard
from evenkeel.specs.visible import one_line
from evenkeel.templates.fitting import cut
from evenkeel.templates.heard_text import component_name, done_per_cent, heard_line
from evenkeel.templates.style import PLAIN, Style, paint

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Following:
    """Lines for feedback. `named`: activities are told apart by their ids."""

    def __init__(self, echo: Callable[[str], None] = echo_lines, style: Style = PLAIN, *, named: bool = False) -> None:
        self._echo, self._style, self._named = echo, style, named
        self._last: dict[str, Heard] = {}

    def feedback(self, heard: Heard) -> None:
        """Show a message of feedback. A repetition is not shown: an agent that was interrupted repeats itself."""
        before = self._last.get(heard.activity_id)
        if heard == before:
            return
        self._last[heard.activity_id] = heard
        name = paint(one_line(heard.activity_id) or "-", "faint", self._style) + "  " if self._named else ""
        self._echo(name + heard_line(heard, before, self._style))
        if heard.status in ENDS and not heard.baseline:
            del self._last[heard.activity_id]


class Bars:
    """A bar for each component of the open activities; above them, lines for components that have ended a phase."""

    def __init__(self, bars: Progress, style: Style, *, named: bool = False) -> None:
        self._bars = bars
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._lines = Following(self._echo, style, named=named)

    def feedback(self, heard: Heard) -> None:
        if not heard.status.endswith("ING") or heard.message:
            self._lines.feedback(heard)
        over = heard.status in ENDS and not heard.baseline
        for action in () if over else heard.actions:
            key = (heard.activity_id, action.component)
            if key not in self._tasks:
                self._tasks[key] = self._bars.add_task("", total=100, status="")
            self._bars.update(
                self._tasks[key],
                description=cut(f"{component_name(action.component)} {one_line(action.version)}", 30),
                completed=done_per_cent(action),
                status=one_line(action.status) + (f" {action.progress} %" if action.progress else ""),
            )
        for key in [key for key in self._tasks if over and key[0] == heard.activity_id]:
            self._bars.remove_task(self._tasks.pop(key))

    def _echo(self, line: str) -> None:
        print_above(self._bars, line)


@contextmanager
def following(on_terminal: bool, style: Style, *, named: bool = False) -> Iterator[Callable[[Heard], None]]:
    """Bars on a terminal, lines elsewhere."""
    if not on_terminal:
        yield Following(named=named).feedback
        return
    with bars(style, "status") as progress:
        yield Bars(progress, style, named=named).feedback
