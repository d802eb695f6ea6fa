"""`evenkeel status`: the contents of the journal, the lock and the controller at work, at once, without asking an
engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from evenkeel.controller.cli.options import Options, shared_options, terminal_style, terminal_width
from evenkeel.controller.cli.output import echo, echo_lines

if TYPE_CHECKING:
    from evenkeel.controller.journal.attempts import Attempt
    from evenkeel.controller.journal.journal import Journal
    from evenkeel.specs.feedback import Condition, ConditionName
    from evenkeel.specs.problem import Problem


@click.command("status")
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", help="How to print it.")
@click.option("--check", is_flag=True, help="Let the exit code say whether all is well.")
@shared_options("config", "state")
def command(options: Options, output: str, check: bool) -> int:
    """Say whether all is well, and what to do if not.

    Tells whether a controller is at work, the desired revision and last-good, and the conditions:

    \b
      SourceValid       the specs can be read and mean something
      EngineReachable   the engine answers
      BrokerReachable   with an update agent: the broker lets it in and takes its subscriptions
      Settled           the device is as desired
      Healthy           everything that evenkeel runs is well, and runs if it should
      StateWritable     the state directory can be written; shown after the first failure
      Defect            a part of evenkeel is broken; shown with the part while it is

    If the desired state came over MQTT, its topic and its activity are shown, and the progress of an open activity.

    The controller itself tells its present work, its progress, and the time of the next try. Everything else comes from the
    journal; without a controller at work it may be old, and is marked so.

    Exit code: 0. With --check: 1 unless a controller is at work and every condition holds.
    """
    from pathlib import Path

    from evenkeel.controller.cli.reading import message_in_force
    from evenkeel.controller.control.ask import ask_status
    from evenkeel.controller.cycle.in_force import failed_groups
    from evenkeel.controller.journal.journal import empty_journal, read_journal
    from evenkeel.controller.journal.lock import holder
    from evenkeel.controller.process.clock import system_now
    from evenkeel.controller.wiring import serves
    from evenkeel.specs.errors import JournalError
    from evenkeel.specs.problem import problem_text
    from evenkeel.templates.status_text import Failure, Status, is_well, status_lines, status_value

    notes: list[Problem] = []
    settings = options.settings(notes=notes)
    for note in notes:
        echo(problem_text(note), err=True)
    state = Path(settings.state)
    window = settings.update_manager.reboot.window
    found = holder(state)
    told = ask_status(state) if found is not None else None
    work = told.work if told is not None else None
    trouble = "" if found is None else found.trouble if told is None else told.trouble
    try:
        journal = read_journal(state)
    except JournalError as error:
        if told is None:
            raise
        journal, trouble = empty_journal(), trouble or error.message
    if not trouble:
        told = None  # the journal has everything else
    desired = journal.digest("desired")
    attempt = journal.attempts.of(desired) if desired else None
    conditions = told.conditions if told is not None else _with_trouble(journal.conditions(), trouble)
    failed, open_ones = failed_groups(journal), journal.activities()
    status = Status(
        state=settings.state,
        specs=settings.specs,
        engine=settings.engine.kind,
        engine_address=settings.engine.address if settings.engine.kind != "memory" else "",
        pid=(found.pid or 0) if found is not None else None,
        trouble=trouble,
        is_told=told is not None,
        desired=told.desired if told is not None else desired,
        last_good=told.last_good if told is not None else journal.digest("last-good"),
        conditions=conditions,
        failure=Failure(attempt.digest, attempt.why, attempt.failures, attempt.at, attempt.failed) if attempt else None,
        known=bool(desired or journal.last_seq() or trouble),
        message=message_in_force(journal),
        operation=journal.operations.newest(),
        reboot_window=window.text if window is not None else "",
        activities=tuple(open_ones.values()),
        waiting=journal.outbox.waiting(),
        unserved=tuple(each.id for domain, each in open_ones.items() if not serves(settings, domain)),
        work=work,
        said=_said(journal, conditions, attempt),
        groups=failed,
        blocked={group: why for each in conditions for group, why in each.groups.items() if group not in failed},
        held_up={group: why for each in conditions for group, why in each.waiting.items() if group not in failed},
    )
    journal.close()
    if output == "text":
        for line in status_lines(status, system_now(), terminal_width(), terminal_style()):
            echo_lines(line)
    else:
        from evenkeel.controller.cli.output import echo_value

        echo_value(status_value(status), output)
    return 0 if not check or is_well(status) else 1


def _with_trouble(stored: tuple[Condition, ...], trouble: str) -> tuple[Condition, ...]:
    """The stored conditions, and in any case that nothing can be stored now: a controller that began like that could
    not even make its socket, but other processes notice it all the same."""
    from evenkeel.specs.feedback import Condition

    if not trouble:
        return stored
    reason, _, why = trouble.partition(": ")
    if not reason.isalpha():
        reason, why = "Failing", trouble
    return (*(each for each in stored if each.name != "StateWritable"), Condition("StateWritable", False, reason, why))


def _said(journal: Journal, conditions: tuple[Condition, ...], attempt: Attempt | None) -> tuple[str, ...]:
    """The subjects whose failure is shown, and whose output is kept."""
    about_failures: tuple[ConditionName, ...] = ("Healthy", "ContentCurrent", "ActivityCompleted")
    texts = [each.message for each in conditions if each.name in about_failures and not each.holds]
    revision, why = (attempt.digest, [attempt.why]) if attempt is not None else ("", [])
    return journal.failures.with_output(revision, [*texts, *why])
