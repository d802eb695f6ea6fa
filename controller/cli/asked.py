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

_MEANT = "if that is meant, say --allow-empty"


def asked(settings: Settings, *, readonly: bool, allow_empty: bool = False) -> Reading:
    """The reading of all specs; warnings are said. SpecError for what is wrong; an error, too, when the place is missing
    or asks for no container (any more), because that is more often an accident than a wish."""
    reading = read_asked(settings, readonly=readonly)
    element = "specs:" + ", ".join(settings.specs)
    if errors(reading.problems):
        raise SpecError(element, reading.problems)
    if reading.missing:
        raise EvenkeelError(f"specs:{', '.join(reading.missing)}", "does not exist; --specs says where to look")
    if not (allow_empty or settings.empty_source_removes_all):
        _check_not_empty(settings, reading)
    for problem in reading.problems:
        click.echo(problem_text(problem), err=True)
    return reading


def _check_not_empty(settings: Settings, reading: Reading) -> None:
    """EvenkeelError with what an accident would cost, where containers were asked for before; else with what is missing."""
    from pathlib import Path

    from evenkeel.controller.journal import read_journal
    from evenkeel.reconcilers.emptied import emptied, lost

    journal = read_journal(Path(settings.state))
    in_force, files = journal.revision("desired"), journal.revision("files")
    journal.close()
    if not reading.is_empty:
        found = emptied(files, reading.desired, reading.paths)
        if found:
            gone = ", ".join(lost(files, reading.desired))
            why = f"asks for nothing any more, which would remove {gone}; {_MEANT}"
            raise EvenkeelError(f"specs:{', '.join(found)}", why)
        return
    element = "specs:" + ", ".join(settings.specs)
    if lost(in_force, reading.desired):
        raise EvenkeelError(element, f"asks for nothing, which would remove everything; {_MEANT}")
    why = "no container is there" if reading.desired.documents else no_document(settings.specs)
    raise EvenkeelError(element, f"asks for nothing: {why}; {_MEANT}")


def message_in_force(journal: Journal) -> Message | None:
    """Where the desired state came from, when it came over MQTT: then the files are not asked (docs/adr/0007)."""
    from evenkeel.templates.activity_text import Message

    origin = journal.origin("message")
    return Message(origin.source, origin.activity, origin.at) if origin is not None else None
