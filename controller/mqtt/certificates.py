"""The certificates that a link shows, while it goes on: others that take their place are found by looking at their files.

Files may be replaced one after the other, and be written slowly. So others count once they are the same in two looks, and
they are read before the connection with the former ones is given up. Those that cannot be used are told once.

A broker may refuse others that it does not know. Then the former ones are shown again, with which it has let evenkeel in last,
and the others are tried now and then. The former ones are known for as long as this process lives, and where their files are
still there (`LetIn`), after that, too.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

from evenkeel.controller.mqtt.access import Access, certificate_files, read_access
from evenkeel.controller.mqtt.line import Accepted, Event, Line
from evenkeel.controller.process.let_in import LetIn, PairFiles
from evenkeel.controller.process.moment import stamps
from evenkeel.controller.process.replacing import Stamp
from evenkeel.specs.codec import changed
from evenkeel.specs.errors import EvenkeelError
from evenkeel.specs.settings.mqtt import MqttSettings

log = logging.getLogger(__name__)

LOOK_S = 5.0
"""Between two looks. A look costs some microseconds."""
FIRST_S, LONGEST_S = 60.0, 3600.0
"""The pause before refused certificates are tried again, and its limit: it is doubled each time. A try interrupts the
connection."""
Stamps = tuple[Stamp | None, ...]


class Certificates:
    """Those of one link, in its thread. `let_in`: where it is kept with which ones the broker has let evenkeel in."""

    def __init__(self, settings: MqttSettings, let_in: LetIn | None = None) -> None:
        self._settings, self._let_in = settings, let_in
        self._next_look = 0.0
        self._seen: Stamps = ()
        self._judged: Stamps = ()
        self._ready: Access | None = None
        self._former: Access | None = None
        """The access with which the broker has let evenkeel in last."""
        self._refused: Stamps = ()
        """Those that it has refused since, while there are former ones to show; () for none."""
        self._tries, self._next_try = 0, 0.0
        self.trouble = ""
        """The reason why former ones are shown; "" when they are not."""

    def access(self) -> Access:
        """The access for a new connection: the one that a look has found, the former one, or what the files have now. Raises
        Unavailable."""
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
        is_due = found != self._refused or now >= self._next_try
        if found == used.stamps or found != before or not is_due or (found == self._judged and found != self._refused):
            return None
        self._judged = found
        try:
            self._ready = read_access(self._settings)
        except EvenkeelError as error:
            return error.message
        return ""

    def note(self, line: Line, event: Event) -> None:
        """A line has told something: perhaps that the broker has let evenkeel in."""
        if isinstance(event, Accepted) and line.access is not None:
            self._accepted(line.access)

    def note_end(self, line: Line, why: str) -> None:
        """A line has ended: perhaps because the broker refuses what it has shown."""
        if line.is_refused and line.access is not None:
            self._refuses(line.access, why)

    def _accepted(self, access: Access) -> None:
        if not access.stamps or access is self._former:
            return
        self._former, self._refused, self._tries, self.trouble = access, (), 0, ""
        pair = self._pair()
        try:
            if self._let_in is not None and pair is not None and stamps(pair) == access.stamps[-2:]:
                self._let_in.put(pair)
        except OSError as error:
            log.warning("cannot keep which certificate was let in", extra={"fields": {"why": error.strerror}})

    def _refuses(self, access: Access, why: str) -> None:
        """The next `access` is the former one, where there is one."""
        if access is self._former:  # nothing better is known: what the files have is shown next
            self._refused, self.trouble = (), ""
            return
        self._former = self._former or self._kept()
        if self._former is None or not access.stamps or self._former.stamps == access.stamps:
            return
        self._tries = self._tries + 1 if access.stamps == self._refused else 1
        self._refused, self._ready = access.stamps, self._former
        self._next_try = time.monotonic() + min(LONGEST_S, FIRST_S * 2.0 ** min(self._tries - 1, 10))
        file = self._settings.tls.client_cert
        self.trouble = f"the certificate that {file} has now is refused, and the former one is shown instead: {why}"

    def _pair(self) -> PairFiles | None:
        """The pair of the settings, where its links lead."""
        tls = self._settings.tls
        if not tls.client_cert or not tls.client_key:
            return None
        return PairFiles(Path(tls.client_cert).resolve(), Path(tls.client_key).resolve())

    def _kept(self) -> Access | None:
        """The former access from before this process; `None` where its files are gone, or are those of now."""
        try:
            pair = self._let_in.pair() if self._let_in is not None else None
            if pair is None or pair == self._pair():
                return None
            tls = changed(self._settings.tls, client_cert=str(pair.certificate), client_key=str(pair.key))
            return read_access(changed(self._settings, tls=tls))
        except (OSError, EvenkeelError):
            return None
