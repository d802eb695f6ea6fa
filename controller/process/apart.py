"""Work in a process that ends with it: its imports and its memory are gone afterwards.

Python gives back hardly any memory. A controller that runs for months would keep the room that it took once, at its start,
to read YAML.
"""

from __future__ import annotations

import os
from collections.abc import Callable


def apart(work: Callable[[], bytes]) -> bytes:
    """The result of `work`, b"" where it failed; nothing of it is seen or heard. The caller then does the work itself, and
    reports the failure. To be called while the process has one thread only, because a fork copies no other."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _end(work, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        content = file.read()
    _, status = os.waitpid(child, 0)
    return content if status == 0 else b""


def _end(work: Callable[[], bytes], writing: int) -> None:
    """Never returns: the child must not go on with the work of its parent."""
    code = 1
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for number in (1, 2):
            os.dup2(null, number)
        with os.fdopen(writing, "wb") as file:
            file.write(work())
        code = 0
    finally:
        os._exit(code)
