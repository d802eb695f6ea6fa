"""A finding of a check of the device."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Level = Literal["ok", "unknown", "warning", "error"]
"""`error`: an update does not work, or leaves a device that does not boot. `warning`: it works, and something is at risk.
`unknown`: it could not be looked at."""


class Finding(Struct, frozen=True):
    """One check. `about`: the thing that was looked at, in a word or two; `text`: its state, as a sentence; `remedy`: what to
    do, "" where nothing has to be done."""

    about: str
    level: Level
    text: str
    remedy: str = ""
