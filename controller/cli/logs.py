"""`evenkeel logs`: the output of a container at its last failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from evenkeel.controller.cli.options import Options, shared_options
from evenkeel.controller.cli.output import echo

if TYPE_CHECKING:
    from collections.abc import Collection

    from evenkeel.specs.output import LastFailure

_MOST = 10


@click.command("logs")
@click.argument("name")
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", help="How to print.")
@shared_options("config", "state")
def command(options: Options, name: str, output: str) -> int:
    """Show what a container had said when it last failed.

    When a container fails its proof, crashes or fails its check, evenkeel keeps the last lines of its output (at most 40), and
    the output of its check's command, before the container is removed. They are kept until the container fails again, also when
    it is well or gone by then. For the present output of a container, ask the engine: docker logs.

    While a container keeps ending, the controller at work knows the lines of the newest end that it has seen. It writes the
    first to the disk at once, later ones when 10 s, 20 s, 40 s, … 10 min have passed since its last write, and the newest when
    the controller is stopped; after a power loss, the lines of the last write are shown. The lines of a check that goes on
    failing are read every 10 min. The time tells which failure the lines are from.

    (env.NAME) stands for the value of a variable that its spec marks as secret or whose name looks so (PASSWORD, TOKEN, KEY),
    (hidden) for the password in an address. A value shorter than four characters is replaced in quotes only. Any other secret
    that the program wrote by itself is kept and shown.

    Exit code: 0, also when no failure of the container is known; 1 for an unknown name.
    """
    from contextlib import closing
    from pathlib import Path

    from evenkeel.controller.cli.names import known_names
    from evenkeel.controller.cli.newest import hear_failures
    from evenkeel.controller.journal.journal import read_journal
    from evenkeel.reconcilers.counted import listed
    from evenkeel.specs.errors import EvenkeelError

    state = Path(options.settings().state)
    with closing(read_journal(state)) as journal:
        hear_failures(state, journal)
        found = journal.failures.last(name)
        others = [each.subject for each in journal.failures.all()]
        known = known_names(journal)
    if found is None:
        there_are = f"; there are those of {listed(others, _MOST)}" if others else ""
        if name not in known and known:
            raise EvenkeelError(f"container:{name}", f"no failure of it is known{there_are}{_hint(name, known)}")
        echo(f"No failure of {name} is known: there is nothing to show{there_are}.", err=True)
        echo("`evenkeel describe` has all that is known of it.", err=True)
        if output == "text":
            return 0
    if output != "text":
        from evenkeel.controller.cli.output import echo_value

        echo_value(_value(name, found), output)
        return 0
    import time

    assert found is not None
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


def _hint(name: str, known: Collection[str]) -> str:
    from evenkeel.specs.problem import likely

    near = likely(name, known)
    return f"; {near}" if near else ""


def _value(name: str, found: LastFailure | None) -> dict[str, Any]:
    """`at` is `None` where no failure is known."""
    from evenkeel.templates.moment import iso_text

    if found is None:
        return {"apiVersion": "evenkeel/v1", "kind": "LastFailure", "name": name, "at": None}
    return {
        "apiVersion": "evenkeel/v1",
        "kind": "LastFailure",
        "name": name,
        "at": iso_text(found.at),
        "why": found.why,
        "revision": found.revision,
        "instance": found.instance,
        "exitCode": found.output.exit_code,
        "lines": list(found.output.lines),
        "check": list(found.output.check),
        "unread": found.output.unread or None,
    }
