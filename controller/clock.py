"""The time of day, as a port.

Waiting is asyncio's business (tests run it on a virtual loop); the date is asked here, so that whatever is stored or said
can be dated by a test, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable

Now = Callable[[], float]
"""Seconds since the epoch."""

system_now: Now = time.time
