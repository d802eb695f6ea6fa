"""The precedence of waiting messages over the command at work.

Level-based: read from the inbox each time, so that it is the same after a crash. Nothing here changes or decodes
anything; `contents` has the summaries of messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from evenkeel.controller.agents.conduct import Topics
from evenkeel.controller.agents.contents import Contents, Summary
from evenkeel.controller.journal.mailbox import Incoming, Mailbox
from evenkeel.reconcilers.agents import activity as activities
from evenkeel.reconcilers.agents.request import Request
from evenkeel.specs.kanto.activity import Activity

FLOOD = 10
"""A desired state with so many newer ones behind it is not looked at any more. Fewer are each identified in their turn,
as the original does it: one of them may be refused, and then the one before it stays open."""


def has_id(activity: Activity | None, id_: str) -> bool:
    """Whether an id is that of an open activity; an activity without an id is not followed."""
    return activity is not None and activity.id == id_ != ""


class Precedence:
    """The waiting messages of one agent."""

    def __init__(self, topics: Topics, mail: Mailbox, contents: Contents) -> None:
        self._topics, self._mail, self._contents = topics, mail, contents

    def _desired(self) -> Iterator[tuple[int, Summary]]:
        """The waiting desired states with their numbers, the newest first."""
        waiting = reversed(self._mail.waiting_on(self._topics.desired))
        return ((number, self._contents.summary(number)) for number in waiting)

    def has_to_give_way(self, activity: Activity) -> bool:
        """Whether the command of an activity is not continued, because its successor waits.

        A clean-up is always finished, or a way back that it has begun would stay unfinished; only the same desired state
        takes its place while it waits for trouble to pass. A download goes on when the same desired state comes,
        because it is needed first: if it began anew each time that an update manager lost patience, it would never end.
        """
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

    def takes_the_place(self, number: int, activity: Activity | None) -> bool:
        """Whether a waiting desired state begins an activity, or the open one again, or is refused and ends it."""
        return _takes_the_place(self._contents.summary(number), activity)

    def is_for(self, number: int, activity: Activity | None) -> bool:
        """Whether a waiting command is for the open activity."""
        command = self._contents.summary(number).command
        return command is not None and activity is not None and command.activity_id == activity.id

    def cut_short_by(self, activity: Activity) -> str | None:
        """The waiting command that ends the one at work; `None` when none does. Only the first one for this activity
        counts, because others may follow it in their turn. Where no command is at work, "" for a desired state that
        ends the wait for the last look."""
        if not activity.command:
            return "" if _waits(activity) and self._is_followed(activity) else None
        for number in self._mail.waiting_on(self._topics.command):
            command = self._contents.summary(number).command
            if command is not None and command.activity_id == activity.id:
                cuts = activities.is_cut_short(activity, command.command, command.baseline)
                return command.command if cuts else None
        return None

    def goes_on(self, activity: Activity) -> bool:
        """Whether another desired state with the id of an activity waits, so that the end of the activity is not the
        last one of the id."""
        return self.is_waiting(activity.id)

    def is_waiting(self, id_: str) -> bool:
        """Whether a desired state with this id waits; one without an id is not followed."""
        return any(heard.id == id_ != "" for _, heard in self._desired())

    def is_sent_again(self, message: Incoming, id_: str) -> bool:
        """Whether another desired state with the same id waits behind this one."""
        return any(heard.id == id_ != "" for number, heard in self._desired() if number > message.id)

    def is_overtaken(self, message: Incoming, activity: Activity | None) -> str | None:
        """The id of a desired state that is not looked at, because a flood of newer ones waits behind it; else `None`.
        One that continues the open activity is looked at, and so is one that is refused."""
        if message.topic != self._topics.desired or not self._contents.summary(message.id).is_sound:
            return None
        id_ = self._contents.summary(message.id).id
        if id_ is None or has_id(activity, id_):
            return None
        newer = (number for number, heard in self._desired() if heard.is_sound and number > message.id)
        return id_ if len(list(islice(newer, FLOOD))) == FLOOD else None


def asks_again(asked: Request, activity: Activity) -> bool:
    """Whether a desired state is that of the open activity."""
    return (asked.activity_id, asked.content) == (activity.id, activity.content)


def _takes_the_place(heard: Summary, activity: Activity | None) -> bool:
    return heard.is_sound is not None and (heard.is_sound or has_id(activity, heard.id or ""))


def _asks_again(heard: Summary, activity: Activity) -> bool:
    return (heard.id, heard.content) == (activity.id, activity.content)


def _waits(activity: Activity) -> bool:
    """Whether the command of an activity waits for trouble to pass."""
    return any(action.waits_for for action in activity.actions)
