"""`evenkeel plan`: dry by construction. The journal and the parse cache are opened for reading, the engine is only observed."""

from __future__ import annotations

import click

from evenkeel.controller.cli.options import Options, shared_options, terminal_style, terminal_width


@click.command("plan")
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", help="How to print it.")
@click.option("--allow-empty", is_flag=True, help="Specs that ask for nothing mean that everything goes.")
@shared_options
def command(options: Options, output: str, allow_empty: bool) -> int:
    """Show what would be done, and do nothing.

    Reads the specs, looks at the engine and prints what differs, why, and where it was asked for. Nothing is written,
    nothing on the device changes.

    \b
      +  create     a container that is not there
      ~  recreate   a new one beside the old, then the switch; the line below says for how long it is away
      ~  update     limits and restart policy, in place
      ~  start      it is there and does not run
      ~  finish     all but done: its health is not proven, or an old instance is left over
      -  remove     nobody asks for it any more
      ·             never touched
      !  blocked    asked for, and it cannot be done

    Exit code: 0 nothing to do, 2 something to do, 1 an error, or all that is left to do is blocked.
    """
    import asyncio
    from pathlib import Path

    from evenkeel.controller.cli.asked import asked
    from evenkeel.controller.journal import read_journal
    from evenkeel.controller.preview import Preview, preview
    from evenkeel.controller.wiring import open_driver, reconciler

    settings = options.settings()
    reading = asked(settings, readonly=True, allow_empty=allow_empty)
    journal = read_journal(Path(settings.state))

    async def look() -> Preview:
        driver = open_driver(settings, readonly=True)
        try:
            return await preview(reconciler(settings), driver, journal, reading.desired)
        finally:
            await driver.close()

    found = asyncio.run(look())
    journal.close()
    if output == "text":
        from evenkeel.templates.plan_text import plan_lines

        for line in plan_lines(found.plan, found.seen, found.history, terminal_width(), terminal_style()):
            click.echo(line)
        for note in found.notes:
            click.echo(f"Note: {note}")
        if settings.engine.kind == "memory":
            click.echo("Note: this is the memory engine, which only simulates; --engine docker is real", err=True)
    else:
        from evenkeel.controller.cli.output import echo_value
        from evenkeel.templates.plan_json import plan_value

        echo_value(plan_value(found.plan, found.seen, found.history, reading.desired.digest, found.notes), output)
    if found.plan.stages:
        return 2
    return 1 if any(difference.verb == "blocked" for difference in found.plan.differences) else 0
