"""The controller at work, live: its entries as `evenkeel events` shows them, and the progress of its steps as `evenkeel status`
does. Decides nothing."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from evenkeel.controller.cli.bars import bars, print_above
from evenkeel.controller.cli.history import Wanted, dated_line, entries_after, followed
from evenkeel.controller.cli.output import echo, echo_json, echo_lines
from evenkeel.controller.control.ask import ask_status
from evenkeel.controller.process.streams import is_heard
from evenkeel.specs.feedback import Feedback, StepAtWork
from evenkeel.specs.visible import one_line
from evenkeel.templates.style import Style
from evenkeel.templates.work_text import far_text, step_text, step_value

if TYPE_CHECKING:
    from pathlib import Path

    from rich.progress import Progress, TaskID

_EVERY_S = 10.0
"""Without a terminal, the progress of a step is a line so often."""
_ALL = Wanted("")

Show = Callable[[Sequence[Feedback], Sequence[StepAtWork]], None]
"""Shows new entries, and all steps at work."""


def watch_work(state: Path, output: str, limit_s: float | None, style: Style, *, on_terminal: bool) -> None:
    """Show what the controller of a state directory does from now on, until Ctrl-C or for `limit_s` seconds."""
    stopped: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: stopped.append(number))
    ends = time.monotonic() + limit_s if limit_s is not None else float("inf")
    _, after = entries_after(state, 0, Wanted("", at=float("inf")))
    is_there = ask_status(state) is not None
    at_work = "the controller at work" if is_there else "for a controller; none is at work now"
    echo(f"watching {at_work} (state directory {state})", err=True)
    with _showing(output, style, on_terminal=on_terminal) as show:
        for news in followed(state, after, _ALL):
            told = ask_status(state)
            show(news, told.work.steps if told is not None else ())
            if stopped or time.monotonic() >= ends or not is_heard():
                return


@contextmanager
def _showing(output: str, style: Style, *, on_terminal: bool) -> Iterator[Show]:
    if output == "json":
        yield _Values().show
    elif not on_terminal:
        yield _Lines(style).show
    else:
        with bars(style, "far", spins=True) as progress:
            yield _Bars(progress, style).show


def _key(step: StepAtWork) -> tuple[str, ...]:
    return step.domain, step.subject, step.phase, step.text


class _Values:
    """A line of JSON for each entry, and for the progress of a step when it has changed."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, ...], tuple[int, int, str]] = {}

    def show(self, news: Sequence[Feedback], steps: Sequence[StepAtWork]) -> None:
        from evenkeel.specs.codec import encode
        from evenkeel.specs.visible import visible_json
        from evenkeel.templates.entry_json import entry_json

        for entry in news:
            echo_json(entry_json(entry).decode())
        now = {_key(step): (step.done, step.total, step.far) for step in steps}
        for step in steps:
            if self._told.get(_key(step)) != now[_key(step)]:
                echo_json(visible_json(encode({"kind": "progress", **step_value(step)}).decode()))
        self._told = now


class _Lines:
    """A line for each entry, and from time to time for a step that takes long."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self._told: dict[tuple[str, ...], float] = {}

    def show(self, news: Sequence[Feedback], steps: Sequence[StepAtWork]) -> None:
        for entry in news:
            echo_lines(dated_line(entry, self._style))
        now = time.monotonic()
        self._told = {key: at for key, at in self._told.items() if key in map(_key, steps)}
        for step in steps:
            if now - self._told.setdefault(_key(step), now) >= _EVERY_S:
                self._told[_key(step)] = now
                echo_lines(f"  … {one_line(step.subject)}: {step_text(step)}")


class _Bars:
    """A bar for each step at work, below the lines of the entries."""

    def __init__(self, progress: Progress, style: Style) -> None:
        self._progress, self._style = progress, style
        self._tasks: dict[tuple[str, ...], TaskID] = {}

    def show(self, news: Sequence[Feedback], steps: Sequence[StepAtWork]) -> None:
        for entry in news:
            print_above(self._progress, dated_line(entry, self._style))
        for key in [key for key in self._tasks if key not in map(_key, steps)]:
            self._progress.remove_task(self._tasks.pop(key))
        for step in steps:
            if _key(step) not in self._tasks:
                words = f"{one_line(step.subject)}: {one_line(step.text)}"
                self._tasks[_key(step)] = self._progress.add_task(words, total=None, far="")
            task = self._tasks[_key(step)]
            self._progress.update(task, completed=step.done, total=step.total or None, far=far_text(step))
