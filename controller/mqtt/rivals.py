"""The suspicion that another client has the id of this one: each of them ends the other's connection, for ever."""

from __future__ import annotations

from evenkeel.controller.mqtt.line import LOST

HELD_S = 30.0
"""A connection that held for so long ends the back-off."""
_BRIEF_LOSSES = 3
"""After so many connections in a row that did not hold for so long, another client with the same id is suspected."""


class Rivals:
    """The suspicion of one link. `client_id`: its id."""

    def __init__(self, client_id: str) -> None:
        self._client_id, self._losses = client_id, 0

    def reason(self, why: str, held_s: float, *, counts: bool) -> str:
        """The reason of the end of a connection that held for `held_s` seconds, with the suspicion if there is one. `counts`:
        nothing else explains the end."""
        if counts:
            self._losses = self._losses + 1 if why == LOST and 0 < held_s <= HELD_S else 0
        if why == LOST and self._losses >= _BRIEF_LOSSES:
            return f"{why}; another client may use the clientId {self._client_id}"
        return why
