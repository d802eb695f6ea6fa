"""The precedence of waiting messages over the command at work.

Level-based: the inbox is read each time, so that the precedence is the same after a crash. Nothing here changes or
decodes anything; `contents` has the summaries of messages.
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
"""A desired state is passed over when so many newer ones wait behind it. Fewer are identified in their turn, as the
original does: a later one may be refused, and then the one before it stays open."""


def has_id(activity: Activity | None, id_: str) -> bool:
    """Whether an open activity has this id. An activity without an id is not followed."""
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
        """Whether the command of an activity is given up, because its successor waits.

        A clean-up is always finished, or a rollback that it has begun would stay unfinished. While the clean-up waits
        for trouble to pass, the same desired state may take its place. A download goes on when the same desired state
        comes, because the download is needed first. An update manager that loses patience again and again would
        otherwise begin the download anew each time, and it would never end.
        """
        if activities.is_over(activity):
            return False
        if activity.command == "CLEANUP":
            return _waits(activity) and any(_asks_again(summary, activity) for _, summary in self._desired())
        goes_on = activity.command == "DOWNLOAD" and not _waits(activity)
        return self._is_followed(activity, except_again=goes_on)

    def _is_followed(self, activity: Activity, *, except_again: bool = False) -> bool:
        return bool(self._mail.waiting_on(self._topics.refused)) or any(
            _takes_the_place(summary, activity) and not (except_again and _asks_again(summary, activity))
            for _, summary in self._desired()
        )

    def takes_the_place(self, number: int, activity: Activity | None) -> bool:
        """Whether a waiting desired state begins an activity, begins the open one again, or is refused and ends it."""
        return _takes_the_place(self._contents.summary(number), activity)

    def is_for(self, number: int, activity: Activity | None) -> bool:
        """Whether a waiting command is for the open activity."""
        command = self._contents.summary(number).command
        return command is not None and activity is not None and command.activity_id == activity.id

    def cut_short_by(self, activity: Activity) -> str | None:
        """The waiting command that ends the command at work; `None` when none does. Only the first waiting command for
        the baselines at work counts, because others may follow it in their turn. If no command is at work, "" stands for a
        desired state that ends the wait for the last look."""
        if not activity.command:
            return "" if _waits(activity) and self._is_followed(activity) else None
        for number in self._mail.waiting_on(self._topics.command):
            command = self._contents.summary(number).command
            is_ours = command is not None and command.activity_id == activity.id
            if command is not None and is_ours and activities.is_about_work(activity, command.baseline):
                cuts = activities.is_cut_short(activity, command.command)
                return command.command if cuts else None
        return None

    def goes_on(self, activity: Activity) -> bool:
        """Whether another desired state with the id of an activity waits. Then the end of the activity is not the last
        end of the id."""
        return self.is_waiting(activity.id)

    def is_waiting(self, id_: str) -> bool:
        """Whether a desired state with this id waits; one without an id is not followed."""
        return any(summary.id == id_ != "" for _, summary in self._desired())

    def is_sent_again(self, message: Incoming, id_: str) -> bool:
        """Whether another desired state with the same id waits behind this one."""
        return any(summary.id == id_ != "" for number, summary in self._desired() if number > message.id)

    def is_overtaken(self, message: Incoming, activity: Activity | None) -> str | None:
        """The id of a desired state that is passed over, because a flood of newer ones waits behind it; else `None`. A
        desired state that continues the open activity is not passed over, and neither is one that is refused."""
        if message.topic != self._topics.desired or not self._contents.summary(message.id).is_sound:
            return None
        id_ = self._contents.summary(message.id).id
        if id_ is None or has_id(activity, id_):
            return None
        newer = (number for number, summary in self._desired() if summary.is_sound and number > message.id)
        return id_ if len(list(islice(newer, FLOOD))) == FLOOD else None


def asks_again(request: Request, activity: Activity) -> bool:
    """Whether a desired state is the desired state of the open activity."""
    return (request.activity_id, request.content) == (activity.id, activity.content)


def _takes_the_place(summary: Summary, activity: Activity | None) -> bool:
    return summary.is_sound is not None and (summary.is_sound or has_id(activity, summary.id or ""))


def _asks_again(summary: Summary, activity: Activity) -> bool:
    return (summary.id, summary.content) == (activity.id, activity.content)


def _waits(activity: Activity) -> bool:
    """Whether the command of an activity waits for trouble to pass."""
    return any(action.waits_for for action in activity.actions)
