"""What is waited for just now, for whoever waits with it: a command says it on standard error.

What waits deep inside names what for (`waiting_for`); whoever wants to know gathers it (`gathered`), for itself and the tasks
that it begins. Where nobody gathers, nothing is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_Waits = list[str]
_WAITS: ContextVar[_Waits | None] = ContextVar("waits", default=None)


@contextmanager
def gathered() -> Iterator[_Waits]:
    """A list that holds, at each moment within, what is waited for; what has been waited for longest comes first."""
    waits: _Waits = []
    token = _WAITS.set(waits)
    try:
        yield waits
    finally:
        _WAITS.reset(token)


@contextmanager
def waiting_for(what: str) -> Iterator[None]:
    """Within, this is waited for."""
    waits = _WAITS.get()
    if waits is None:
        yield
        return
    waits.append(what)
    try:
        yield
    finally:
        waits.remove(what)
