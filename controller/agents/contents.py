"""What the messages that wait for an agent say: each is decoded when it arrives, and not again by the parts that ask for it.

Of every waiting message a summary is known, which is enough to tell what has precedence. The whole content is kept of the
oldest one, and of others while their messages are small together: a flood must not fill the memory with what is looked at
much later, or never. A message whose content was not kept, or that an earlier process took in, is decoded in its turn.

A message on which a reader breaks must fail in its own turn, where tries are counted. If it failed elsewhere, it would
block the activity at work for ever, because no try is counted there. So a summary is made with `peek`, and no failure is
kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from evenkeel.controller.agents.conduct import AgentSettings, Topics, read_desired
from evenkeel.controller.journal.mailbox import Incoming, Mailbox
from evenkeel.reconcilers.agents.asked import Asked
from evenkeel.specs.kanto import updateagent
from evenkeel.specs.problem import Problem

log = logging.getLogger(__name__)

_MOST_KEPT = 256 * 1024
"""In bytes of messages. Nouns are several times as large."""
Content = TypeVar("Content")
Command = updateagent.Command | tuple[Problem, ...]
"""A command, or why it is none."""


def peek(payload: bytes, read: Callable[[bytes], Content]) -> Content | None:
    """The content of a waiting message, `None` if `read` breaks on it."""
    try:
        return read(payload)
    except Exception:
        log.debug("waiting message cannot be read", exc_info=True)
        return None


class Summary(NamedTuple):
    """What is known of a waiting message. Of a desired state: its id, the name of its content, and whether it can be followed
    so far; where the reader breaks on it there is at most its id. `command`: of a command."""

    id: str | None = None
    content: str | None = None
    is_sound: bool | None = None
    command: updateagent.Command | None = None


class Contents:
    """The contents of one mailbox."""

    def __init__(self, settings: AgentSettings, topics: Topics, mail: Mailbox) -> None:
        self._settings, self._topics, self._mail = settings, topics, mail
        self._summaries: dict[int, Summary] = {}
        """Of what waits. Ids and commands are as long as their senders like: what was dealt with is forgotten."""
        self._kept: dict[int, tuple[int, Asked | Command]] = {}
        """The size of the message, and its content."""
        self._place: object = None

    def desired(self, message: Incoming) -> Asked:
        """What a desired state asks for. Raises what its reader raises."""
        kept = self._known(message.id)
        return kept if isinstance(kept, Asked) else self._keep(message, self._read_desired(message.payload))

    def command(self, message: Incoming) -> Command:
        """The command of a message, or why it is none."""
        kept = self._known(message.id)
        return (
            self._keep(message, self._read_command(message.payload))
            if kept is None or isinstance(kept, Asked)
            else kept
        )

    def summary(self, number: int) -> Summary:
        """What is known of a waiting message."""
        self._known(number)
        if number not in self._summaries:
            self._forget()
            self._summaries[number] = self._sum_up(self._mail.waiting_message(number))
        return self._summaries[number]

    def _known(self, number: int) -> Asked | Command | None:
        """What was kept of a message. A number may be another message's when messages are stored elsewhere now."""
        if self._place is not self._mail.place:
            self._place, self._summaries, self._kept = self._mail.place, {}, {}
        return self._kept[number][1] if number in self._kept else None

    def _forget(self) -> int:
        """Forget what was dealt with; the number of the oldest message that was not."""
        oldest = self._mail.oldest()
        self._kept = {number: each for number, each in self._kept.items() if number >= oldest}
        self._summaries = {number: each for number, each in self._summaries.items() if number >= oldest}
        return oldest

    def _keep(self, message: Incoming, content: Content) -> Content:
        oldest, size = self._forget(), len(message.payload)
        if message.id <= oldest or size + sum(each for each, _ in self._kept.values()) <= _MOST_KEPT:
            self._kept[message.id] = size, content  # type: ignore[assignment]
        return content

    def _sum_up(self, message: Incoming) -> Summary:
        if message.topic == self._topics.command:
            command = peek(message.payload, lambda _: self.command(message))
            return Summary(command=command if isinstance(command, updateagent.Command) else None)
        asked = peek(message.payload, lambda _: self.desired(message))
        if asked is None:
            envelope = peek(message.payload, updateagent.read_envelope)
            return Summary(envelope.activity_id if envelope is not None else "")
        return Summary(asked.activity_id, asked.content, not asked.reasons)

    def _read_desired(self, payload: bytes) -> Asked:
        return read_desired(self._settings, self._topics, payload)

    def _read_command(self, payload: bytes) -> Command:
        return updateagent.read_command(payload, self._topics.command)
