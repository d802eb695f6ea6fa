"""The work of the controller in words: the steps at work, their progress, and the time of the next try."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from evenkeel.specs.feedback import Condition, StepAtWork, Work
from evenkeel.specs.plan import Phase
from evenkeel.specs.reading.quantity import fetched_text
from evenkeel.specs.visible import one_line
from evenkeel.templates.ago import ago_text
from evenkeel.templates.style import PLAIN, Role, Style, paint

_LEAST = 28
"""The least number of columns, however narrow the terminal is."""


def work_lines(
    work: Work | None, told: Sequence[Condition], width: int, style: Style = PLAIN
) -> Iterator[tuple[str, str]]:
    """A name and a line of at most `width` for each thing; nothing while there is no work. `told`: the conditions that
    are shown, whose texts are not repeated."""
    if work is None:
        return
    name = "doing"
    for step in work.steps:
        yield name, f"{one_line(step.subject)}: {step_text(step)}"
        name = ""
    if work.error and work.again_s:
        where = next((each.name for each in told if not each.holds and _says(each.message, work.error)), "")
        why = f"why the last one failed is below ({where})" if where else f"the last one failed: {one_line(work.error)}"
        yield from _wrapped("next try", f"in {ago_text(work.again_s)}; {why}", width, "bad", style)
    elif work.waits_for:
        again = f", looks again in {ago_text(work.again_s)}" if work.again_s else ""
        yield from _wrapped("waits", f"{one_line(work.waits_for)}{again}", width, "change", style)


def _says(message: str, error: str) -> bool:
    """Whether a condition has the whole text of an error, apart from the name of its subject."""
    return bool(message) and (error in message or error.endswith(f": {message}"))


def _wrapped(name: str, text: str, width: int, role: Role, style: Style) -> Iterator[tuple[str, str]]:
    for index, line in enumerate(
        textwrap.wrap(text, max(width, _LEAST), break_on_hyphens=False, break_long_words=False)
    ):
        yield "" if index else name, paint(line, role, style)


def work_value(work: Work | None) -> dict[str, Any] | None:
    """The same as plain values; durations in seconds."""
    if work is None:
        return None
    return {
        "steps": [step_value(step) for step in work.steps],
        "lastError": work.error or None,
        "waitsFor": work.waits_for or None,
        "nextTryInSeconds": work.again_s or None,
    }


def step_text(step: StepAtWork) -> str:
    """The action of a step, its progress, and its duration so far."""
    parts = (one_line(step.text), far_text(step), f"for {ago_text(step.for_s)}")
    return ", ".join(part for part in parts if part)


def step_value(step: StepAtWork) -> dict[str, Any]:
    """The same as plain values; durations in seconds."""
    return {
        "domain": step.domain or None,
        "subject": step.subject,
        "phase": step.phase,
        "step": step.text,
        "seconds": step.for_s,
        "perCent": _per_cent(step),
        "message": step.far or None,
    }


def far_text(step: StepAtWork) -> str:
    """The progress of a step, "" when it is not known."""
    if step.phase == Phase.DOWNLOAD:
        far = fetched_text(step.done, step.total, step.for_s) if step.done or step.total else ""
    else:
        words = one_line(step.far) if step.phase != Phase.VERIFY else ""
        far = f"{step.done} of {step.total} s" if step.total else words
    return f"{_per_cent(step)} % ({far})" if step.total else far


def _per_cent(step: StepAtWork) -> int | None:
    return min(100 * step.done // step.total, 100) if step.total > 0 else None
