"""`evenkeel get`: what is there, asked of the engines themselves; and groups, which the journal knows."""

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
from evenkeel.controller.cli.output import echo_lines
from evenkeel.controller.cli.subjects import LISTED, KindOfMany, describe_hint, domain_of, get_hint


@click.command("get", context_settings={"allow_extra_args": True})
@click.argument("what", type=KindOfMany(), required=False)
@click.option(
    "-o", "--output", type=click.Choice(["text", "wide", "json", "yaml"]), default="text", help="How to print."
)
@shared_options("config", "state", *ENGINE)
def command(options: Options, what: str | None, output: str) -> int:
    """List what is there: containers, files, registries, identities, systems, groups.

    \b
      evenkeel get containers   all of the engine, whoever created them
      evenkeel get files        those that are asked for, and those that evenkeel has placed
      evenkeel get registries   those that are asked for, and those of which something is still in force
      evenkeel get identities   who this device is, for each document that asks for an identity
      evenkeel get os           the operating systems in the slots of the device
      evenkeel get baselines    the groups of what is desired, and all that is in none

    The column BY has the owner: `evenkeel` (managed), `others` (not ours), or `system` (a container that is never touched);
    `evenkeel adopt` takes over a container of others.

    If the engine has another name for a container, as in the middle of a switch or for a name that it does not accept, that
    name stands in brackets. -o wide shows more columns, the published ports among them.

    For a file, the object at its path is shown (`file`, `link to …`, `folder`, `special`, `absent`), whether somebody asks for
    the file, and owner and mode in numbers. -o wide shows whether the file was read back since it was placed, and the digest of
    its content, unless the content may be secret. No content is shown.

    For an identity, the device id, its certificate with the date of its end, and the hub are shown, whether all that is
    asked for is in force, and whether the hub has let the device in with that. -o wide shows the folder and the SHA-1
    thumbprint, too.

    For an operating system, its slot is shown, whether it runs (`now`) and is booted next, and whether it was proven.
    Those that evenkeel has not proven are of others, such as that of the factory. `evenkeel slots` shows all slots.

    For a group, the members over all domains are shown. The column STATE says whether what is desired of the group is good,
    changing, failed (last-good is in force) or blocked (it cannot be had); a group is empty when nothing asks for a member.
    SET ASIDE is content that was pushed under a tag in force, tried and failed. The engine is not asked. Without a `Baseline`
    in what is desired there are no groups.
    """
    import asyncio
    from contextlib import closing
    from pathlib import Path

    from evenkeel.controller.journal.journal import read_journal
    from evenkeel.controller.process.clock import system_now

    if what is None:
        raise click.UsageError(f"say what to get: {get_hint()}")
    more = click.get_current_context().args
    if more:
        domain = domain_of(what)
        name, kinds, which = (more[0], [domain], "one") if domain is not None else ("NAME", [], "one member")
        raise click.UsageError(f"`get` lists all of them; all about {which}: {describe_hint(name, kinds)}")
    settings = options.settings()
    is_wide = output == "wide"
    with closing(read_journal(Path(settings.state))) as journal:
        found = asyncio.run(LISTED[what].listing(settings, journal, system_now(), wide=is_wide))
    if output in ("json", "yaml"):
        from evenkeel.controller.cli.output import echo_value

        items = list(found.items)
        echo_value(
            {"apiVersion": "evenkeel/v1", "kind": found.kind, "engine": found.engine or None, "items": items}, output
        )
        return 0
    from evenkeel.templates.tables import table_lines

    width = 0 if is_wide else terminal_width()
    for line in table_lines(found.columns, found.rows, width, terminal_style(), found.colour):
        echo_lines(line)
    say_simulated(settings)
    return 0
