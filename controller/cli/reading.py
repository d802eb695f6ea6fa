"""The reading for a command that acts on specs: valid and not empty by accident, or an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenkeel.controller.cli.output import echo
from evenkeel.controller.wiring import no_document, read_source
from evenkeel.specs.errors import EvenkeelError, SpecError
from evenkeel.specs.problem import errors, place_text, problem_text

if TYPE_CHECKING:
    from evenkeel.controller.journal.journal import Journal
    from evenkeel.controller.loop.ports import Reading
    from evenkeel.specs.settings.settings import Settings
    from evenkeel.templates.activity_text import MessageOrigin

_MEANT = "if that is meant, say --allow-empty"


def desired_reading(
    settings: Settings, *, readonly: bool, allow_empty: bool = False, journal: Journal | None = None
) -> Reading:
    """The reading of all specs; warnings are printed. SpecError for faults. An error, too, when the place is missing or
    asks for no container (any more), because that is more often an accident than a wish. `journal`: the one that is
    open already."""
    reading = read_source(settings, readonly=readonly)
    element = "specs:" + ", ".join(settings.specs)
    if errors(reading.problems):
        raise SpecError(element, reading.problems)
    if reading.missing:
        raise EvenkeelError(f"specs:{', '.join(reading.missing)}", "does not exist; --specs says where to look")
    if not (allow_empty or settings.empty_source_removes_all):
        _check_not_empty(settings, reading, journal)
    for problem in reading.problems:
        echo(problem_text(problem), err=True)
    return reading


def _check_not_empty(settings: Settings, reading: Reading, journal: Journal | None) -> None:
    """EvenkeelError with the containers that an accident would remove, where there were some before; else with the
    missing places."""
    from contextlib import closing, nullcontext
    from pathlib import Path

    from evenkeel.controller.journal.intent import files_before
    from evenkeel.controller.journal.journal import read_journal
    from evenkeel.reconcilers.emptied import emptied, lost

    with nullcontext(journal) if journal is not None else closing(read_journal(Path(settings.state))) as known:
        in_force, files = known.readable_revision("desired"), files_before(known)
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
    if reading.nothing:
        why = f"a desired state without components is at {place_text(reading.nothing[0])}"
    raise EvenkeelError(element, f"asks for nothing: {why}; {_MEANT}")


def check_no_message(settings: Settings, journal: Journal) -> None:
    """EvenkeelError where a message is in force and not the files, or where that cannot be known."""
    from evenkeel.controller.wiring import serves
    from evenkeel.specs.problem import Place

    message = message_in_force(journal)
    if message is not None:
        about = place_text(Place(topic=message.topic, activity_id=message.activity_id))
        raise EvenkeelError(about, "is in force, and not the files; `evenkeel release` gives them their say")
    if journal.loss is not None and not journal.knows_intent and serves(settings):
        why = "whether a desired state from MQTT is in force cannot be read, so the files are not applied"
        raise EvenkeelError(f"state:{settings.state}", f"{why}: {journal.loss.trouble.why}")


def message_in_force(journal: Journal) -> MessageOrigin | None:
    """The origin of the desired state, when it came over MQTT: then the files are not in force (docs/adr/0007)."""
    from evenkeel.templates.activity_text import MessageOrigin

    origins = (journal.origin("message", domain) for domain in journal.overruled())
    return next((MessageOrigin(each.source, each.activity, each.at) for each in origins if each is not None), None)
