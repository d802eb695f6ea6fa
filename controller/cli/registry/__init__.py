"""`evenkeel registry`: the registries that are asked for, and what a person may do about them."""

from __future__ import annotations

import click

from evenkeel.controller.cli.options import (
    ENGINE,
    Options,
    say_simulated,
    shared_options,
    terminal_style,
    terminal_width,
)
from evenkeel.controller.cli.output import echo, echo_lines
from evenkeel.controller.cli.registry.changing import add, remove
from evenkeel.controller.cli.registry.moving import export_command, import_command
from evenkeel.controller.cli.registry.testing import test_command


@click.group("registry", invoke_without_command=True)
@shared_options("config", "state", "specs", *ENGINE)
@click.pass_context
def command(context: click.Context, options: Options) -> None:
    """Say which registries let this device in, and how; test them.

    \b
      evenkeel registry list                     all that are asked for, and whether they are in force and proven
      evenkeel registry test ghcr.io             each step on the way in, and where it stopped
      evenkeel registry add ghcr.io --user ci    ask for it; the password is asked for, and never shown
      evenkeel registry remove ghcr.io
      evenkeel registry import FILE              from Docker's, Podman's or Kanto's file
      evenkeel registry export --format kanto FILE

    `add`, `remove` and `import` change a spec file, and show what changes before they do. The controller at work takes it over
    as any other change, or `evenkeel apply`. A password goes into a file that only its owner may read, and is in no spec.
    """
    context.obj = options
    if context.invoked_subcommand is None:
        echo_lines(context.get_help())


@command.command("list")
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", help="How to print them.")
@shared_options("config", "state", "specs", *ENGINE)
def list_command(options: Options, output: str) -> int:
    """List the registries that the specs ask for.

    CREDENTIALS says where they come from. IN FORCE: the engine goes by what the spec asks for now. PROVEN: the registry let
    the device in with that; `once`: with what a credential helper gave then, which may give something else now, and is not
    asked here. No secret is read for it but to compare it, and none is shown. A registry that nobody asks for any more is
    listed as long as something of it is in force.

    Exit code: 0; 1 when the specs or the engine's configuration cannot be read.
    """
    import asyncio
    from contextlib import closing
    from pathlib import Path

    from evenkeel.controller.cli.output import echo_value
    from evenkeel.controller.cli.registry.spec_file import read_state
    from evenkeel.controller.cli.subjects.registries import at_places
    from evenkeel.controller.journal.journal import read_journal
    from evenkeel.templates.registries_described import COLUMNS, place_colour, place_row, place_value
    from evenkeel.templates.tables import table_lines

    settings = options.settings()
    state = read_state(settings)
    with closing(read_journal(Path(settings.state))) as journal:
        engine, found = asyncio.run(at_places(settings, journal, state))
    if output != "text":
        items = [place_value(each) for each in found]
        echo_value({"apiVersion": "evenkeel/v1", "kind": "Registries", "engine": engine, "items": items}, output)
        return 0
    if not found:
        echo("No registry is asked for; `evenkeel registry add HOST` does.")
    rows = [place_row(each) for each in found]
    for line in table_lines(COLUMNS, rows, terminal_width(), terminal_style(), place_colour) if rows else ():
        echo_lines(line)
    for each in found:
        if each.why:
            echo(f"Note: {each.place}: {each.why}")
    say_simulated(settings)
    return 0


for _command in (test_command, add, remove, import_command, export_command):
    command.add_command(_command)
