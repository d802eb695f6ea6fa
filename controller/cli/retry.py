"""`evenkeel retry`: an operator has a failed revision tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from evenkeel.controller.cli.options import Options, shared_options
from evenkeel.controller.cli.output import echo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from evenkeel.controller.journal.journal import Journal

_BY_THE_NEXT = " by the next `evenkeel run` or `evenkeel apply`"


@click.command("retry")
@shared_options("config", "state")
def command(options: Options) -> int:
    """Try a failed revision again.

    A revision that failed is not tried again by itself until its content changes. This forgets the failure; a controller
    at work is told to look at once, and without one the next `evenkeel run` or `evenkeel apply` tries it.

    A certificate that is to follow, and that its cloud did not let in, is tried again by itself, with growing pauses of up to
    an hour. This ends the pause.

    Exit code: 0, also when nothing has failed.
    """
    from pathlib import Path

    from evenkeel.controller.cli.provision.pausing import end_pauses
    from evenkeel.controller.journal.journal import open_journal, read_journal
    from evenkeel.controller.journal.lock import holder
    from evenkeel.specs.feedback import Condition, Feedback

    state = Path(options.settings().state)
    reader = read_journal(state)
    desired = reader.digest("desired")
    attempt = reader.attempts.of(desired) if desired else None
    rejected = reader.attempts.has_contents()
    others = _others(reader)
    reader.close()
    paused = end_pauses(state)
    if attempt is None and not rejected:
        if not paused:
            echo("No failed revision: there is nothing to retry.")
            return 0
        _say_ended(paused, by=_by(state))
        return 0
    why = f"it had failed: {attempt.why}" if attempt is not None else others
    journal = open_journal(state)
    try:
        with journal.at_once():
            if journal.attempts.forgive_all(desired):
                journal.say(Feedback("revision-retried", f"an operator retries it; {why}", revision=desired))
                if holder(state) is None:  # a controller at work reports it itself, once it has looked
                    text = f"revision {desired} is tried again{_BY_THE_NEXT}; {why}"
                    journal.set_condition(Condition("Settled", False, "Retrying", text))
                    for known in journal.conditions():
                        if known.name == "ContentCurrent":
                            journal.drop_condition(known.name, known.domain)
    finally:
        journal.close()
    by = _by(state)
    echo(f"Revision {desired} is tried again{by}; {why}")
    _say_ended(paused, by=by)
    return 0


def _by(state: Path) -> str:
    """Have the controller at work look again; the words where there is none."""
    from evenkeel.controller.control.ask import ask_to_look_again

    return "" if ask_to_look_again(state) else f"{_BY_THE_NEXT}; no controller is at work now"


def _say_ended(paused: Mapping[str, str], *, by: str) -> None:
    for name, why in paused.items():
        echo(f"The next certificate of {name} is tried again{by}; it could not be had: {why}")


def _others(journal: Journal) -> str:
    """The failed groups of a revision that has not failed as a whole."""
    from evenkeel.controller.cycle.in_force import failed_groups

    groups = [f"group {group} had failed: {why}" if group else why for group, why in failed_groups(journal).items()]
    return "; ".join(groups) or "an image that was pushed again had failed"
