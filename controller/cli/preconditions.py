"""The preconditions that a plan shows, with the present values: those of the baselines in files, and those for which an
operation of the update manager waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from evenkeel.specs.groups.baseline import Baseline

if TYPE_CHECKING:
    from evenkeel.controller.journal.journal import Journal
    from evenkeel.controller.transaction.preconditions import Present
    from evenkeel.specs.desired import DesiredState
    from evenkeel.specs.operations.operation import Operation
    from evenkeel.specs.preconditions.observed import Observed
    from evenkeel.specs.settings.settings import Settings
    from evenkeel.templates.preconditions_text import PlannedPrecondition


def present_values(settings: Settings) -> Present:
    """The values as the controller at work knows them, looked up once. Without one, files and windows are looked at here, and
    topics are unknown."""

    @cache
    def look() -> Mapping[str, Observed]:
        from evenkeel.controller.control.ask import ask_values
        from evenkeel.controller.wiring import open_values

        told = ask_values(Path(settings.state)) if settings.update_manager.value_topics else None
        own = open_values(settings)
        return told if told is not None else own.present() if own is not None else {}

    return look


def planned_preconditions(journal: Journal, desired: DesiredState, present: Present) -> list[PlannedPrecondition]:
    """All preconditions with their verdicts; values are looked up only where there are some."""
    operation = journal.operations.newest()
    found = [
        *((each.name, each.wanted.conditions, "") for each in desired.documents if isinstance(each.wanted, Baseline)),
        *(_of(operation) if operation is not None else ()),
    ]
    return [_shown(title, written, name, present()) for title, written, name in found if written.strip()]


def _of(operation: Operation) -> Iterator[tuple[str, str, str]]:
    """The preconditions that decide about the next phase of an operation; those of its baselines, before it has groups."""
    from evenkeel.controller.operations.judgement import open_groups
    from evenkeel.specs.kanto.activity import name_of

    source = open_groups(operation) if operation.groups else operation.baselines
    written = dict.fromkeys((each.title, each.preconditions) for each in source)
    return ((title, text, name_of(operation.id)) for title, text in written)


def _shown(title: str, written: str, operation: str, present: Mapping[str, Observed]) -> PlannedPrecondition:
    from evenkeel.reconcilers.preconditions.judging import judge
    from evenkeel.reconcilers.preconditions.reading import read
    from evenkeel.specs.preconditions.precondition import Fault
    from evenkeel.templates.preconditions_text import PlannedPrecondition

    precondition = read(written, present)
    unmet = "" if isinstance(precondition, Fault) else judge(precondition, present)
    return PlannedPrecondition(title, written, precondition, present, unmet, operation)
