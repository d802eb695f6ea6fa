"""The newest failures, which the controller at work may not have written yet."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from evenkeel.controller.journal.journal import Journal


def hear_failures(state: Path, journal: Journal) -> None:
    """Add the failures that the controller at work, if any, has in memory alone to a journal that is only read."""
    from evenkeel.controller.control.ask import ask
    from evenkeel.specs.codec import decode
    from evenkeel.specs.output import LastFailure

    answer = ask(state, "failures")
    with suppress(ValueError):  # of a controller that does not know the request
        journal.failures.hear(decode(answer or b"[]", tuple[LastFailure, ...]))
