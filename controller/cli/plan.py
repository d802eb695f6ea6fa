"""`evenkeel plan`: dry by construction. The journal and the parse cache are opened for reading, the engine is only observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from evenkeel.controller.cli.options import (
    ENGINE,
    SHOW_VALUES,
    Options,
    check_values_may_show,
    say_simulated,
    shared_options,
    terminal_style,
    terminal_width,
)
from evenkeel.controller.cli.output import echo, echo_lines

if TYPE_CHECKING:
    from evenkeel.specs.kanto.activity import Activity
    from evenkeel.templates.activity_text import MessageOrigin


@click.command("plan")
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", help="How to print it.")
@click.option("--allow-empty", is_flag=True, help="Specs that ask for nothing mean that everything goes.")
@click.option("--show-values", is_flag=True, help=SHOW_VALUES)
@click.option("--files", is_flag=True, help="Plan for the files, also when a desired state from MQTT is in force.")
@shared_options("config", "state", "specs", *ENGINE)
def command(options: Options, output: str, allow_empty: bool, show_values: bool, files: bool) -> int:
    """Show what would be done, and do nothing.

    Reads the specs, looks at the engine and prints what differs, why, and where it was asked for. Nothing is written,
    nothing on the device changes. If a desired state that came over MQTT is in force, the plan is for that state, as the
    controller would perform it; --files shows the consequences of `evenkeel release`.

    \b
      +  create     a container that is not there
      ~  recreate   a new one beside the old, then the switch; the line below has the time without it
      ~  update     limits and restart policy, in place
      ~  install    another operating system, into a slot that is not booted; a reboot follows
      ~  boot       the slot that has the operating system already
      ~  start      it is there and does not run
      ~  restart    it was started before a change of something that it runs with
      ~  connect    it is cut off from its network, and is put back
      ~  finish     all but done: its health is not proven, or an old instance is left over
      -  remove     nobody asks for it any more
      ·             never touched
      !  blocked    asked for, and it cannot be done

    Values of variables and words of commands are not shown: `changed` says that there are others. --show-values shows them, on
    a terminal only and as text only, except those that a spec marks as `secret` or whose name says so.

    Exit code: 0 nothing to do, 2 something to do, 1 an error, or all that is left to do is blocked.
    """
    import asyncio
    from pathlib import Path

    from evenkeel.controller.cli.preconditions import planned_preconditions, present_values
    from evenkeel.controller.cli.reaching import awaiting_engine
    from evenkeel.controller.cli.reading import desired_reading, message_in_force
    from evenkeel.controller.cycle.preview import Preview, preview
    from evenkeel.controller.journal.journal import read_journal
    from evenkeel.controller.wiring import open_domains

    if show_values:
        check_values_may_show(output)
    settings = options.settings()
    journal = read_journal(Path(settings.state))
    message = message_in_force(journal)
    by_message = journal.revision("message", journal.overruled()[0]) if message is not None and not files else None
    desired = by_message or desired_reading(settings, readonly=True, allow_empty=allow_empty).desired
    present = present_values(settings)
    planned_ones = planned_preconditions(journal, desired, present)
    notes = _notes(message, next(iter(journal.activities().values()), None), files)

    async def look() -> Preview:
        domains = open_domains(settings, readonly=True)
        try:
            with awaiting_engine(settings):
                return await preview(domains, journal, desired, present)
        finally:
            for domain in domains:
                await domain.driver.close()

    found = asyncio.run(look())
    journal.close()
    if output == "text":
        from evenkeel.templates.plan_text import plan_lines

        shown, asked = found.texts(show_values=show_values), desired.subjects()
        for line in plan_lines(shown, terminal_width(), terminal_style(), found.groups, asked):
            echo_lines(line)
        if planned_ones:
            from evenkeel.templates.preconditions_text import precondition_lines

            for each in planned_ones:
                for line in precondition_lines(each, terminal_width(), terminal_style()):
                    echo_lines(line)
        for note in (*notes, *found.notes):
            echo(f"Note: {note}")
        say_simulated(settings)
    else:
        from evenkeel.controller.cli.output import echo_value
        from evenkeel.templates.plan_json import plan_value

        value = plan_value(found.texts(), desired.digest, (*notes, *found.notes), found.groups, planned_ones)
        echo_value(value, output)
    if found.does_something:
        return 2
    return 1 if found.is_blocked else 0


def _notes(message: MessageOrigin | None, activity: Activity | None, files: bool) -> tuple[str, ...]:
    from evenkeel.specs.problem import Place, place_text

    notes = []
    if message is not None:
        about = place_text(Place(topic=message.topic, activity_id=message.activity_id))
        other = "the plan is what `evenkeel release` would lead to" if files else "--files plans for the files instead"
        notes.append(f"in force is {about}, and not the files; {other}")
    if activity is not None:
        notes.append(f"activity {activity.id} is open: what it is about is left to it until it ends")
    return tuple(notes)
