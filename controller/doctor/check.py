"""The port of a check: it looks at one thing of the device, and returns a finding.

A check reads and changes nothing, waits for nothing without an end, and heeds its cancellation. Calls that may hang in the
kernel (files, names of hosts) belong into a thread. The reason why a check does not apply is `NotApplicable`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from evenkeel.controller.doctor.device import Device
from evenkeel.specs.doctor.finding import Finding

Look = Callable[[Device], Awaitable[Finding]]
LIMIT_S = 5.0


class NotApplicable(Exception):
    """This device has nothing that the check is about. `why`: the reason, as a sentence without its end."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Check(NamedTuple):
    """A check by its section and its name. `limit_s`: the time after which it is told as one that did not end."""

    section: str
    name: str
    look: Look
    limit_s: float = LIMIT_S
