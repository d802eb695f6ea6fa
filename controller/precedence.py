"""Which messages that wait have precedence over the command at work.

By level: asked of the inbox each time, so that it is the same after a crash. Nothing here changes anything.

All waiting messages are read with `peek`. A message on which a reader breaks must fail in its own turn, where tries are
counted. If it also failed here, it would block the activity at work for ever, because no try is counted here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from evenkeel.controller.conduct import AgentSettings, Topics, read_desired
from evenkeel.controller.mailbox import Incoming, Mailbox
from evenkeel.reconcilers import activity as activities
from evenkeel.reconcilers.asked import Asked
from evenkeel.specs import updateagent
from evenkeel.specs.activity import Activity

log = logging.getLogger(__name__)


Content = TypeVar("Content")


def peek(payload: bytes, read: Callable[[bytes], Content]) -> Content | None:
    """The content of a waiting message, `None` if `read` breaks on it."""
    try:
        return read(payload)
    except Exception:
        log.debug("waiting message cannot be read", exc_info=True)
        return None


def has_id(activity: Activity | None, id_: str) -> bool:
    """Whether an open activity is followed by this id; one without an id is not followed."""
    return activity is not None and activity.id == id_ != ""


class Precedence:
    """What waits for one agent."""

    def __init__(self, settings: AgentSettings, topics: Topics, mail: Mailbox) -> None:
        self._settings, self._topics, self._mail = settings, topics, mail

    def read(self, payload: bytes) -> Asked:
        """What a desired state asks for."""
        return read_desired(self._settings, self._topics, payload)

    def has_to_give_way(self, activity: Activity) -> bool:
        """Whether its command is not carried on, because what takes its place waits already.

        A clean-up comes to its end, or what it began to take back would be left as it is; only the same desired state takes
        its place while it waits for trouble to pass. A download that goes on is what the same desired state needs first: to
        begin it anew each time that an update manager has lost patience would never bring it to an end."""
        if activities.is_over(activity):
            return False
        if activity.command == "CLEANUP":
            return _waits(activity) and any(
                self.asks_again(message.payload, activity) for message in self._mail.waiting_on(self._topics.desired)
            )
        goes_on = activity.command == "DOWNLOAD" and not _waits(activity)
        return self._is_followed(activity, but_by_itself=goes_on)

    def _is_followed(self, activity: Activity, *, but_by_itself: bool = False) -> bool:
        return bool(self._mail.waiting_on(self._topics.refused)) or any(
            self.takes_the_place(message.payload, activity)
            and not (but_by_itself and self.asks_again(message.payload, activity))
            for message in self._mail.waiting_on(self._topics.desired)
        )

    def takes_the_place(self, payload: bytes, activity: Activity | None) -> bool:
        """Whether a desired state begins an activity, or the open one again, or is refused and ends it."""
        asked = peek(payload, self.read)
        return asked is not None and (not asked.reasons or has_id(activity, asked.activity_id))

    def asks_again(self, payload: bytes, activity: Activity) -> bool:
        """Whether a desired state is the one of the open activity."""
        asked = peek(payload, self.read)
        return asked is not None and (asked.activity_id, asked.content) == (activity.id, activity.content)

    def read_command(self, payload: bytes) -> updateagent.Command | None:
        """The command of a waiting message, `None` if it has none."""
        command = peek(payload, lambda content: updateagent.read_command(content, self._topics.command))
        return command if isinstance(command, updateagent.Command) else None

    def cut_short_by(self, activity: Activity) -> str | None:
        """The command that waits and ends the one at work, `None` when none does. Only the first one for this activity counts:
        others may follow it in their turn. Where no command is at work, "" for a desired state that ends the wait for the
        last look."""
        if not activity.command:
            return "" if _waits(activity) and self._is_followed(activity) else None
        for message in self._mail.waiting_on(self._topics.command):
            command = self.read_command(message.payload)
            if command is not None and command.activity_id == activity.id:
                cuts = activities.is_cut_short(activity, command.command, command.baseline)
                return command.command if cuts else None
        return None

    def goes_on(self, activity: Activity) -> bool:
        """Whether another desired state under its id waits, so that its end is not the last word of the id."""
        return any(has_id(activity, _id_of(message.payload)) for message in self._mail.waiting_on(self._topics.desired))

    def is_sent_again(self, message: Incoming, id_: str) -> bool:
        """Whether another desired state under the same id waits behind this one."""
        later = [each for each in self._mail.waiting_on(self._topics.desired) if each.id > message.id]
        return any(_id_of(each.payload) == id_ != "" for each in later)


def _id_of(payload: bytes) -> str:
    envelope = peek(payload, updateagent.read_envelope)
    return envelope.activity_id if envelope is not None else ""


def _waits(activity: Activity) -> bool:
    """Whether its command waits for trouble to pass."""
    return any(action.waits_for for action in activity.actions)
