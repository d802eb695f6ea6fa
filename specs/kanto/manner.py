"""The manner of reading a desired state: apart from the reader, which an agent that rests does not need."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from evenkeel.specs.containers.container import KANTO_STOP_TIMEOUT


class Manner(NamedTuple):
    """The manner of reading a desired state. `stop_timeout`: the time that a container's process has to end, which a
    desired state cannot state. `takes_unknown_keys`: an unknown key is passed over with a warning."""

    stop_timeout: timedelta = KANTO_STOP_TIMEOUT
    takes_unknown_keys: bool = False
