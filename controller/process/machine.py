"""The port to the device itself, as far as its reboot is concerned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Machine(Protocol):
    """A device, or a simulated one."""

    def boot(self) -> str:
        """The id of this boot."""
        ...

    async def inhibitors(self) -> Sequence[str]:
        """Those who hold off a reboot now, and why, in sentences. Raises Unavailable."""
        ...

    async def reboot(self) -> None:
        """Tell the machine to reboot, in order and with everything written. Returns when it was told. Raises Refused or
        Unavailable."""
        ...
