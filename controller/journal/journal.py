"""Durable intent: the desired state, last-good, attempts, and feedback. Never observations.

When a method has returned, its write is on the disk (`controller.journal.database`). A settled device writes nothing.
The journal can be lost without losing a container, because the engine is asked again. Only memory of failed revisions,
of proofs and of unread feedback would be gone.

Parts of the journal: a `mailbox` for the messages of each domain, the `outbox` of all of them, `attempts` for failed
revisions, groups and contents, `memories` for the memory of each domain, `failures` for the failures of subjects,
`entries` for feedback, `conditions`. The journal has the methods of the last two as its own, because every part of
evenkeel uses them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from pathlib import Path
from typing import Concatenate, Literal, NamedTuple, ParamSpec, Protocol, TypeVar

from evenkeel.controller.journal.attempts import Attempts
from evenkeel.controller.journal.conditions import Conditions
from evenkeel.controller.journal.database import (
    Database,
    Loss,
    Transaction,
    empty_database,
    keep_database,
    open_database,
    read_database,
)
from evenkeel.controller.journal.entries import Entries
from evenkeel.controller.journal.failures import Failures
from evenkeel.controller.journal.file import Trouble
from evenkeel.controller.journal.mailbox import Mailbox
from evenkeel.controller.journal.memories import Memories
from evenkeel.controller.journal.migrations import checksum
from evenkeel.controller.journal.operations import Operations
from evenkeel.controller.journal.outbox import Outbox
from evenkeel.controller.journal.revisions import Revisions
from evenkeel.controller.process.boot import boot_id
from evenkeel.controller.process.clock import Now, system_now
from evenkeel.specs.codec import encode
from evenkeel.specs.desired import DesiredState, composed
from evenkeel.specs.errors import JournalError
from evenkeel.specs.kanto.activity import Activity

Role = Literal["desired", "last-good", "files", "message", "proven", "part"]  # the last: controller.cycle.proven
"""The role of a stored revision. `desired` is in force: the state that a `message` asked for, else the state of the
`files` (docs/adr/0007). `message` and `proven` are roles in one domain; the other roles belong to the device, whose
domain is "". `part`: the newest state that domains were on their way to and that was the desired state without some
groups."""
_PLACE = "the content of revision {} (table revision), which is {},"

AS_FOUND = "as found"
"""The source of a state that nobody asked for, but ran."""
_COLLECT = "DELETE FROM revision WHERE digest NOT IN (SELECT digest FROM role)"
"""Forget every revision without a role: a failed one is known by its digest."""


class Origin(NamedTuple):
    """The origin of a state: `files`, or a topic and the activity that came over it; since when, in epoch seconds."""

    source: str
    activity: str
    at: float


class Journal:
    """Reads and writes the file; every writing method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now = database.now
        self._boot = boot_id()
        self._mailboxes: dict[str, Mailbox] = {}
        self.outbox = Outbox(database)
        """The publications of all roles over their one connection, in one order."""
        self.failures = Failures(database)
        entries = Entries(database)
        self.say, self.entries, self.last_seq = entries.say, entries.page, entries.last_seq
        self.delivered, self.confirm, self.trim = entries.delivered, entries.confirm, entries.trim
        conditions = Conditions(database)
        self.conditions, self.condition = conditions.all, conditions.of
        self.set_condition, self.drop_condition = conditions.set, conditions.drop
        self.unreadable_conditions = conditions.unreadable
        self.attempts = Attempts(database)
        self.operations = Operations(database)
        self.memories = Memories(database, self.attempts, self.failures)
        self._known = Revisions[tuple[Role, str]]()
        self.on_loss: Callable[[], object] = _nothing
        """Called when the file was lost and everything goes on in memory."""
        database.on_loss = self._lost

    def mailbox(self, domain: str) -> Mailbox:
        """The messages and the open activity of one domain."""
        if domain not in self._mailboxes:
            self._mailboxes[domain] = Mailbox(self._database, self._boot, domain, self.outbox)
        return self._mailboxes[domain]

    def activities(self) -> dict[str, Activity]:
        """All open activities by their domains."""
        rows = self._database.all("SELECT domain FROM activity ORDER BY domain")
        found = ((domain, self.mailbox(domain).activity()) for (domain,) in rows)
        return {domain: activity for domain, activity in found if activity is not None}

    # ── desired state ──────────────────────────────────────────────────────────────────────────────────────────

    def revision(self, role: Role, domain: str = "") -> DesiredState | None:
        """The state in that role, `None` when there is none. JournalError when the stored content is not what was
        written: other content never counts under its digest."""
        row = self._database.one(
            "SELECT content, checksum, digest, role.source, activity FROM revision JOIN role USING (digest)"
            " WHERE role.domain = ? AND role.name = ?",
            domain,
            role,
        )
        if row is None:
            return None
        content, known, digest, source, activity = row
        if known and known != checksum(content):
            content = self._remembered(role, digest)
        self._known.learn((role, domain), digest, content, source, activity)
        place = _PLACE.format(digest, role)
        return self._known.state(digest, lambda content: self._database.value(content, DesiredState, place))

    def readable_revision(self, role: Role, domain: str = "") -> DesiredState | None:
        """The state in that role, `None` also when it cannot be read: for callers that go on without it."""
        try:
            return self.revision(role, domain)
        except JournalError:
            return None

    def _remembered(self, role: Role, digest: str) -> bytes:
        """The content of a revision that the file has not kept; it is stored again."""
        content = self._known.content(digest)
        if content is None:
            raise self._database.damaged(f"{_PLACE.format(digest, role)} is not what was stored")
        with self._database.writing() as connection:
            connection.execute("UPDATE revision SET content = ? WHERE digest = ?", (content, digest))
        return content

    def digest(self, role: Role, domain: str = "") -> str:
        """The digest of the state in that role, "" when there is none."""
        row = self._database.one("SELECT digest FROM role WHERE domain = ? AND name = ?", domain, role)
        return str(row[0]) if row else ""

    def origin(self, role: Role, domain: str = "") -> Origin | None:
        """The origin of the state in that role, `None` when there is none."""
        row = self._database.one("SELECT source, activity, at FROM role WHERE domain = ? AND name = ?", domain, role)
        return Origin(*row) if row else None

    def overruled(self) -> tuple[str, ...]:
        """The domains of which a message is in force and not the files; the newest message first."""
        rows = self._database.all("SELECT domain FROM role WHERE name = 'message' ORDER BY at DESC, domain")
        return tuple(domain for (domain,) in rows)

    def put(self, role: Role, state: DesiredState, source: str, activity: str = "", domain: str = "") -> bool:
        """Give a state a role. False when it had it, in the same places and from the same origin, already."""
        content = encode(state)
        old = self._database.one(
            "SELECT content, role.source, activity FROM revision JOIN role USING (digest)"
            " WHERE role.domain = ? AND role.name = ?",
            domain,
            role,
        )
        if old is not None and old == (content, source, activity):
            return False
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO revision VALUES (?, ?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE"
                " SET content = excluded.content, source = excluded.source, checksum = excluded.checksum",
                (state.digest, content, source, self._now(), checksum(content)),
            )
            self._give(connection, role, state.digest, source, activity, domain)
        self._known.learn((role, domain), state.digest, content, source, activity)
        return True

    def reach(self, state: DesiredState, source: str, activity: str, domain: str) -> None:
        """Put the state that an activity of a domain reached in force and make it last-good, in one write: nothing
        takes it back any more. Other records of this state are forgotten. The desired state and last-good of other
        domains stay as they are."""
        with self._database.writing() as connection:
            self.put("message", state, source, activity, domain)
            asked, good = (self.readable_revision(role) for role in ("desired", "last-good"))
            good = composed(good, domain, state)
            self.put("desired", composed(asked, domain, state), source, activity)
            self.put("last-good", good, source, activity)
            self._make_good(connection, good.digest, source, activity)

    def drop(self, role: Role, domain: str = "") -> bool:
        """Nothing has that role any more; False when nothing had."""
        self._known.forget((role, domain))
        with self._database.writing() as connection:
            delete = "DELETE FROM role WHERE domain = ? AND name = ?"
            was_there = connection.execute(delete, (domain, role)).rowcount > 0
            connection.execute(_COLLECT)
        return was_there

    def promote(self, digest: str) -> bool:
        """Make the desired state last-good, because it was judged good. Other records of it are forgotten. False when a
        state other than `digest` is desired meanwhile, which nobody has judged: commands write from other processes."""
        with self._database.writing() as connection:
            if self.digest("desired") != digest:
                return False
            origin = self.origin("desired")
            self._make_good(connection, digest, *(origin[:2] if origin else ("", "")))
        return True

    def promote_part(self, digest: str, state: DesiredState) -> bool:
        """Record that a state, which is the desired state without some groups, was judged good. False when a state
        other than `digest` is desired meanwhile."""
        with self._database.writing() as connection:
            if self.digest("desired") != digest:
                return False
            origin = self.origin("desired")
            source, activity = origin[:2] if origin else ("", "")
            self.put("last-good", state, source, activity)
            self._make_good(connection, state.digest, source, activity)
        return True

    def _make_good(self, connection: Transaction, digest: str, source: str, activity: str) -> None:
        connection.execute("DELETE FROM role WHERE name = 'proven'")
        self._give(connection, "last-good", digest, source, activity)
        connection.execute("DELETE FROM attempt WHERE domain = '' AND digest = ?", (digest,))

    def _give(
        self, connection: Transaction, role: Role, digest: str, source: str, activity: str, domain: str = ""
    ) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO role VALUES (?, ?, ?, ?, ?, ?)",
            (domain, role, digest, self._now(), source, activity),
        )
        connection.execute(_COLLECT)

    def at_once(self) -> AbstractContextManager[object]:
        """All writes within are one: on the disk together, or not at all. Nothing may be awaited within."""
        return self._database.writing()

    def once_kept(self, act: Callable[[], object]) -> None:
        """Call `act` as soon as everything written so far is on the disk; never, if that fails. For reports to the
        outside: nobody may receive a report that a power loss would take back."""
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
        """Whether the state in force could be read. If not, a message may be in force that nobody knows."""
        loss = self._database.loss
        if loss is None or not loss.missing.intersection(("role", "revision")):
            return True
        origin = self.origin("desired")
        return origin is not None and origin.source != AS_FOUND

    def check(self) -> None:
        """Notice when the file was moved or removed, or its content is not what was written."""
        self._database.check()

    def restore(self) -> Trouble | None:
        """Go on with the file; why not, if that fails."""
        return self._database.restore()

    def before_writing(self, act: Callable[[], object]) -> None:
        """Call `act` before every write. An exception of `act` prevents the write."""
        self._database.before_writing = act

    def _lost(self) -> None:
        """Give the copy in memory what the file did not give, as far as it is known."""
        for (role, domain), digest, source, activity, content in self._known.roles():
            if not self.digest(role, domain):
                row = digest, content, source, self._now(), checksum(content)
                given = domain, role, digest, self._now(), source, activity
                self._database.supplement(
                    ("INSERT OR REPLACE INTO revision VALUES (?, ?, ?, ?, ?)", row),
                    ("INSERT OR REPLACE INTO role VALUES (?, ?, ?, ?, ?, ?)", given),
                )
        self.on_loss()


def _nothing() -> None:
    """Nobody wants to know."""


class _Writer(Protocol):
    _journal: Journal


_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")
_Self = TypeVar("_Self", bound=_Writer)


def at_once(method: Callable[Concatenate[_Self, _Given], _Result]) -> Callable[Concatenate[_Self, _Given], _Result]:
    """Make everything that this method writes into its journal one write: no crash separates a change from its
    feedback."""

    @wraps(method)
    def within(self: _Self, /, *given: _Given.args, **named: _Given.kwargs) -> _Result:
        with self._journal.at_once():
            return method(self, *given, **named)

    return within


def open_journal(state: Path, now: Now = system_now) -> Journal:
    """The journal of a state directory, to read and write; directory and file are made when they are not there."""
    return Journal(open_database(state, now))


def keep_journal(state: Path, now: Now = system_now) -> Journal:
    """Open the journal for a controller: a fault of the disk is no error, and everything goes on in memory."""
    return Journal(keep_database(state, now))


def empty_journal() -> Journal:
    """A journal in memory that nothing was written to."""
    return Journal(empty_database())


def read_journal(state: Path) -> Journal:
    """The journal to read only; an empty one when there is none. Creates and changes no file."""
    return Journal(read_database(state))
