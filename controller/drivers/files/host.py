"""The limits that evenkeel sets to files: the paths of evenkeel itself.

They hold for the simulated file system, too, so that a rehearsal refuses what the real one refuses.
"""

from __future__ import annotations

import os
from collections.abc import Sequence


def reserved_paths(state: str, specs: Sequence[str]) -> dict[str, str]:
    """The paths at or below which no file is placed, as written and without symbolic links, and why. `state`: the state
    directory; `specs`: files of specs, or folders of them."""
    reserved = {path: f"{each} holds specs" for each in specs for path in (os.path.realpath(each), each)}
    return reserved | dict.fromkeys((os.path.realpath(state), state), f"{state} is the state directory of evenkeel")
