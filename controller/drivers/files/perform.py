"""The actions of the files domain, on a file system.

Each is idempotent: an action whose effect is there already is `Done`. A file that is to be replaced or removed is
looked at again first, so that a newer foreign file is not lost. No message repeats a content.
"""

from __future__ import annotations

import errno
from posixpath import basename, dirname

from evenkeel.controller.drivers.files.system import FileSystem, Node
from evenkeel.controller.process.causes import write_words
from evenkeel.specs.files.actions import Adjust, Discard, Drop, Fetch, Keep, Remove, Switch, Verify, Write
from evenkeel.specs.files.file import MOST_SOURCE, Form, is_temporary
from evenkeel.specs.plan import Action, Done, Failed, Outcome, Retry

_FINAL = (errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EFBIG)
"""Errors that do not pass by themselves. All others have an external cause: rights, space, a read-only or broken
disk."""
_STORE_MODE = 0o700


class Performer:
    """Performs actions. `store`: the folder of contents by digest."""

    def __init__(self, system: FileSystem, store: str) -> None:
        self._system, self._store = system, store

    def perform(self, action: Action) -> Outcome:
        """The outcome. Errors of a file system are outcomes, too."""
        try:
            outcome = self._perform(action)
            self._system.save()
            return outcome
        except OSError as error:
            message = f"{_about(action, self._store)}: {write_words(error)}"
            return Failed(message) if error.errno in _FINAL else Retry(message, outside=True)

    def _perform(self, action: Action) -> Outcome:
        match action:
            case Fetch():
                return self._fetch(action)
            case Keep():
                return self._keep(action)
            case Write():
                return self._write(action)
            case Switch():
                return self._switch(action)
            case Adjust():
                self._system.adjust(action.path, action.form)
                return Done("owner and mode are as asked for")
            case Verify():
                return self._verify(action)
            case Remove():
                return self._remove(action)
            case Discard(path=path, names=names):
                for name in names:
                    self._system.remove(_beside(path, name))
                return Done("nothing is left beside it")
            case Drop(names=names):
                for name in names:
                    self._system.remove(f"{self._store}/{name}")
                return Done(f"{len(names)} dropped")
            case _:
                return Failed(f"the driver of files does not know {type(action).__name__}")

    def _fetch(self, action: Fetch) -> Outcome:
        content = self._system.read_source(action.source, MOST_SOURCE, action.digest)
        if self._system.digest(content) != action.digest:
            return Retry(f"{action.source} was changed while it was looked at", outside=True)
        self._store_content(content, action.digest)
        return Done(f"{len(content):,} bytes are in the store")

    def _keep(self, action: Keep) -> Outcome:
        if self._form(action.path) != action.form:
            return Retry(f"{action.path} was changed since it was looked at", outside=True)
        if not action.form.link:
            content = self._system.read(action.path, MOST_SOURCE)
            if self._system.digest(content) != action.form.digest:
                return Retry(f"{action.path} was changed since it was looked at", outside=True)
            self._store_content(content, action.form.digest)
        return Done("what is there is kept")

    def _write(self, action: Write) -> Outcome:
        content = b""
        if action.content is not None:
            content = action.content.encode()
        elif not action.form.link:
            content = self._stored(action.form.digest)
            if self._system.digest(content) != action.form.digest:
                self._system.remove(f"{self._store}/{action.form.digest}")
                return Retry("its content in the store is damaged, and was dropped", outside=True)
        self._system.make_folders(dirname(action.path))
        temporary = _beside(action.path, action.temporary)
        self._system.remove(temporary)
        self._create(temporary, content, action.form)
        return Done("written beside it")

    def _switch(self, action: Switch) -> Outcome:
        there, temporary = self._system.node(action.path), _beside(action.path, action.temporary)
        if self._system.node(temporary).kind == "absent":
            is_done = self._form(action.path) == action.form
            return Done("in place already") if is_done else Retry("what was written beside it is gone")
        if self._form(temporary) != action.form:
            return Retry("what was written beside it is damaged")
        if not self._may_replace(action, there):
            return Retry(f"{action.path} was changed since it was looked at", outside=True)
        self._system.rename(temporary, basename(action.path))
        return Done("in place")

    def _may_replace(self, action: Switch, there: Node) -> bool:
        if there.kind == "absent":
            return True
        if there.kind not in ("file", "link") or action.replaces is None:
            return False
        if action.is_own and there.kind == "file" and not action.replaces.link:
            return True
        return self._form(action.path) == action.replaces

    def _verify(self, action: Verify) -> Outcome:
        there = self._system.node(action.path)
        if there.kind == "absent":
            return Retry(f"{action.path} is not there any more", outside=True)
        if self._form(action.path) != action.form:
            return Retry(f"{action.path} is not as it was placed; something else changes it", outside=True)
        return Done("as asked for")

    def _remove(self, action: Remove) -> Outcome:
        if self._system.way(dirname(action.path)).missing:
            return Done("its folder is gone")
        kind = self._system.node(action.path).kind
        if kind == "file":
            self._system.remove(action.path)
        for each in self._system.entries(dirname(action.path)):
            if is_temporary(each, basename(action.path)):
                self._system.remove(_beside(action.path, each))
        return Done("removed" if kind == "file" else "it is gone already")

    def _form(self, path: str) -> Form:
        node = self._system.node(path)
        if node.kind == "link":
            return Form(link=node.target)
        if node.kind != "file" or node.size > MOST_SOURCE:
            return Form()
        return Form(self._system.digest(self._system.read(path, MOST_SOURCE)), node.uid, node.gid, node.mode)

    def _stored(self, digest: str) -> bytes:
        return self._system.read(f"{self._store}/{digest}", MOST_SOURCE)

    def _store_content(self, content: bytes, digest: str) -> None:
        """Store a content under its digest, complete or not at all."""
        self._system.make_folders(self._store, _STORE_MODE)
        if self._system.node(f"{self._store}/{digest}").kind == "file" and self._stored(digest) == content:
            return
        temporary = f"{self._store}/.{digest}"
        self._system.remove(temporary)
        self._create(temporary, content, Form(uid=self._system.uid, gid=self._system.groups[0], mode=0o600))
        self._system.rename(temporary, digest)

    def _create(self, path: str, content: bytes, form: Form) -> None:
        """Write a new file; an incomplete one is removed again."""
        try:
            self._system.write(path, content, form)
        except OSError:
            self._try_to_remove(path)
            raise

    def _try_to_remove(self, path: str) -> None:
        try:
            self._system.remove(path)
        except OSError:
            return  # the clean-up sees it


def _beside(path: str, name: str) -> str:
    return f"{dirname(path).rstrip('/')}/{name}"


def _about(action: Action, store: str) -> str:
    match action:
        case Fetch(source=source):
            return source
        case Drop():
            return store
        case _:
            return str(getattr(action, "path", store))
