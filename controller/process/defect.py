"""An unexpected exception in words: its kind, and its place in evenkeel's own code."""

from __future__ import annotations

from pathlib import PurePath
from types import TracebackType

from evenkeel.specs.errors import EvenkeelError
from evenkeel.specs.visible import one_line

_MOST_TEXT = 300
_OWN = "evenkeel."


def defect_text(error: Exception) -> str:
    """The place in the code, and the exception: `reconcilers/containers/plan.py:17: KeyError: 'web'`."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    words = error.message if isinstance(error, EvenkeelError) else one_line(str(error))
    if not isinstance(error, EvenkeelError) and len(words) > _MOST_TEXT:
        words = f"{words[:_MOST_TEXT]}…"
    return f"{_place(error.__traceback__)}: {type(error).__name__}{': ' if words else ''}{words}"


def defect_place(error: Exception) -> str:
    """The kind of the exception and its place in the code, without its text, which may hold anything: `KeyError at
    reconcilers/containers/plan.py:17`."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__} at {_place(error.__traceback__)}"


def _place(traceback: TracebackType | None) -> str:
    """The innermost line in evenkeel's own code; in other code where there is none."""
    place = own = ""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        module = str(traceback.tb_frame.f_globals.get("__name__", ""))
        place = f"{PurePath(code.co_filename).name}:{traceback.tb_lineno}"
        if module.startswith(_OWN):
            folders = module.removeprefix(_OWN).split(".")
            if PurePath(code.co_filename).stem != "__init__":
                folders = folders[:-1]
            own = "/".join((*folders, place))
        traceback = traceback.tb_next
    return own or place or "somewhere"
