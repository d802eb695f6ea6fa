"""`evenkeel describe`: all about one container, file, registry or identity, or the operating system, in one place."""

from __future__ import annotations

import click

from evenkeel.controller.cli.options import (
    ENGINE,
    SHOW_VALUES,
    Options,
    check_values_may_show,
    say_simulated,
    shared_options,
    terminal_style,
)
from evenkeel.controller.cli.output import echo, echo_lines
from evenkeel.controller.cli.subjects import SUBJECTS, KindOfOne, describe_hint


@click.command("describe")
@click.argument("what", type=KindOfOne(), required=False)
@click.argument("name", required=False)
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", help="How to print it.")
@click.option("--show-values", is_flag=True, help=SHOW_VALUES)
@shared_options("config", "state", *ENGINE)
def command(options: Options, what: str | None, name: str | None, output: str, show_values: bool) -> int:
    """Tell all about one container, file, registry, identity, or operating system.

    The description has the places that ask for the subject, its revisions and its group, the difference from the state in force
    and its consequence, and the newest entries (`evenkeel events NAME` has more; entries that repeat are one line here). A
    subject that is gone has its entries, and the things that it left behind.

    For a container: whether it is well, with the reason if not; the files after whose change it is started again; its instances
    in the engine with state, check, image and ports; and its spec beyond the defaults. The last output of its check's command
    is shown as `evenkeel logs` shows output.

    For a file: the object at its path and its owner, whether the file was read back since evenkeel placed it, the object
    that evenkeel has replaced there and keeps, and the containers and units that the file notifies. No content is shown; a
    digest is, unless the content may be secret.

    For a registry: where its credentials come from, whom it trusts, and whether what is asked for is in force and proven. No
    registry is asked for that.

    For an identity: the device id, its certificates with their thumbprints, the hub, where the files are, for what somebody
    is waited for, and whether it is in force and proven. No cloud is asked for that, and no key and no connection string is
    shown.

    For an operating system: each slot with its version and its marks, whether it was proven, and how long the last reboot took.

    Values of variables and words of commands are not shown. --show-values shows them, on a terminal only and as text only,
    except those that a spec marks as `secret` or whose name says so.

    The spec is that of the state in force: the state that the controller last took over, or last-good once that state has
    failed. Its check is the one that is made, and `status` and `get` refer to the same state. Differences of a failed revision
    are listed as not done. A spec that was changed since is in `evenkeel plan`.

    Exit code: 0; 1 for an unknown name, and when the engine cannot be asked; everything else is shown then, too.
    """
    import asyncio
    from contextlib import closing
    from pathlib import Path

    from evenkeel.controller.cli.history import dated_line
    from evenkeel.controller.cli.newest import hear_failures
    from evenkeel.controller.journal.journal import read_journal
    from evenkeel.controller.process.clock import system_now
    from evenkeel.templates.describe_text import describe_lines, describe_value

    if what is None or name is None:
        raise click.UsageError(f"say which one: {describe_hint('NAME', [what] if what else ())}")
    if show_values:
        check_values_may_show(output)
    settings = options.settings()
    subjects = SUBJECTS[what].subjects
    with closing(read_journal(Path(settings.state))) as journal:
        hear_failures(Path(settings.state), journal)
        described, away = asyncio.run(subjects.description(settings, journal, name, show_values=show_values))
    if output == "text":
        style = terminal_style()
        for line in describe_lines(described, system_now(), style):
            echo_lines(line)
        if described.entries:
            echo()
            echo("what happened lately")
        for each in described.entries:
            echo_lines(dated_line(each.entry, style, name, each))
        say_simulated(settings)
    else:
        from evenkeel.controller.cli.output import echo_value

        echo_value(describe_value(described), output)
    if away is not None:  # an error, whatever is known without the engine
        echo(f"error: {away}", err=True)
        return 1
    return 0
