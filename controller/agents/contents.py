"""The contents of the messages that wait for an agent: each is decoded when it arrives, and not again by the parts that
read it.

Every waiting message has a summary, which is enough for its precedence. The whole content is kept of the oldest one,
and of others while their messages are small together, because a flood must not fill the memory with messages whose turn
is much later, or never. A message whose content was not kept, or that an earlier process took in, is decoded in its
turn.

A message on which a reader breaks must fail in its own turn, where tries are counted. If it failed elsewhere, it would
block the activity at work for ever, because no try is counted there. So a summary is made with `peek`, and no failure
is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from evenkeel.controller.agents.conduct import AgentSettings, Topics
from evenkeel.controller.journal.mailbox import Incoming, Mailbox
from evenkeel.reconcilers.agents.request import Request
from evenkeel.reconcilers.agents.wires import Command
from evenkeel.specs.kanto import updateagent

log = logging.getLogger(__name__)

_MOST_KEPT = 256 * 1024
"""The bound of the kept contents, in bytes of their messages. Decoded contents are several times as large."""
Content = TypeVar("Content")


def peek(payload: bytes, read: Callable[[bytes], Content]) -> Content | None:
    """The content of a waiting message, `None` if `read` breaks on it."""
    try:
        return read(payload)
    except Exception:
        log.debug("waiting message cannot be read", exc_info=True)
        return None


class Summary(NamedTuple):
    """The summary of a waiting message. A desired state has an id, the name of its content, and whether it can be
    followed so far; if the reader breaks on the message, at most the id is known. A command has `command`."""

    id: str | None = None
    content: str | None = None
    is_sound: bool | None = None
    command: updateagent.Command | None = None


class Contents:
    """The contents of one mailbox."""

    def __init__(self, settings: AgentSettings, topics: Topics, mail: Mailbox) -> None:
        self._settings, self._topics, self._mail = settings, topics, mail
        self._summaries: dict[int, Summary] = {}
        """Summaries of waiting messages only: their senders choose the length of ids and commands."""
        self._kept: dict[int, tuple[int, Request | Command]] = {}
        """Number of the message → its size, and its content."""
        self._place: object = None

    def desired(self, message: Incoming) -> Request:
        """The content of a desired state. Raises the exceptions of its reader."""
        kept = self._kept_content(message.id)
        return kept if isinstance(kept, Request) else self._keep(message, self._read_desired(message.payload))

    def command(self, message: Incoming) -> Command:
        """The command of a message, or the problems of a message that is none."""
        kept = self._kept_content(message.id)
        return (
            self._keep(message, self._read_command(message.payload))
            if kept is None or isinstance(kept, Request)
            else kept
        )

    def summary(self, number: int) -> Summary:
        """The summary of a waiting message."""
        self._kept_content(number)
        if number not in self._summaries:
            self._forget()
            self._summaries[number] = self._sum_up(self._mail.waiting_message(number))
        return self._summaries[number]

    def _kept_content(self, number: int) -> Request | Command | None:
        """The kept content of a message. After a move to another store, a number may belong to another message."""
        if self._place is not self._mail.place:
            self._place, self._summaries, self._kept = self._mail.place, {}, {}
        return self._kept[number][1] if number in self._kept else None

    def _forget(self) -> int:
        """Forget the messages that were dealt with; the number of the oldest waiting one."""
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
        request = peek(message.payload, lambda _: self.desired(message))
        if request is None:
            envelope = peek(message.payload, updateagent.read_envelope)
            return Summary(envelope.activity_id if envelope is not None else "")
        return Summary(request.activity_id, request.content, not request.reasons)

    def _read_desired(self, payload: bytes) -> Request:
        return self._settings.language.request(payload, self._topics.desired, self._settings.domain)

    def _read_command(self, payload: bytes) -> Command:
        return self._settings.language.command(payload, self._topics.command)
