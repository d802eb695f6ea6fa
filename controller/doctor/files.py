"""Files that settings and documents name, and their purposes: for the checks of permissions and of certificates."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Literal, NamedTuple

from evenkeel.controller.doctor.device import Device

Purpose = Literal["secret", "certificate", "authorities"]
"""`certificate`: the device shows it; `authorities`: by which it knows others."""


class NamedFile(NamedTuple):
    """`name`: the setting or the document that names it. `path`: "" for a field that names no file, which is left out.
    `must`: it has to be there; a file that evenkeel makes may come later."""

    name: str
    path: str
    purpose: Purpose
    must: bool = True


Files = Callable[[Device], AsyncIterator[NamedFile]]
"""The files of one part of evenkeel. May raise EvenkeelError where that cannot be known."""
