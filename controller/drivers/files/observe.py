"""One look at files: the node at each path, and the content that could be placed there.

Nothing is changed. An error at one path is told of that path, and does not hide the others.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from posixpath import basename, dirname

from evenkeel.controller.drivers.files.system import FileSystem, Node
from evenkeel.specs.codec import changed
from evenkeel.specs.files.file import MOST_SOURCE, Form, is_temporary
from evenkeel.specs.files.observed import FileSeen, FilesLook, FilesSeen, Sought, SourceSeen, TemporarySeen

_YOUNG_NS = 2_000_000_000
"""A file that was changed less than so long ago may be changed again without another time stamp."""


class Observer:
    """Looks at a file system. Digests of files that did not change are remembered."""

    def __init__(self, system: FileSystem, store: str, reserved: Mapping[str, str]) -> None:
        self._system, self._store, self._reserved = system, store, reserved
        self._digests: dict[str, tuple[tuple[int, ...], str]] = {}

    def look(self, look: FilesLook) -> FilesSeen:
        """The observation."""
        if look.fresh:
            self._digests.clear()
        sought = [each for each in look.files if look.subject in ("", each.subject)]
        entries: dict[str, list[str]] = {}
        files = tuple(self._file(each, entries) for each in sought)
        known = {each.path for each in look.files} | {each.source for each in look.files}
        known |= {f"{dirname(each.path)}/{beside.name}" for each in files for beside in each.temporaries}
        if not look.subject:
            self._digests = {path: value for path, value in self._digests.items() if path in known}
        return FilesSeen(self._system.name, files, self._stored(), look.subject)

    def _stored(self) -> tuple[str, ...]:
        try:
            return tuple(sorted(self._system.entries(self._store)))
        except OSError:
            return ()  # not there yet; where it cannot be read, storing will tell

    def _file(self, sought: Sought, entries: dict[str, list[str]]) -> FileSeen:
        path, folder = sought.path, dirname(sought.path)
        found = FileSeen(
            path, sought.subject, is_wanted=sought.is_wanted, overwrites=sought.overwrites, secret=sought.secret
        )
        try:
            way = self._system.way(folder)
            refused = self._reserves(path) or way.obstacle
            if sought.is_wanted:
                uid, gid, why = self._owner(sought)
                source = self._source(sought.source, sought.sha256) if sought.source else None
                found = changed(found, uid=uid, gid=gid, source=source)
                refused = refused or why
            found = changed(found, refused=refused, missing=way.missing)
            if way.missing or way.obstacle:
                return found
            node = self._system.node(path)
            found = changed(found, kind=node.kind, form=self._form(path, node), size=node.size)
            return changed(found, temporaries=self._temporaries(path, entries))
        except OSError as error:
            return changed(found, kind="unknown", trouble=f"{path} cannot be read: {_words(error)}")

    def _reserves(self, path: str) -> str:
        reserved = (why for place, why in self._reserved.items() if f"{path}/".startswith(f"{place.rstrip('/')}/"))
        return next((f"{why}, where no file is placed" for why in reserved), "")

    def _owner(self, sought: Sought) -> tuple[int, int, str]:
        """The numbers of owner and group, and the reason why the file cannot be given to them."""
        own = self._system.uid
        uid = self._number(sought.owner, own, self._system.user)
        gid = self._number(sought.group, self._system.groups[0], self._system.group)
        if uid is None:
            return 0, 0, f"there is no user `{sought.owner}`"
        if gid is None:
            return 0, 0, f"there is no group `{sought.group}`"
        if own and (uid != own or gid not in self._system.groups):
            whom = "another owner" if uid != own else "a group of others"
            return uid, gid, f"only root can give a file {whom}, and evenkeel is the user {own}"
        return uid, gid, ""

    @staticmethod
    def _number(name: str, own: int, resolve: Callable[[str], int | None]) -> int | None:
        if not name:
            return own
        return int(name) if name.isdecimal() else resolve(name)

    def _source(self, path: str, meant: str) -> SourceSeen:
        try:
            node = self._system.source(path)
            if node.kind != "file":
                return SourceSeen(why="is no file")
            if node.size > MOST_SOURCE:
                return SourceSeen(why=f"is larger than {MOST_SOURCE >> 20} MiB")
            return SourceSeen(self._digest(path, node, partial(self._system.read_source, meant=meant)), node.size)
        except FileNotFoundError:
            return SourceSeen(why="is not there")
        except OSError as error:
            return SourceSeen(why=f"cannot be read: {_words(error)}")

    def _form(self, path: str, node: Node) -> Form:
        """The form of a node. A file that is too large to be read has no digest, and so differs from any wanted one."""
        if node.kind == "link":
            return Form(link=node.target)
        if node.kind != "file":
            return Form()
        digest = self._digest(path, node) if node.size <= MOST_SOURCE else ""
        return Form(digest, node.uid, node.gid, node.mode)

    def _temporaries(self, path: str, entries: dict[str, list[str]]) -> tuple[TemporarySeen, ...]:
        folder, name = dirname(path), basename(path)
        if folder not in entries:
            entries[folder] = self._system.entries(folder)
        found = []
        for each in sorted(entries[folder]):
            if is_temporary(each, name):
                beside = f"{folder.rstrip('/')}/{each}"
                found.append(TemporarySeen(each, self._form(beside, self._system.node(beside))))
        return tuple(found)

    def _digest(self, path: str, node: Node, read: Callable[[str, int], bytes] | None = None) -> str:
        known = self._digests.get(path)
        if known is not None and known[0] == node.stamp:
            return known[1]
        digest = self._system.digest((read or self._system.read)(path, MOST_SOURCE))
        if node.stamp is not None and abs(time.time_ns() - node.stamp[-1]) > _YOUNG_NS:
            self._digests[path] = node.stamp, digest
        return digest


def _words(error: OSError) -> str:
    return (error.strerror or os.strerror(error.errno or 0)).lower()
