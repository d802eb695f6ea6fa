"""A file system in memory: for rehearsals on a laptop, and as a test kit.

It is no mock: it refuses the operations that a file system refuses, and can be made to run out of space, to become
read-only, and to take rights away. Owners, rights and reserved paths are those of this host and this process, as on the
real disk. An absent source has a made-up content, as images of the memory engine have; where a digest is asked for, that
content stands for the one that has it. With `store` it outlives the process.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import basename, dirname

from evenkeel.controller.drivers.files.engine import FilesEngine
from evenkeel.controller.drivers.files.host import reserved_paths
from evenkeel.controller.drivers.files.system import FOLDER_MODE, Node, Way
from evenkeel.controller.process.accounts import group_id, own_groups, own_user, user_id
from evenkeel.controller.process.atomic import write_atomically
from evenkeel.controller.units import SimulatedUnits
from evenkeel.specs.codec import decode, encode
from evenkeel.specs.errors import DriverError
from evenkeel.specs.files.file import Form, digest_of
from evenkeel.specs.files.observed import FileKind

STATE = "/var/lib/evenkeel"
"""The state directory of a simulated host that is given none."""
_STAND_IN = b"\0simulated content of sha256:"
"""A content that begins so, and goes on with a digest, has that digest. The first byte keeps it apart from texts."""


@dataclass(frozen=True)
class Entry:
    """One entry of the world."""

    kind: FileKind
    content: bytes = b""
    uid: int = 0
    gid: int = 0
    mode: int = 0o644
    target: str = ""


@dataclass
class World:
    """All entries by path; the root is always there."""

    entries: dict[str, Entry] = field(default_factory=dict)


def memory_files(
    store: Path | None = None, *, state: str = STATE, specs: Sequence[str] = (), readonly: bool = False
) -> FilesEngine:
    """The driver of a simulated host, kept in the file `store`. `state` and `specs`: as for `disk_files`. With `readonly` the
    file `store` stays as it is. Raises DriverError when it holds no simulated host."""
    world = World()
    if store is not None and store.exists():
        try:
            world = decode(store.read_bytes(), World)
        except ValueError as error:
            why = f"is damaged and holds no simulated files; remove {store} to begin with none"
            raise DriverError(f"file:{store}", why) from error
    system = MemoryDisk(world, None if readonly else store)
    state_path = os.path.realpath(state)
    for path in (state_path, *map(os.path.realpath, specs)):
        system.put_folder(dirname(path))
    return FilesEngine(system, f"{state_path}/files", reserved_paths(state, specs), SimulatedUnits())


class MemoryDisk:
    """A `FileSystem`. `fails`: not `None`, the error of every change. `simulates_sources`: an absent source has a
    made-up content."""

    name = "memory (simulated)"
    blocks = False

    def __init__(self, world: World | None = None, store: Path | None = None) -> None:
        self.world, self._store = world or World(), store
        self.fails: int | None = None
        self.simulates_sources = True

    @property
    def uid(self) -> int:
        return own_user()

    @property
    def groups(self) -> tuple[int, ...]:
        return own_groups()

    def user(self, name: str) -> int | None:
        return user_id(name)

    def group(self, name: str) -> int | None:
        return group_id(name)

    def way(self, folder: str) -> Way:
        path = ""
        for part in folder.split("/")[1:] if folder != "/" else ():
            path = f"{path}/{part}"
            found = self.world.entries.get(path)
            if found is None:
                return Way(missing=path)
            if found.kind == "link":
                return Way(obstacle=f"{path} is a symbolic link to {found.target}; write the path without it")
            if found.kind != "folder":
                return Way(obstacle=f"{path} is no folder")
        return Way()

    def node(self, path: str) -> Node:
        self._walk(path)
        found = self.world.entries.get(path)
        return Node("absent") if found is None else _node(found)

    def source(self, path: str) -> Node:
        return _node(self._source(path))

    def entries(self, folder: str) -> list[str]:
        self._walk(f"{folder.rstrip('/')}/.")
        return [basename(path) for path in self.world.entries if dirname(path) == folder]

    def read(self, path: str, most: int) -> bytes:
        self._walk(path)
        return _content(self.world.entries.get(path), most)

    def read_source(self, path: str, most: int, meant: str = "") -> bytes:
        return _content(self._source(path, meant), most)

    def digest(self, content: bytes) -> str:
        is_stand_in = len(content) == len(_STAND_IN) + 64 and content.startswith(_STAND_IN)
        return content[len(_STAND_IN) :].decode() if is_stand_in else digest_of(content)

    def make_folders(self, folder: str, mode: int = FOLDER_MODE) -> None:
        while missing := self.way(folder).missing:
            self._change(missing, Entry("folder", uid=self.uid, gid=self.groups[0], mode=mode))

    def write(self, path: str, content: bytes, form: Form) -> None:
        self._walk(path)
        if path in self.world.entries:
            raise _error(errno.EEXIST)
        link = Entry("link", target=form.link, mode=0o777)
        self._change(path, link if form.link else Entry("file", content, form.uid, form.gid, form.mode))

    def rename(self, path: str, name: str) -> None:
        self._walk(path)
        entry, target = self.world.entries.get(path), f"{dirname(path).rstrip('/')}/{name}"
        if entry is None:
            raise _error(errno.ENOENT)
        if target in self.world.entries and self.world.entries[target].kind == "folder":
            raise _error(errno.EISDIR)
        self._change(target, entry)
        del self.world.entries[path]

    def remove(self, path: str) -> None:
        if self.way(dirname(path)).missing:
            return
        self._walk(path)
        if path in self.world.entries:
            if self.world.entries[path].kind == "folder":
                raise _error(errno.EISDIR)
            self._change(path, None)

    def adjust(self, path: str, form: Form) -> None:
        self._walk(path)
        content = _content(self.world.entries.get(path), 1 << 40)
        self._change(path, Entry("file", content, form.uid, form.gid, form.mode))

    def save(self) -> None:
        if self._store is not None:
            write_atomically(self._store, encode(self.world), mode=0o600)

    # ── other people's hands ───────────────────────────────────────────────────────────────────────────────────

    def put(
        self, path: str, content: bytes, *, uid: int | None = None, gid: int | None = None, mode: int = 0o644
    ) -> None:
        """Write a file from outside, as the user of this process if not told otherwise."""
        user, group = self.uid if uid is None else uid, self.groups[0] if gid is None else gid
        self._put(path, Entry("file", content, user, group, mode))

    def put_link(self, path: str, target: str) -> None:
        """Make a symbolic link from outside."""
        self._put(path, Entry("link", target=target, mode=0o777))

    def put_folder(self, path: str) -> None:
        """Make a folder from outside, if nothing is there."""
        if path != "/" and path not in self.world.entries:
            self._put(path, Entry("folder", mode=0o755))

    def take(self, path: str) -> None:
        """Remove a path from outside."""
        self.world.entries.pop(path, None)

    def _put(self, path: str, entry: Entry) -> None:
        parent = dirname(path)
        while parent != "/":
            self.world.entries.setdefault(parent, Entry("folder", mode=0o755))
            parent = dirname(parent)
        self.world.entries[path] = entry

    # ── inside ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _walk(self, path: str) -> None:
        """Raise the error of a file system for a path whose folder cannot be reached."""
        way = self.way(dirname(path))
        if way.missing or way.obstacle:
            raise _error(errno.ENOENT if way.missing else errno.ENOTDIR)

    def _source(self, path: str, meant: str = "") -> Entry:
        for _ in range(40):
            found = self.world.entries.get(path)
            if found is None and self.simulates_sources:
                content = _STAND_IN + meant.encode() if meant else f"simulated content of {path}\n".encode()
                return Entry("file", content)
            if found is None:
                raise _error(errno.ENOENT)
            if found.kind != "link":
                return found
            path = found.target
        raise _error(errno.ELOOP)

    def _change(self, path: str, entry: Entry | None) -> None:
        if self.fails is not None:
            raise _error(self.fails)
        if entry is None:
            del self.world.entries[path]
        else:
            self.world.entries[path] = entry


def _node(entry: Entry) -> Node:
    return Node(entry.kind, entry.uid, entry.gid, entry.mode, len(entry.content), entry.target)


def _content(entry: Entry | None, most: int) -> bytes:
    if entry is None:
        raise _error(errno.ENOENT)
    if entry.kind != "file":
        raise _error(errno.ELOOP if entry.kind == "link" else errno.EINVAL)
    if len(entry.content) > most:
        raise _error(errno.EFBIG)
    return entry.content


def _error(code: int) -> OSError:
    return OSError(code, os.strerror(code))
