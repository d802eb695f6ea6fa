"""Which messages that wait have precedence over the command at work.

By level: asked of the inbox each time, so that it is the same after a crash. Nothing here changes anything.

A waiting message is read once, however often it is asked for: a flood would be read again for each of its messages. All
are read with `peek`. A message on which a reader breaks must fail in its own turn, where tries are
counted. If it also failed here, it would block the activity at work for ever, because no try is counted here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple, TypeVar

from evenkeel.controller.agents.conduct import AgentSettings, Topics, read_desired
from evenkeel.controller.journal.mailbox import Incoming, Mailbox
from evenkeel.reconcilers.agents import activity as activities
from evenkeel.reconcilers.agents.asked import Asked
from evenkeel.specs.kanto import updateagent
from evenkeel.specs.kanto.activity import Activity

log = logging.getLogger(__name__)


FLOOD = 10
"""With so many newer desired states behind it, one is not looked at any more. The few that come together otherwise are each
identified in their turn, as the original does it: one of them may be refused, and then the one before it stays open."""
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


class _Heard(NamedTuple):
    """What is known of a waiting message. Of a desired state: its id, the name of its content, and whether it can be followed
    so far; where the reader breaks on it there is at most its id. `command`: of a command."""

    id: str | None = None
    content: str | None = None
    is_sound: bool | None = None
    command: updateagent.Command | None = None


class Precedence:
    """What waits for one agent."""

    def __init__(self, settings: AgentSettings, topics: Topics, mail: Mailbox) -> None:
        self._settings, self._topics, self._mail = settings, topics, mail
        self._known: dict[int, _Heard] = {}
        """Of what waits. Ids and commands are as long as who sends them likes: what was dealt with is forgotten."""
        self._place: object = None

    def read(self, payload: bytes) -> Asked:
        """What a desired state asks for."""
        return read_desired(self._settings, self._topics, payload)

    def _desired(self) -> Iterator[tuple[int, _Heard]]:
        """The desired states that wait, with their numbers; the newest first, which is read first."""
        return ((number, self._heard(number)) for number in reversed(self._mail.waiting_on(self._topics.desired)))

    def _heard(self, number: int) -> _Heard:
        if self._place is not self._mail.place:
            self._place, self._known = self._mail.place, {}
        if number not in self._known:
            oldest = self._mail.oldest()
            self._known = {other: heard for other, heard in self._known.items() if other >= oldest}
            self._known[number] = self._read(self._mail.waiting_message(number))
        return self._known[number]

    def _read(self, message: Incoming) -> _Heard:
        if message.topic == self._topics.command:
            return _Heard(command=self.read_command(message.payload))
        return self._read_desired(message.payload)

    def has_to_give_way(self, activity: Activity) -> bool:
        """Whether its command is not carried on, because what takes its place waits already.

        A clean-up comes to its end, or what it began to take back would be left as it is; only the same desired state takes
        its place while it waits for trouble to pass. A download that goes on is what the same desired state needs first: to
        begin it anew each time that an update manager has lost patience would never bring it to an end."""
        if activities.is_over(activity):
            return False
        if activity.command == "CLEANUP":
            return _waits(activity) and any(_asks_again(heard, activity) for _, heard in self._desired())
        goes_on = activity.command == "DOWNLOAD" and not _waits(activity)
        return self._is_followed(activity, but_by_itself=goes_on)

    def _is_followed(self, activity: Activity, *, but_by_itself: bool = False) -> bool:
        return bool(self._mail.waiting_on(self._topics.refused)) or any(
            _takes_the_place(heard, activity) and not (but_by_itself and _asks_again(heard, activity))
            for _, heard in self._desired()
        )

    def takes_the_place(self, payload: bytes, activity: Activity | None) -> bool:
        """Whether a desired state begins an activity, or the open one again, or is refused and ends it."""
        return _takes_the_place(self._read_desired(payload), activity)

    def asks_again(self, payload: bytes, activity: Activity) -> bool:
        """Whether a desired state is the one of the open activity."""
        return _asks_again(self._read_desired(payload), activity)

    def _read_desired(self, payload: bytes) -> _Heard:
        asked = peek(payload, self.read)
        if asked is None:
            return _Heard(_id_of(payload))
        return _Heard(asked.activity_id, asked.content, not asked.reasons)

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
        for number in self._mail.waiting_on(self._topics.command):
            command = self._heard(number).command
            if command is not None and command.activity_id == activity.id:
                cuts = activities.is_cut_short(activity, command.command, command.baseline)
                return command.command if cuts else None
        return None

    def goes_on(self, activity: Activity) -> bool:
        """Whether another desired state under its id waits, so that its end is not the last word of the id."""
        return any(has_id(activity, heard.id or "") for _, heard in self._desired())

    def is_sent_again(self, message: Incoming, id_: str) -> bool:
        """Whether another desired state under the same id waits behind this one."""
        return any(heard.id == id_ != "" for number, heard in self._desired() if number > message.id)

    def is_overtaken(self, message: Incoming, activity: Activity | None) -> str | None:
        """The id of a desired state that is not looked at, because a flood of newer ones waits behind it; else `None`. The
        one that goes on with the open activity is looked at, and so is one that is refused."""
        if message.topic != self._topics.desired or not self._heard(message.id).is_sound:
            return None
        id_ = self._heard(message.id).id
        if id_ is None or has_id(activity, id_):
            return None
        newer = (number for number, heard in self._desired() if heard.is_sound and number > message.id)
        return id_ if len(list(islice(newer, FLOOD))) == FLOOD else None


def _takes_the_place(heard: _Heard, activity: Activity | None) -> bool:
    return heard.is_sound is not None and (heard.is_sound or has_id(activity, heard.id or ""))


def _asks_again(heard: _Heard, activity: Activity) -> bool:
    return (heard.id, heard.content) == (activity.id, activity.content)


def _id_of(payload: bytes) -> str:
    envelope = peek(payload, updateagent.read_envelope)
    return envelope.activity_id if envelope is not None else ""


def _waits(activity: Activity) -> bool:
    """Whether its command waits for trouble to pass."""
    return any(action.waits_for for action in activity.actions)
