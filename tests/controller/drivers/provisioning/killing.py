"""A process that is killed right before a call of the system that changes the disk, played within this process: that call and
each later one fails, also those that would tidy up. Nothing is written, and thus nothing is lost, but by these calls."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

CHANGES = ("mkdir", "open", "write", "fsync", "fchmod", "chmod", "symlink", "rename", "replace", "unlink", "rmdir")


class Killed(BaseException):
    """The process is no more."""


class Watch:
    """The calls of the system. `last`: so many that change something are done. `between`: called after each one."""

    def __init__(self, last: int, between: Callable[[], None] = lambda: None) -> None:
        self.last, self.between = last, between
        self.done = 0
        self.unsynced = set[str]()
        self._is_looking = False

    def call(self, name: str, real: Callable[..., object], *given: object, **named: object) -> object:
        reads = name == "open" and not (len(given) > 1 and isinstance(given[1], int) and given[1] & os.O_CREAT)
        if self._is_looking or reads:
            return real(*given, **named)
        if self.done >= self.last:
            raise Killed
        self.done += 1
        self._account(name, *given)
        result = real(*given, **named)
        self._is_looking = True
        self.between()
        self._is_looking = False
        return result

    def _account(self, name: str, *given: object) -> None:
        """Only content that is on the disk gets its name."""
        path = str(Path(f"/proc/self/fd/{given[0]}").readlink()) if isinstance(given[0], int) else str(given[0])
        if name == "write":
            self.unsynced.add(path)
        elif name == "fsync":
            self.unsynced = {each for each in self.unsynced if each != path}
        elif name == "mkdir":
            self.unsynced.add(path)
        elif name == "rename":
            assert not [each for each in self.unsynced if each == path or each.startswith(f"{path}/")]


@contextmanager
def killed_after(last: int, between: Callable[[], None] = lambda: None) -> Iterator[Watch]:
    """Work that ends after so many changes; it may be done before."""
    watch = Watch(last, between)
    with pytest.MonkeyPatch.context() as patch:
        for name in CHANGES:
            real = getattr(os, name)

            def changed(
                *given: object, _name: str = name, _real: Callable[..., object] = real, **named: object
            ) -> object:
                return watch.call(_name, _real, *given, **named)

            patch.setattr(os, name, changed)
        with suppress(Killed):
            yield watch
