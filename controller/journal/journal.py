"""Durable intent: what is desired, what was last good, what was tried, and what was said. Never observations.

What a method returned from is on the disk (`controller.journal.database`). A settled device writes nothing. Everything in
here can be lost without losing a container: the engine is asked again; only memory of failed revisions, of proofs and of
unread feedback would be gone. `mail` is the part of it that belongs to messages, `failures` how containers failed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from pathlib import Path
from typing import Concatenate, Literal, NamedTuple, ParamSpec, Protocol, TypeVar

from evenkeel.controller.journal.database import (
    Database,
    Loss,
    Transaction,
    empty_database,
    keep_database,
    open_database,
    read_database,
)
from evenkeel.controller.journal.failures import Failures
from evenkeel.controller.journal.file import Trouble
from evenkeel.controller.journal.mailbox import Mailbox
from evenkeel.controller.journal.migrations import checksum
from evenkeel.controller.process.boot import boot_id
from evenkeel.controller.process.clock import Now, system_now
from evenkeel.specs.codec import changed, encode
from evenkeel.specs.containers.memory import History
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.errors import JournalError
from evenkeel.specs.feedback import Condition, Feedback
from evenkeel.specs.reading.sound import sound_text
from evenkeel.specs.visible import shortened

Role = Literal["desired", "last-good", "files", "message"]
"""`desired` is in force: what a `message` asked for, else what the `files` ask for (docs/adr/0007)."""
_PLACE = "the content of revision {} (table revision), which is {},"

AS_FOUND = "as found"
"""The source of a state that nobody asked for: what ran."""
_IMAGE = "digest LIKE '%sha256:%'"
"""Attempts with images: the tag of a revision in force was pushed again, and what came was no good."""

_COLLECT = "DELETE FROM revision WHERE digest NOT IN (SELECT digest FROM role)"
"""Forget every revision without a role: what failed is known by its digest."""
_MEET = (
    "INSERT OR IGNORE INTO instance (id, subject, made) VALUES (?, ?, (SELECT ifnull(max(made), 0) + 1 FROM instance))"
)
"""Number an instance when evenkeel first has to do with it."""

_MOST_ATTEMPTS = _MOST_SWITCHES = 1000
"""Beyond these, what failed longest ago may be tried again; a fleet that is sent new failures for years fills no disk."""


class Attempt(NamedTuple):
    """What became of a revision, or of an image, so far. `failed`: in quarantine until it changes or is retried."""

    digest: str
    failures: int
    why: str
    at: float
    failed: bool


class Origin(NamedTuple):
    """Who asked: `files`, or a topic and the activity that came over it; since when, in epoch seconds."""

    source: str
    activity: str
    at: float


class Journal:
    """Reads and writes the file; every writing method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now = database.now
        self.mail = Mailbox(database, boot_id())
        self.failures = Failures(database)
        self._contents: dict[str, bytes] = {}
        """Revisions by digest, and which of them has what role, as last read or written: the file may forget them."""
        self._roles: dict[Role, tuple[str, str, str]] = {}
        self.on_loss: Callable[[], object] = _nothing
        """Called when the file was lost and everything goes on in memory."""
        database.on_loss = self._lost

    # ── desired state ──────────────────────────────────────────────────────────────────────────────────────────

    def revision(self, role: Role) -> DesiredState | None:
        """The state in that role, `None` when there is none. JournalError when what is stored is not what was: other content
        never counts under its digest."""
        row = self._database.one(
            "SELECT content, checksum, digest, role.source, activity FROM revision JOIN role USING (digest)"
            " WHERE role.name = ?",
            role,
        )
        if row is None:
            return None
        content, known, digest, source, activity = row
        if known and known != checksum(content):
            content = self._remembered(role, digest)
        self._learn(role, digest, content, source, activity)
        return self._database.value(content, DesiredState, _PLACE.format(digest, role))

    def readable_revision(self, role: Role) -> DesiredState | None:
        """The state in that role, `None` also when it cannot be read: for callers that go on without it."""
        try:
            return self.revision(role)
        except JournalError:
            return None

    def _remembered(self, role: Role, digest: str) -> bytes:
        """The content of a revision that the file has not kept; it is stored again."""
        if digest not in self._contents:
            raise self._database.damaged(f"{_PLACE.format(digest, role)} is not what was stored")
        content = self._contents[digest]
        with self._database.writing() as connection:
            connection.execute("UPDATE revision SET content = ? WHERE digest = ?", (content, digest))
        return content

    def _learn(self, role: Role, digest: str, content: bytes, source: str, activity: str) -> None:
        self._roles[role] = digest, source, activity
        self._contents[digest] = content
        in_use = {known for known, _, _ in self._roles.values()}
        for known in [known for known in self._contents if known not in in_use]:
            del self._contents[known]

    def digest(self, role: Role) -> str:
        """The digest of the state in that role, "" when there is none."""
        row = self._database.one("SELECT digest FROM role WHERE name = ?", role)
        return str(row[0]) if row else ""

    def origin(self, role: Role) -> Origin | None:
        """Who asked for the state in that role, `None` when there is none."""
        row = self._database.one("SELECT source, activity, at FROM role WHERE name = ?", role)
        return Origin(*row) if row else None

    def put(self, role: Role, state: DesiredState, source: str, activity: str = "") -> bool:
        """Give a state a role. False when it had it, in the same places and from the same origin, already."""
        content = encode(state)
        old = self._database.one(
            "SELECT content, role.source, activity FROM revision JOIN role USING (digest) WHERE role.name = ?", role
        )
        if old is not None and old == (content, source, activity):
            return False
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO revision VALUES (?, ?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE"
                " SET content = excluded.content, source = excluded.source, checksum = excluded.checksum",
                (state.digest, content, source, self._now(), checksum(content)),
            )
            self._give(connection, role, state.digest, source, activity)
        self._learn(role, state.digest, content, source, activity)
        return True

    def reach(self, state: DesiredState, source: str, activity: str) -> None:
        """What an activity reached is in force and is last-good, in one write: nothing takes it back any more. What else is
        remembered of it is forgotten."""
        with self._database.writing() as connection:
            self.put("message", state, source, activity)
            self.put("desired", state, source, activity)
            self._make_good(connection, state.digest, source, activity)

    def drop(self, role: Role) -> bool:
        """Nothing has that role any more; False when nothing had."""
        self._roles.pop(role, None)
        with self._database.writing() as connection:
            was_there = connection.execute("DELETE FROM role WHERE name = ?", (role,)).rowcount > 0
            connection.execute(_COLLECT)
        return was_there

    def promote(self, digest: str) -> bool:
        """What is desired was judged good: it becomes last-good, and what else is remembered of it is forgotten. False when
        something else than `digest` is desired meanwhile, of which nothing was judged: commands write from other
        processes."""
        with self._database.writing() as connection:
            if self.digest("desired") != digest:
                return False
            origin = self.origin("desired")
            self._make_good(connection, digest, *(origin[:2] if origin else ("", "")))
        return True

    def _make_good(self, connection: Transaction, digest: str, source: str, activity: str) -> None:
        self._give(connection, "last-good", digest, source, activity)
        connection.execute("DELETE FROM attempt WHERE digest = ?", (digest,))

    def _give(self, connection: Transaction, role: Role, digest: str, source: str, activity: str) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO role VALUES (?, ?, ?, ?, ?)", (role, digest, self._now(), source, activity)
        )
        connection.execute(_COLLECT)

    # ── attempts ───────────────────────────────────────────────────────────────────────────────────────────────

    def attempt(self, digest: str) -> Attempt | None:
        """What is remembered of a revision that did not succeed at once."""
        row = self._database.one("SELECT digest, failures, why, at, failed FROM attempt WHERE digest = ?", digest)
        return Attempt(row[0], row[1], row[2], row[3], bool(row[4])) if row else None

    def count_failure(self, digest: str, why: str, *, failed: bool = False) -> Attempt:
        """One more failure; with `failed` the revision goes into quarantine. The row is replaced, so that `rowid` has the
        order of the failures: the time of day has it not on a device that lost its clock."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO attempt SELECT ?1, ifnull(max(failures), 0) + 1, ?2, ?3,"
                " max(?4, ifnull(max(failed), 0)) FROM attempt WHERE digest = ?1",
                (digest, shortened(sound_text(why)), self._now(), int(failed)),
            )
            connection.execute(
                "DELETE FROM attempt WHERE digest != ? AND digest NOT IN (SELECT digest FROM role)"
                " AND digest NOT IN (SELECT digest FROM attempt ORDER BY rowid DESC LIMIT ?)",
                (digest, _MOST_ATTEMPTS),
            )
        found = self.attempt(digest)
        assert found is not None
        return found

    def forgive(self, digest: str, *, images: bool = True) -> bool:
        """Forget the failures of a revision and, with `images`, of all images, so that they are tried again; False when
        there were none."""
        also = f" OR {_IMAGE}" if images else ""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM sick_before WHERE digest = ?", (digest,))
            return connection.execute(f"DELETE FROM attempt WHERE digest = ?{also}", (digest,)).rowcount > 0

    # ── what planning has to remember ──────────────────────────────────────────────────────────────────────────

    def history(self) -> History:
        """Proofs, own stops, the order of creations, measured switches, and images that failed."""
        rows = self._database.all("SELECT id, proven, proven_as, stopped, watched, made FROM instance ORDER BY id")
        return History(
            proven={id_: proven_as for id_, proven, proven_as, _, _, _ in rows if proven},
            stopped=tuple(id_ for id_, _, _, stopped, _, _ in rows if stopped),
            watched=tuple(id_ for id_, _, _, _, watched, _ in rows if watched),
            switch_s=dict(self._database.all("SELECT subject, seconds FROM switch ORDER BY subject")),
            rejected=dict(self._database.all(f"SELECT digest, why FROM attempt WHERE {_IMAGE} AND failed")),
            made={id_: made for id_, _, _, _, _, made in rows},
            ends=self.failures.ends(),
            adopted=self.adopted(),
        )

    def mark(
        self,
        instance: str,
        subject: str,
        *,
        proven: bool | None = None,
        check: str = "",
        stopped: bool | None = None,
        watched: bool | None = None,
    ) -> None:
        """Remember of an instance that it was proven, with the network check of this digest (or is not proven any more),
        stopped by evenkeel (or started again), or that its proof has begun (or has come to a verdict)."""
        with self._database.writing() as connection:
            connection.execute(_MEET, (instance, subject))
            if proven is not None:
                what = "UPDATE instance SET proven = ?, proven_as = ? WHERE id = ?"
                connection.execute(what, (int(proven), check, instance))
            if stopped is not None:
                connection.execute("UPDATE instance SET stopped = ? WHERE id = ?", (int(stopped), instance))
            if watched is not None:
                connection.execute("UPDATE instance SET watched = ? WHERE id = ?", (int(watched), instance))

    def created(self, instance: str, subject: str) -> None:
        """Remember that evenkeel has just created an instance: it is younger than all that are known."""
        with self._database.writing() as connection:
            connection.execute(_MEET, (instance, subject))

    def sick_before(self, digest: str) -> frozenset[str] | None:
        """The subjects that were not well before a revision disturbed anything; `None` when that was not recorded."""
        rows = self._database.all("SELECT subject FROM sick_before WHERE digest = ?", digest)
        return frozenset(row[0] for row in rows if row[0]) if rows else None

    def record_sick(self, digest: str, subjects: Iterable[str]) -> None:
        """Record which subjects are not well before a revision disturbs anything."""
        with self._database.writing() as connection:
            rows = [(digest, subject) for subject in ("", *subjects)]  # the empty one says that it was recorded
            connection.executemany("INSERT OR IGNORE INTO sick_before VALUES (?, ?)", rows)

    def forget_sick(self, but: Collection[str] = ()) -> None:
        """Drop what was recorded of all others: when one of them is asked for again, it finds another device."""
        others = set(self._database.all("SELECT DISTINCT digest FROM sick_before")).difference((each,) for each in but)
        if others:
            with self._database.writing() as connection:
                connection.executemany("DELETE FROM sick_before WHERE digest = ?", sorted(others))

    def known(self) -> tuple[str, ...]:
        """Ids of instances that evenkeel had to do with since this journal began, and that are still there."""
        return tuple(row[0] for row in self._database.all("SELECT id FROM instance ORDER BY id"))

    def remembered(self) -> tuple[str, ...]:
        """Ids of all instances of which something is remembered, adopted ones, too."""
        rows = self._database.all("SELECT id FROM instance UNION SELECT instance FROM adopted ORDER BY 1")
        return tuple(row[0] for row in rows)

    def forget(self, gone: Sequence[str]) -> None:
        """Drop what is remembered of instances that are gone (`controller.cycle.absences`)."""
        if gone:
            with self._database.writing() as connection:
                connection.executemany("DELETE FROM instance WHERE id = ?", [(id_,) for id_ in gone])
                connection.executemany("DELETE FROM adopted WHERE instance = ?", [(id_,) for id_ in gone])

    def time_switch(self, subject: str, seconds: float) -> None:
        """Remember for how long a subject was away when it was switched."""
        with self._database.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO switch VALUES (?, ?)", (subject, round(seconds, 3)))
            old = "SELECT subject FROM switch ORDER BY rowid DESC LIMIT -1 OFFSET ?"
            connection.execute(f"DELETE FROM switch WHERE subject IN ({old})", (_MOST_SWITCHES,))

    def adopted(self) -> dict[str, str]:
        """Ids of containers that evenkeel did not create and was told to take over, and which subject each is. Ids, not
        names: who else makes a container of that name later has adopted nothing."""
        return dict(self._database.all("SELECT instance, subject FROM adopted ORDER BY instance"))

    def adopt(self, instance: str, subject: str) -> bool:
        """Take over a container, which is this subject from now on, whatever its name becomes; False when it was taken over
        already."""
        row = (instance, subject, self._now())
        with self._database.writing() as connection:
            return connection.execute("INSERT OR IGNORE INTO adopted VALUES (?, ?, ?)", row).rowcount > 0

    # ── feedback and conditions ────────────────────────────────────────────────────────────────────────────────

    def say(self, feedback: Feedback) -> Feedback:
        """Number, date and store an entry; the stored entry is returned, and only that may be published."""
        with self._database.writing() as connection:
            dated = changed(feedback, at=self._now(), message=shortened(feedback.message))
            seq = connection.execute("INSERT INTO feedback (body) VALUES (?)", (encode(dated),)).lastrowid
        assert seq is not None
        return changed(dated, seq=seq)

    def said(self, after: int = 0, limit: int = 1000) -> tuple[Feedback, ...]:
        """Entries with a number above `after`, the oldest first. In the place of one that cannot be read stands an entry that
        says so: no sink waits for it for ever, and none misses its number."""
        rows = self._database.all("SELECT seq, body FROM feedback WHERE seq > ? ORDER BY seq LIMIT ?", after, limit)
        lost = Feedback("state-lost", "what was said under this number cannot be read")
        return tuple(changed(self._database.readable(body, Feedback) or lost, seq=seq) for seq, body in rows)

    def last_seq(self) -> int:
        """The number of the newest entry, 0 when there is none."""
        row = self._database.one("SELECT max(seq) FROM feedback")
        return int(row[0]) if row and row[0] is not None else 0

    def delivered(self, sink: str) -> int:
        """Up to which number a sink has everything."""
        row = self._database.one("SELECT seq FROM cursor WHERE sink = ?", sink)
        return int(row[0]) if row else 0

    def confirm(self, sink: str, seq: int) -> None:
        """A sink has everything up to `seq`."""
        with self._database.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (sink, seq))

    def trim(self, keep: int, sinks: Iterable[str]) -> None:
        """Drop the oldest entries beyond `keep`, but none that one of these `sinks` still waits for. A sink that took
        nothing yet waits for everything; one that is not named, because the settings name it no more, for nothing."""
        bound = min([self.last_seq() - keep, *(self.delivered(sink) for sink in sinks)])
        with self._database.writing() as connection:
            connection.execute("DELETE FROM feedback WHERE seq <= ?", (bound,))

    def conditions(self) -> tuple[Condition, ...]:
        """All conditions, by name. One that cannot be read is as if it had never been set (`controller.journal.unreadable`)."""
        rows = self._database.all("SELECT body FROM condition ORDER BY name")
        found = (self._database.readable(row[0], Condition) for row in rows)
        return tuple(condition for condition in found if condition is not None)

    def unreadable_conditions(self) -> list[tuple[str, bytes, str]]:
        """Name and body of the conditions that cannot be read, and why they cannot."""
        rows = self._database.all("SELECT name, body FROM condition ORDER BY name")
        found = ((name, body, self._database.why_unreadable(body, Condition)) for name, body in rows)
        return [each for each in found if each[2]]

    def set_condition(self, condition: Condition) -> bool:
        """Store a condition if it says something new; `since` moves only when `holds` changes. True when stored."""
        old = next((known for known in self.conditions() if known.name == condition.name), None)
        since = old.since if old is not None and old.holds == condition.holds else self._now()
        new = changed(condition, since=since, message=shortened(condition.message))
        if new == old:
            return False
        with self._database.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO condition VALUES (?, ?)", (new.name, encode(new)))
        return True

    def drop_condition(self, name: str) -> None:
        """It means nothing any more."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM condition WHERE name = ?", (name,))

    def at_once(self) -> AbstractContextManager[object]:
        """All writes within are one: on the disk together, or not at all. Nothing may be awaited within."""
        return self._database.writing()

    def once_kept(self, act: Callable[[], object]) -> None:
        """Call `act` as soon as everything written so far is on the disk; never, if that fails. For what tells the world:
        nobody may hear what a power loss would take back."""
        self._database.once_kept(act)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    # ── the disk ───────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def loss(self) -> Loss | None:
        """Why everything happens in memory; `None` while all that was written is on the disk."""
        return self._database.loss

    @property
    def is_durable(self) -> bool:
        """Whether all that was written is on the disk. Nothing else may be claimed to anybody."""
        return self._database.loss is None

    @property
    def knows_intent(self) -> bool:
        """Whether what is in force could be read. If not, a message may be, which nobody knows."""
        loss = self._database.loss
        if loss is None or not loss.missing.intersection(("role", "revision")):
            return True
        origin = self.origin("desired")
        return origin is not None and origin.source != AS_FOUND

    def check(self) -> None:
        """Notice when the file is no longer where it was, or not what was written."""
        self._database.check()

    def restore(self) -> Trouble | None:
        """Go on with the file; why not, if that fails."""
        return self._database.restore()

    def before_writing(self, act: Callable[[], object]) -> None:
        """Call `act` before everything that is written; what it raises keeps that from happening."""
        self._database.before_writing = act

    def _lost(self) -> None:
        """Give the copy in memory what the file did not give, as far as it is known."""
        for role, (digest, source, activity) in self._roles.items():
            if not self.digest(role) and digest in self._contents:
                self._database.supplement(
                    ("INSERT OR REPLACE INTO revision VALUES (?, ?, ?, ?, ?)", self._row(digest, source)),
                    (
                        "INSERT OR REPLACE INTO role VALUES (?, ?, ?, ?, ?)",
                        (role, digest, self._now(), source, activity),
                    ),
                )
        self.on_loss()

    def _row(self, digest: str, source: str) -> tuple[object, ...]:
        content = self._contents[digest]
        return digest, content, source, self._now(), checksum(content)


def _nothing() -> None:
    """Nobody wants to know."""


class _Writer(Protocol):
    _journal: Journal


_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")
_Self = TypeVar("_Self", bound=_Writer)


def at_once(method: Callable[Concatenate[_Self, _Given], _Result]) -> Callable[Concatenate[_Self, _Given], _Result]:
    """Everything that this method writes into its journal is one write: no crash separates what changed from what is said
    of it."""

    @wraps(method)
    def within(self: _Self, /, *given: _Given.args, **named: _Given.kwargs) -> _Result:
        with self._journal.at_once():
            return method(self, *given, **named)

    return within


def open_journal(state: Path, now: Now = system_now) -> Journal:
    """The journal of a state directory, to read and write; directory and file are made when they are not there."""
    return Journal(open_database(state, now))


def keep_journal(state: Path, now: Now = system_now) -> Journal:
    """As `open_journal`, for a controller: what its disk does is no error, and everything goes on in memory."""
    return Journal(keep_database(state, now))


def empty_journal() -> Journal:
    """A journal in memory that nothing was written to."""
    return Journal(empty_database())


def read_journal(state: Path) -> Journal:
    """The journal to read only; an empty one when there is none. Creates and changes no file."""
    return Journal(read_database(state))
