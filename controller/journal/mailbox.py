"""The messages of one domain on their way in, and the activity that they make up: the journal's part that belongs to the wire.

A message that came in is stored before it is acknowledged to the broker. One that goes out is stored before it is
published, and forgotten only when the broker has acknowledged it. The state of an activity and the messages about it
are written in one transaction, so that no crash separates the two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from evenkeel.controller.journal.activity_parts import store_activity, stored_activity
from evenkeel.controller.journal.database import Database
from evenkeel.controller.journal.outbox import Outbox, Outgoing
from evenkeel.specs.codec import changed
from evenkeel.specs.kanto.activity import Activity
from evenkeel.specs.reading.sound import sound_text

MOST_WAITING, MOST_WAITING_BYTES = 1000, 64 * 1024**2
"""Bounds of the inbox. Beyond either, messages are left to the broker until some have been dealt with."""


MOST_TRIES = 3
"""A message or a command that breaks so often is answered and not tried again."""
_REMEMBERED = 64
"""Messages of one topic that were dealt with. A broker delivers a message again that was not acknowledged, and it has
at most a window of those under way."""


_COLUMNS = "id, topic, payload, at, packet, begun, tries, tried_in"
_MOST_SET_ASIDE, _MOST_BEGINNING = 8, 64 * 1024
"""Messages that were set aside are kept for people to look at: the newest ones, and the beginning of each."""


class Incoming(NamedTuple):
    """A message that has not been dealt with. `at`: epoch seconds of its arrival. `packet`: the id under which the
    broker delivered it, 0 when it had none. `begun`: it was said that it is being dealt with. `tries`: how often that
    was begun and raised an error, or ended with the process."""

    id: int
    topic: str
    payload: bytes
    at: float
    packet: int
    begun: bool = False
    tries: int = 0


class Mailbox:
    """Inbox and open activity of one domain. Topics are not shared by domains; the outbox is, as the connection is."""

    def __init__(self, database: Database, boot: str, domain: str, outbox: Outbox) -> None:
        """`boot`: the id of this boot of the machine."""
        self.domain, self.outbox = domain, outbox
        self._database, self._boot = database, boot

    def take_in(self, topic: str, payload: bytes, *, packet: int = 0, retained: bool = False) -> int:
        """Store a message that arrived; its number."""
        with self._database.writing() as connection:
            if retained:
                self.remember_retained(topic, payload)
            number = connection.execute(
                "INSERT INTO inbox (topic, payload, at, packet, domain) VALUES (?, ?, ?, ?, ?)",
                (topic, payload, self._database.now(), packet, self.domain),
            ).lastrowid
        assert number is not None
        return number

    def is_full(self, *said_on: str) -> bool:
        """Whether no more messages should be taken in for now: too many of this domain wait to be dealt with or to be
        published, or nothing can be stored. `said_on`: the topics on which the domain's answers are published; without
        them every message that waits to be published counts."""
        if self._database.loss is not None:
            return True
        query = "SELECT count(*), total(length(payload)) FROM inbox WHERE domain = ?"
        count, size = self._database.one(query, self.domain)
        return bool(count >= MOST_WAITING or size >= MOST_WAITING_BYTES) or self.outbox.is_full(*said_on)

    def has_heard(self, topic: str, payload: bytes, packet: int | None = None) -> bool:
        """Whether this message waits to be dealt with, or was dealt with lately. With `packet` only when it came under
        that id: a redelivery keeps its packet id, an identical new message does not."""
        waiting = "SELECT 1 FROM inbox WHERE topic = ?1 AND payload = ?2 AND packet = ifnull(?3, packet) LIMIT 1"
        dealt = "SELECT 1 FROM dealt WHERE topic = ?1 AND digest = ?2 AND packet = ifnull(?3, packet) LIMIT 1"
        return (
            self._database.one(waiting, topic, payload, packet) is not None
            or self._database.one(dealt, topic, _digest(payload), packet) is not None
        )

    def heard_last(self, topic: str, payload: bytes) -> bool:
        """Whether no other message came on its topic since."""
        waiting = self._database.one("SELECT payload FROM inbox WHERE topic = ? ORDER BY id DESC LIMIT 1", topic)
        if waiting is not None:
            return bool(waiting[0] == payload)
        dealt = self._database.one("SELECT digest FROM dealt WHERE topic = ? ORDER BY id DESC LIMIT 1", topic)
        return dealt is not None and dealt[0] == _digest(payload)

    def knows_retained(self, topic: str, payload: bytes) -> bool:
        """Whether this is the retained message of this topic that the broker sent last."""
        query = "SELECT 1 FROM retained WHERE topic = ? AND digest = ?"
        return self._database.one(query, topic, _digest(payload)) is not None

    def remember_retained(self, topic: str, payload: bytes) -> None:
        """Store the retained message of this topic, because the broker sends it again at every subscription."""
        with self._database.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO retained VALUES (?, ?)", (topic, _digest(payload)))

    def incoming(self) -> Incoming | None:
        """The oldest message that has not been dealt with."""
        row = self._database.one(f"SELECT {_COLUMNS} FROM inbox WHERE domain = ? ORDER BY id LIMIT 1", self.domain)
        return self._incoming(row) if row else None

    def begin_try(self, message: Incoming) -> None:
        """Count a try of a message. The try counts until it has ended in good order."""
        with self._database.writing() as connection:
            row = (message.tries + 1, self._boot, message.id)
            connection.execute("UPDATE inbox SET tries = ?, tried_in = ? WHERE id = ?", row)

    def end_try(self, message: Incoming) -> None:
        """The try has ended in good order. Where another thing came first and the message was not dealt with, the try
        does not count."""
        with self._database.writing() as connection:
            connection.execute("UPDATE inbox SET tries = ? WHERE id = ?", (message.tries, message.id))

    def begin_last_look(self, activity: Activity) -> Activity:
        """The look before an activity's end is about to be made: as `begin_try`."""
        begun = changed(activity, tries=self.tries_of(activity) + 1, tried_in=self._boot)
        self.record(begun)
        return begun

    def end_last_look(self, tries: int) -> None:
        """The look was given up in good order, and that try does not count; there were `tries` before."""
        activity = self.activity()
        if activity is not None:
            self.record(changed(activity, tries=tries))

    def tries_of(self, activity: Activity) -> int:
        """The number of times that the look before the activity's end raised an error."""
        return self._counted(activity.tries, activity.tried_in)

    def _counted(self, tries: int, boot: str) -> int:
        """Tries that a power loss cut short, in another boot of the machine, do not count."""
        return tries if boot == self._boot else 0

    def set_aside(self, topic: str, payload: bytes, why: str) -> None:
        """Keep a message that cannot be dealt with, for people to look at."""
        row = (topic, payload[:_MOST_BEGINNING], len(payload), self._database.now(), sound_text(why))
        with self._database.writing() as connection:
            connection.execute("INSERT INTO set_aside (topic, beginning, size, at, why) VALUES (?, ?, ?, ?, ?)", row)
            connection.execute(
                "DELETE FROM set_aside WHERE id NOT IN (SELECT id FROM set_aside ORDER BY id DESC LIMIT ?)",
                (_MOST_SET_ASIDE,),
            )

    def begin(self, message: Incoming, said: Outgoing) -> None:
        """Record that a message is being dealt with, and send `said` about it."""
        with self._database.writing() as connection:
            connection.execute("UPDATE inbox SET begun = 1 WHERE id = ?", (message.id,))
            self.send(said)

    def waiting_on(self, topic: str) -> list[int]:
        """The numbers of the messages of one topic that have not been dealt with, the oldest first."""
        return [row[0] for row in self._database.all("SELECT id FROM inbox WHERE topic = ? ORDER BY id", topic)]

    def oldest(self) -> int:
        """The number of the oldest message that has not been dealt with; 0 when there is none."""
        return int(self._database.one("SELECT ifnull(min(id), 0) FROM inbox WHERE domain = ?", self.domain)[0])

    def waiting_message(self, number: int) -> Incoming:
        """A message by its number."""
        return self._incoming(self._database.one(f"SELECT {_COLUMNS} FROM inbox WHERE id = ?", number))

    @property
    def place(self) -> object:
        """An object that is another one whenever numbers may have been given anew: the place where messages are stored
        now."""
        return self._database.connection

    def _incoming(self, row: tuple[int, str, bytes, float, int, int, int, str]) -> Incoming:
        return Incoming(*row[:5], bool(row[5]), self._counted(row[6], row[7]))

    def send(self, *messages: Outgoing) -> None:
        """Store messages to be published, in this order."""
        self.outbox.send(*messages)

    def activity(self) -> Activity | None:
        """The open activity. One that cannot be read counts as none (`controller.journal.unreadable`)."""
        found = stored_activity(self._database, self.domain)
        return self._database.readable(found.body, Activity) if found and not found.is_changed else None

    def unreadable_activity(self) -> tuple[bytes, str] | None:
        """The stored open activity that cannot be read, and the reason; `None` when there is none."""
        found = stored_activity(self._database, self.domain)
        if found is None:
            return None
        why = "it is not what was stored" if found.is_changed else self._database.why_unreadable(found.body, Activity)
        return (found.body, why) if why else None

    def record(
        self, activity: Activity | None, messages: Sequence[Outgoing] = (), dealt_with: Incoming | None = None
    ) -> None:
        """Store the state of the activity (`None`: none is open), the messages about it, and the message that they
        answer."""
        with self._database.writing() as connection:
            store_activity(self._database, connection, self.domain, activity)
            self.send(*messages)
            if dealt_with is not None:
                connection.execute("DELETE FROM inbox WHERE id = ?", (dealt_with.id,))
                topic, digest = dealt_with.topic, _digest(dealt_with.payload)
                connection.execute(
                    "INSERT INTO dealt (topic, digest, packet) VALUES (?, ?, ?)", (topic, digest, dealt_with.packet)
                )
                connection.execute(
                    "DELETE FROM dealt WHERE topic = ?1 AND id NOT IN"
                    " (SELECT id FROM dealt WHERE topic = ?1 ORDER BY id DESC LIMIT ?2)",
                    (topic, _REMEMBERED),
                )


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
