"""Messages that wait to be published, stored so that an activity of many components costs no more than the news in
them.

Each message of feedback repeats all actions of its activity, and almost all of them are as they were in the message
before. So an action is stored when it changes (table `told`), and a message has the version up to which these rows are
its own. Published messages are put together again, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from evenkeel.controller.journal.database import Database, Transaction
from evenkeel.specs.kanto.updateagent import joined_feedback, split_feedback

MOST_UNSENT, MOST_UNSENT_BYTES = 500, 8 * 1024**2
"""Bounds of the outbox. Beyond either, no message that has to be answered is taken in until some have been
published."""

_COLUMNS = "id, topic, payload, retain, latest, actions, version"
_KEPT = "(latest OR id <= ?)"
"""The messages that may be published: those that are stored for certain, and reports of the present, which need not
be."""


class Outgoing(NamedTuple):
    """A message to be published. `latest`: only the newest of its topic counts, so that it replaces one that still
    waits; an outage must not fill the disk with outdated reports."""

    topic: str
    payload: bytes
    retain: bool = False
    latest: bool = False


class Outbox:
    """The messages that the broker has not acknowledged."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._acknowledged: tuple[object, int] | None = None
        """A message that the broker has acknowledged, by the place where it is stored and its number; not forgotten there
        yet."""
        self._listeners: dict[str, Callable[[bytes], None]] = {}

    def listen(self, topic: str, hear: Callable[[bytes], None]) -> None:
        """Call `hear` with each message that is stored for a topic, in the write that stores it: another role of this device
        listens to it. `hear` may write, too, and nothing else."""
        self._listeners[topic] = hear

    def send(self, *messages: Outgoing) -> None:
        """Store messages to be published, in this order."""
        with self._database.writing() as connection:
            self.forget()
            for message in messages:
                if message.latest:
                    connection.execute("DELETE FROM outbox WHERE latest AND topic = ?", (message.topic,))
                frame, actions = split_feedback(message.payload) if not message.retain else (message.payload, [])
                row = (message.topic, frame, message.retain, message.latest, len(actions))
                connection.execute(
                    "INSERT INTO outbox (topic, payload, retain, latest, actions, version) VALUES (?, ?, ?, ?, ?, ?)",
                    (*row, self._tell(connection, actions) if actions else 0),
                )
                if message.topic in self._listeners:
                    self._listeners[message.topic](message.payload)

    def _tell(self, connection: Transaction, actions: Sequence[bytes]) -> int:
        """Store the actions that differ from those that were told last; the version that has all of them."""
        newest = int(self._database.one("SELECT ifnull(max(version), 0) FROM told")[0])
        known = self._actions(len(actions), newest)
        news = [(place, newest + 1, action) for place, action in enumerate(actions) if known.get(place) != action]
        if self._database.one("SELECT 1 FROM outbox WHERE actions > 0 LIMIT 1") is None:  # makes room on the same pages
            connection.executemany("DELETE FROM told WHERE place = ?", [(place,) for place, _, _ in news])
        connection.executemany("INSERT INTO told (place, version, body) VALUES (?, ?, ?)", news)
        self._forget_told(connection, newest + bool(news))
        return newest + bool(news)

    def _actions(self, count: int, version: int) -> dict[int, bytes]:
        """The actions of a message, by place."""
        query = (
            "SELECT place, body, max(version) FROM told WHERE place < ? AND version <= ? GROUP BY place ORDER BY place"
        )
        return {place: body for place, body, _ in self._database.all(query, count, version)}

    def first(self, most: int, after: int = 0, but: Sequence[str] = ()) -> list[tuple[int, Outgoing]]:
        """The oldest messages that the broker has not acknowledged, with their numbers, which are above `after`. `but`:
        topics that cannot be published to now."""
        others = f"topic NOT IN ({', '.join('?' * len(but))})"
        rows = self._database.all(
            f"SELECT {_COLUMNS} FROM outbox WHERE id > ? AND id != ? AND {_KEPT} AND {others} ORDER BY id LIMIT ?",
            after,
            self._known(),
            self._database.last_stored("outbox"),
            *but,
            most,
        )
        return [
            (id_, Outgoing(topic, self._whole(payload, actions, version), bool(retain), bool(latest)))
            for id_, topic, payload, retain, latest, actions, version in rows
        ]

    def _whole(self, frame: bytes, actions: int, version: int) -> bytes:
        return joined_feedback(frame, list(self._actions(actions, version).values())) if actions else frame

    def acknowledged(self, number: int) -> None:
        """The broker has acknowledged a message, and no other one was published since the last write. It is forgotten in
        the write of the next message, or by `forget`: after a loss of power it may be published again, but only as the
        newest one."""
        self.forget()
        self._acknowledged = self._database.connection, number

    def forget(self) -> None:
        """Forget the message that was acknowledged last. Needed before another one is published that waits already."""
        number = self._known()
        if number:
            self.sent(number)
            self._database.once_kept(self._is_forgotten)

    @property
    def has_to_forget(self) -> bool:
        """Whether there is something for `forget` to do."""
        return self._known() != 0

    def _known(self) -> int:
        """The number of the message that was acknowledged and is not forgotten yet, 0 for none. Elsewhere its number may be
        another message's."""
        place, number = self._acknowledged or (None, 0)
        return number if place is self._database.connection else 0

    def _is_forgotten(self) -> None:
        self._acknowledged = None

    def sent(self, *numbers: int) -> None:
        """Forget messages that the broker has acknowledged."""
        with self._database.writing() as connection:
            connection.executemany("DELETE FROM outbox WHERE id = ?", [(number,) for number in numbers])
            if (
                self._database.one("SELECT 1 FROM told LIMIT 1") is not None
                and self._database.one("SELECT 1 FROM activity") is None
                and self._database.one("SELECT 1 FROM outbox WHERE actions > 0 LIMIT 1") is None
            ):
                connection.execute("DELETE FROM told")

    def withdraw(self, topic: str) -> None:
        """Forget the messages on a topic that the broker does not have yet: nobody is to hear of them any more."""
        if self.waits(topic):
            waiting = "DELETE FROM outbox WHERE topic = ? AND id != ?"
            with self._database.writing() as connection:
                connection.execute(waiting, (topic, self._known()))

    def _forget_told(self, connection: Transaction, version: int) -> None:
        """Drop rows that no message needs any more, neither one that waits nor one of this `version`. The rows of an open
        activity are dropped with its next message, which writes into the same pages."""
        oldest = self._database.one("SELECT ifnull(min(version), ?) FROM outbox WHERE actions > 0", version)[0]
        newer = "SELECT max(version) FROM told AS newer WHERE newer.place = told.place AND newer.version <= ?"
        connection.execute(f"DELETE FROM told WHERE version < ({newer})", (oldest,))

    def oldest(self) -> tuple[int, Outgoing] | None:
        """The oldest message that the broker has not acknowledged, with its number."""
        return next(iter(self.first(1)), None)

    def waits(self, topic: str) -> bool:
        """Whether a message waits to be published on a topic."""
        return self._database.one("SELECT 1 FROM outbox WHERE topic = ? AND id != ?", topic, self._known()) is not None

    def waiting(self) -> int:
        """The number of messages that wait to be published."""
        return int(self._database.one("SELECT count(*) FROM outbox WHERE id != ?", self._known())[0])

    def is_full(self, *topics: str) -> bool:
        """Whether so many messages wait to be published, on these topics or on all, that no more should be added for now."""
        on = f" WHERE topic IN ({', '.join('?' * len(topics))})" if topics else ""
        count, size = self._database.one(f"SELECT count(*), total(length(payload)) FROM outbox{on}", *topics)
        return bool(count >= MOST_UNSENT or size >= MOST_UNSENT_BYTES)
