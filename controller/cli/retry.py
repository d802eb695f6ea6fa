"""`evenkeel retry`: an operator's word that a failed revision deserves another try."""

from __future__ import annotations

import click

from evenkeel.controller.cli.options import Options, shared_options


@click.command("retry")
@shared_options
def command(options: Options) -> int:
    """Try a failed revision again.

    A revision that failed is not tried again by itself until its content changes. This forgets the failure; a controller
    at work is told to look at once.
    """
    from pathlib import Path

    from evenkeel.controller.journal import open_journal, read_journal
    from evenkeel.controller.lock import ask_to_look_again
    from evenkeel.specs.feedback import Feedback

    state = Path(options.settings().state)
    reader = read_journal(state)
    desired = reader.digest("desired")
    attempt = reader.attempt(desired) if desired else None
    reader.close()
    if attempt is None:
        click.echo("No failed revision: there is nothing to retry.")
        return 0
    journal = open_journal(state)
    try:
        if journal.forgive(desired):
            journal.say(
                Feedback("revision-retried", f"an operator retries it; it had failed: {attempt.why}", revision=desired)
            )
    finally:
        journal.close()
    click.echo(f"Revision {desired} is tried again. It had failed: {attempt.why}")
    if not ask_to_look_again(state):
        click.echo("No controller is at work; `evenkeel run` or `evenkeel apply` will try it.")
    return 0
