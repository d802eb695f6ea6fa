"""`evenkeel release`: an operator ends the force of a state that came over MQTT, and the files are in force again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from evenkeel.controller.cli.options import Options, shared_options
from evenkeel.controller.cli.output import echo
from evenkeel.controller.cli.reading import message_in_force
from evenkeel.specs.problem import Place, place_text
from evenkeel.templates.activity_text import ABANDON_HINT

if TYPE_CHECKING:
    from pathlib import Path

    from evenkeel.specs.settings.settings import Settings
    from evenkeel.templates.activity_text import MessageOrigin

_NOTHING_OPEN = "No activity is open: there is nothing to abandon."


@click.command("release")
@click.option("--abandon", is_flag=True, help="End an activity that nobody commands, when no controller is at work.")
@shared_options("config", "state")
def command(options: Options, abandon: bool) -> int:
    """Give the spec files their say again after a desired state from MQTT.

    A desired state that came over MQTT and was reached stays in force, through restarts, whatever the files ask for. This
    command ends that: from now on the state of the files is desired, and a controller at work begins at once. The next desired
    state over MQTT takes over again. `evenkeel plan --files` shows the consequences beforehand.

    An open activity goes on. With --abandon it is ended instead, and nothing else is done: for an activity that nobody will
    command any more, because MQTT was disabled. Its activated components stay, the next `evenkeel run` or `apply` takes back
    its other work, and its commander receives INCOMPLETE as soon as MQTT is there again.

    Exit code: 0, also when there is nothing to release, or to abandon.
    """
    from pathlib import Path

    from evenkeel.controller.journal.journal import read_journal
    from evenkeel.controller.wiring import serves

    settings = options.settings()
    state = Path(settings.state)
    reader = read_journal(state)
    message, activities = message_in_force(reader), reader.activities()
    reader.close()
    if abandon:
        if not activities:
            echo(_NOTHING_OPEN)
        else:
            _abandon(settings, state)
        return 0
    for domain, activity in activities.items():
        if serves(settings, domain):
            waits = f"{activity.command} is at work" if activity.command else "it waits for a command"
            echo(f"Activity {activity.id} is open ({waits}): it goes on, and what it reaches is in force then.")
        else:
            echo(f"Activity {activity.id} is open, and nobody serves it: its agent is off. {ABANDON_HINT}.")
    if message is None:
        echo("No desired state from MQTT is in force: there is nothing to release.")
    else:
        _release(state, message)
    return 0


def _abandon(settings: Settings, state: Path) -> None:
    """Abandon the open activity under the lock: a controller that starts meanwhile would serve it."""
    from contextlib import closing

    from evenkeel.controller.journal.ending import end_activity
    from evenkeel.controller.journal.journal import open_journal
    from evenkeel.controller.journal.lock import holder, sole_controller
    from evenkeel.controller.process.clock import system_now
    from evenkeel.reconcilers.agents.in_force import in_force
    from evenkeel.specs.codec import changed
    from evenkeel.specs.errors import Busy, EvenkeelError

    try:
        with sole_controller(state), closing(open_journal(state)) as journal:
            activities = journal.activities()
            if not activities:
                echo(_NOTHING_OPEN)
                return
            system = sorted({*settings.system_containers, *settings.update_agent.system_containers})
            for domain, activity in activities.items():
                ended, mail = changed(activity, because="abandoned by an operator"), journal.mailbox(domain)
                kept = in_force(ended, system)
                end_activity(journal, mail, ended, "INCOMPLETE", kept, system_now(), journal.say, judged=False)
            message = message_in_force(journal)
    except Busy as busy:
        found = holder(state)
        process = f" (process {found.pid})" if found is not None and found.pid else ""
        why = (
            f"a controller is at work here{process} and serves it: command it to CLEANUP, or stop the controller first"
        )
        raise EvenkeelError(f"state:{state}", why) from busy
    for activity in activities.values():
        echo(f"Abandoned: activity {activity.id}. The next `evenkeel run` or `apply` takes it back.")
    if message is not None:
        about = place_text(Place(topic=message.topic, activity_id=message.activity_id))
        echo(f"{about} is in force; `evenkeel release` gives the files their say.")


def _release(state: Path, message: MessageOrigin) -> None:
    from evenkeel.controller.control.ask import ask_to_look_again
    from evenkeel.controller.journal.ending import forget_ended
    from evenkeel.controller.journal.intent import put_in_force
    from evenkeel.controller.journal.journal import open_journal
    from evenkeel.specs.feedback import Feedback

    about = place_text(Place(topic=message.topic, activity_id=message.activity_id))
    journal = open_journal(state)
    try:
        with journal.at_once():
            files = journal.readable_revision("files")
            lost = files is None and bool(journal.digest("files"))
            for domain in journal.overruled():
                journal.drop("message", domain)
                forget_ended(journal, domain)
            put_in_force(journal, files, "files")
            journal.say(Feedback("released", f"an operator releases {about}", revision=files.digest if files else ""))
        broken = [known for known in journal.conditions() if known.name == "SourceValid" and not known.holds]
    finally:
        journal.close()
    echo(f"Released: {about}.")
    if lost:
        echo("What the files asked for cannot be read any more: what runs is left as it is until they are read again.")
    elif files is None:
        echo("No valid spec file was ever read here: what runs is left as it is until there is one.")
    else:
        count = len(files.documents)
        documents = f"revision {files.digest}, {count} document{'s' * (count != 1)}"
        if broken:
            echo(f"Desired is what the files asked for when they could last be read: {documents}.\n{broken[0].message}")
        else:
            echo(f"Desired is what the files ask for: {documents}.")
    if not ask_to_look_again(state):
        echo("No controller is at work; `evenkeel run` or `evenkeel apply` will do it.")
