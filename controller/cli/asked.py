"""What is asked, for a command that acts on it: valid and not empty by accident, or an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from evenkeel.controller.wiring import no_document, read_asked
from evenkeel.specs.errors import EvenkeelError, SpecError
from evenkeel.specs.problem import errors, problem_text

if TYPE_CHECKING:
    from evenkeel.controller.journal import Journal
    from evenkeel.controller.ports import Reading
    from evenkeel.specs.settings import Settings
    from evenkeel.templates.activity_text import Message


def asked(settings: Settings, *, readonly: bool, allow_empty: bool = False) -> Reading:
    """The reading of all specs; warnings are said. SpecError for what is wrong; an error, too, when the place is missing
    or nothing at all is asked for, because that is more often an accident than a wish."""
    reading = read_asked(settings, readonly=readonly)
    element = "specs:" + ", ".join(settings.specs)
    if errors(reading.problems):
        raise SpecError(element, reading.problems)
    if reading.missing:
        raise EvenkeelError(f"specs:{', '.join(reading.missing)}", "does not exist; --specs says where to look")
    if reading.is_empty and not (allow_empty or settings.empty_source_removes_all):
        raise EvenkeelError(element, _nothing(settings))
    for problem in reading.problems:
        click.echo(problem_text(problem), err=True)
    return reading


def _nothing(settings: Settings) -> str:
    """What an accident would cost, where something was asked for before; else what is missing."""
    from pathlib import Path

    from evenkeel.controller.journal import read_journal

    journal = read_journal(Path(settings.state))
    before = journal.revision("desired")
    journal.close()
    if before is not None and before.documents:
        return "asks for nothing, which would remove everything; if that is meant, say --allow-empty"
    return f"asks for nothing: {no_document(settings.specs)}; if that is meant, say --allow-empty"


def message_in_force(journal: Journal) -> Message | None:
    """Where the desired state came from, when it came over MQTT: then the files are not asked (docs/adr/0007)."""
    from evenkeel.templates.activity_text import Message

    origin = journal.origin("message")
    return Message(origin.source, origin.activity, origin.at) if origin is not None else None
