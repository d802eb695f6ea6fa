"""The certificates that a link shows, while it goes on: others that take their place are found by looking at their files.

Files may be replaced one after the other, and be written slowly. So others count once they are the same in two looks, and
they are read before the connection with the former ones is given up. Those that cannot be used are told once.
"""

from __future__ import annotations

import time

from evenkeel.controller.mqtt.access import Access, certificate_files, read_access
from evenkeel.controller.process.moment import stamps
from evenkeel.controller.process.replacing import Stamp
from evenkeel.specs.errors import EvenkeelError
from evenkeel.specs.settings.mqtt import MqttSettings

LOOK_S = 5.0
"""Between two looks. A look costs some microseconds."""


class Certificates:
    """Those of one link, in its thread."""

    def __init__(self, settings: MqttSettings) -> None:
        self._settings = settings
        self._next_look = 0.0
        self._seen: tuple[Stamp | None, ...] = ()
        self._judged: tuple[Stamp | None, ...] = ()
        self._ready: Access | None = None

    def access(self) -> Access:
        """The access for a new connection: the one that a look has found, or what the files have now. Raises Unavailable."""
        ready, self._ready = self._ready, None
        return ready or read_access(self._settings)

    def look(self, used: Access) -> str | None:
        """ "" once the files have others than a connection uses, for which the next `access` is ready; the reason, once, when
        they cannot be used; `None` otherwise. Looks at the files now and then only."""
        now = time.monotonic()
        if not used.stamps or now < self._next_look:
            return None
        self._next_look = now + LOOK_S
        try:
            found = stamps(certificate_files(self._settings))
        except OSError:  # a folder that cannot be entered
            found = ()
        before, self._seen = self._seen, found
        if found in (used.stamps, self._judged) or found != before:
            return None
        self._judged = found
        try:
            self._ready = read_access(self._settings)
        except EvenkeelError as error:
            return error.message
        return ""
