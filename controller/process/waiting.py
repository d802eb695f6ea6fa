"""The present reason of a wait, which a command prints on standard error.

Code that waits names the reason (`waiting_for`). A caller that wants to print reasons gathers them (`gathered`), for
itself and the tasks that it begins. Without such a caller nothing is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_Waits = list[str]
_WAITS: ContextVar[_Waits | None] = ContextVar("waits", default=None)


@contextmanager
def gathered() -> Iterator[_Waits]:
    """A context with a list of the present reasons; the oldest comes first."""
    waits: _Waits = []
    token = _WAITS.set(waits)
    try:
        yield waits
    finally:
        _WAITS.reset(token)


@contextmanager
def waiting_for(what: str) -> Iterator[None]:
    """A context during which code waits for `what`."""
    waits = _WAITS.get()
    if waits is None:
        yield
        return
    waits.append(what)
    try:
        yield
    finally:
        waits.remove(what)
