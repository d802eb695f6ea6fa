"""`evenkeel release`: an operator's word that what came over MQTT is over, and the files have their say again."""

from __future__ import annotations

import click

from evenkeel.controller.cli.options import Options, shared_options


@click.command("release")
@click.option("--abandon", is_flag=True, help="Also end an activity that is open, when no controller is at work.")
@shared_options
def command(options: Options, abandon: bool) -> int:
    """Give the spec files their say again after a desired state from MQTT.

    A desired state that came over MQTT and was reached stays in force, through restarts, whatever the files ask for. This
    ends it: from now on what the files ask for is desired, and a controller at work begins at once. The next desired state
    over MQTT takes over again. `evenkeel plan --files` shows beforehand what it leads to.

    An activity that is open goes on. With --abandon it is ended, for the case that nobody will command it any more, because
    MQTT was disabled: what it began is then taken back like anything that nobody asks for.

    Exit code: 0, or 1 when no desired state from MQTT is in force.
    """
    from pathlib import Path

    from evenkeel.controller.cli.asked import message_in_force
    from evenkeel.controller.journal import open_journal, read_journal
    from evenkeel.controller.lock import ask_to_look_again, holder
    from evenkeel.specs.errors import EvenkeelError
    from evenkeel.specs.feedback import Feedback
    from evenkeel.specs.problem import Place, place_text

    state = Path(options.settings().state)
    reader = read_journal(state)
    message, activity = message_in_force(reader), reader.mail.activity()
    reader.close()
    if abandon and activity is not None:
        if (pid := holder(state)) is not None:
            why = f"is served by the controller at work (process {pid}): command it to CLEANUP, or stop the controller first"
            raise EvenkeelError(f"activity:{activity.id}", why)
        journal = open_journal(state)
        try:
            with journal.at_once():
                journal.mail.record(None)
                journal.say(Feedback("activity", f"{activity.id}: abandoned by an operator"))
        finally:
            journal.close()
        click.echo(
            f"Abandoned: activity {activity.id}. What it began is taken back by the next `evenkeel run` or `apply`."
        )
        if message is None:
            return 0
    elif activity is not None:
        waits = f"{activity.command} is at work" if activity.command else "it waits for a command"
        click.echo(f"Activity {activity.id} is open ({waits}): it goes on, and what it reaches is in force then.")
    if message is None:
        raise EvenkeelError(f"state:{state}", "no desired state from MQTT is in force: there is nothing to release")
    about = place_text(Place(topic=message.topic, activity_id=message.activity_id))
    journal = open_journal(state)
    try:
        with journal.at_once():
            files = journal.revision("files")
            journal.drop("message")
            if files is None:
                journal.drop("desired")
            else:
                journal.put("desired", files, "files")
            journal.say(Feedback("released", f"an operator releases {about}", revision=files.digest if files else ""))
    finally:
        journal.close()
    click.echo(f"Released: {about}.")
    if files is None:
        click.echo("No valid spec file was ever read here: what runs is left as it is until there is one.")
    else:
        count = len(files.documents)
        click.echo(f"Desired is what the files ask for: revision {files.digest}, {count} document{'s' * (count != 1)}.")
    if not ask_to_look_again(state):
        click.echo("No controller is at work; `evenkeel run` or `evenkeel apply` will do it.")
    return 0
