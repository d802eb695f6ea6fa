"""A pull's stream of lines → bytes done and in total, and a failure → whether trying again may help. Pure.

Docker reports every layer by itself and learns of their sizes while it goes; the total therefore only grows, and what is
done never shrinks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

_FINAL_STATUS = ("Download complete", "Pull complete", "Already exists", "Extracting", "Verifying Checksum")
_FINAL = (
    "manifest unknown",
    "not found",
    "no matching manifest",
    "unauthorized",
    "authentication required",
    "no basic auth credentials",
    "access denied",
    "denied:",
    "invalid reference format",
    "invalid tag format",
    "unsupported media type",
    "server gave http response to https client",
    "client sent an http request to an https server",
    "certificate signed by unknown authority",
    "no space left on device",
)


class Layers(NamedTuple):
    """Bytes by layer: `(done, total)`."""

    by_id: Mapping[str, tuple[int, int]] = {}

    @property
    def done(self) -> int:
        return sum(done for done, _ in self.by_id.values())

    @property
    def total(self) -> int:
        return sum(total for _, total in self.by_id.values())


def advance(layers: Layers, line: Mapping[str, Any]) -> Layers:
    """The layers after one more line of the stream."""
    id_, status = str(line.get("id", "")), str(line.get("status", ""))
    known_done, known_total = layers.by_id.get(id_, (0, 0))
    if status == "Downloading":
        detail = line.get("progressDetail") or {}
        done, total = int(detail.get("current") or 0), int(detail.get("total") or 0)
        new = (max(done, known_done), max(total, known_total, done))
    elif id_ in layers.by_id and status.startswith(_FINAL_STATUS):
        new = (known_total, known_total)
    else:
        return layers
    return Layers({**layers.by_id, id_: new})


def failure(message: str) -> Literal["refused", "unavailable"]:
    """Whether a failed pull is final. What is not known to be final is worth another try: nothing was disturbed.

    Docker answers 500 to wrong credentials and to a dead network alike, so only the text tells (measured texts in the
    tests).
    """
    lower = message.lower()
    return "refused" if any(text in lower for text in _FINAL) else "unavailable"
