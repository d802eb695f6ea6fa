"""`evenkeel logs`: what a container had said when it failed the last time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from evenkeel.controller.cli.options import Options, shared_options

if TYPE_CHECKING:
    from evenkeel.specs.output import LastFailure


@click.command("logs")
@click.argument("name")
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", help="How to print.")
@shared_options("config", "state")
def command(options: Options, name: str, output: str) -> int:
    """Show what a container had said when it last failed.

    When a container fails its proof, crashes or fails its check, evenkeel keeps the last lines of its output (at most 40), and
    what the command of its check said, before the container is removed. They are kept until it fails again, also when it is
    well or gone by then. What a container says now is the engine's to tell: docker logs.

    While it keeps ending, the controller at work knows the lines of the newest end that it has seen. It writes the first to the
    disk at once, later ones when 10 s, 20 s, 40 s, … 10 min have passed since it last did, and the newest when it is stopped;
    after a power loss, the last that was written is shown. Of a check that goes on failing they are read every 10 min. The time
    says which failure it is.

    (env.NAME) stands for the value of a variable that its spec marks as secret or whose name looks so (PASSWORD, TOKEN, KEY),
    (hidden) for the password in an address. A value shorter than four characters is replaced in quotes only. Any other secret
    that the program wrote by itself is kept and shown.

    Exit code: 0; 1 when no failure of the container is known.
    """
    from contextlib import closing
    from pathlib import Path

    from evenkeel.controller.cli.newest import hear_failures
    from evenkeel.controller.journal import read_journal
    from evenkeel.specs.errors import EvenkeelError

    state = Path(options.settings().state)
    with closing(read_journal(state)) as journal:
        hear_failures(state, journal)
        found = journal.failures.last(name)
        others = [each.subject for each in journal.failures.all()]
    if found is None:
        known = f"; there are those of {', '.join(sorted(others))}" if others else ""
        raise EvenkeelError(f"container:{name}", f"no failure of it is known{known}")
    if output != "text":
        from evenkeel.controller.cli.output import echo_value

        echo_value(_value(found), output)
        return 0
    import time

    from evenkeel.controller.cli.output import echo

    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(found.at))
    echo(f"{found.subject}: {found.why}, at {at}, as {found.instance[:12]}", err=True)
    said = found.output
    if said.unread:
        echo(f"Its output could not be read: {said.unread}", err=True)
    elif not said.lines:
        echo("It had written nothing.", err=True)
    for line in said.lines:
        echo(line)
    if said.check:
        echo("Its check had said:", err=True)
    for line in said.check:
        echo(line)
    return 0


def _value(found: LastFailure) -> dict[str, Any]:
    from evenkeel.templates.moment import iso_text

    return {
        "apiVersion": "evenkeel/v1",
        "kind": "LastFailure",
        "name": found.subject,
        "at": iso_text(found.at),
        "why": found.why,
        "revision": found.revision,
        "instance": found.instance,
        "exitCode": found.output.exit_code,
        "lines": list(found.output.lines),
        "check": list(found.output.check),
        "unread": found.output.unread or None,
    }
