"""A pull's stream of lines → bytes done and in total, and a failure → whether trying again may help. Pure.

Docker reports every layer by itself and learns of their sizes while it goes; the total therefore only grows, and what is
done never shrinks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from evenkeel.controller.drivers.docker.answers import ProgressDetail, PullLine
from evenkeel.controller.drivers.docker.refusals import is_outside
from evenkeel.specs.plan import Failed, Outcome, Retry

_FINAL_STATUS = ("Download complete", "Pull complete", "Already exists", "Extracting", "Verifying Checksum")
_FINAL = (
    "manifest unknown",
    "name unknown",
    "repository name not known to registry",
    "no matching manifest",
    "unauthorized",
    "authentication required",
    "no basic auth credentials",
    "access denied",
    "denied:",
    "invalid reference format",
    "invalid tag format",
    "unsupported media type",
    "client sent an http request to an https server",
)
"""Texts with which a registry, or the engine for it, says no to what was asked. A certificate that nobody vouches for is
none: a portal of a wireless network shows one, too. Neither is a 404 whose text is a page. An engine that asks over HTTP does
so because the registry, whose word this is, refused it over HTTPS; for one on localhost that is how it says "unauthorized"."""
_FINAL_FORM = re.compile(r'failed to resolve reference ".*": \S+: not found$')
"""As an engine says it that keeps images in containerd."""
_MOST_LAYERS = 1000
"""An image has 127 at most; a stream that names more is none of an engine, and must not fill the memory."""


class Layers(NamedTuple):
    """Bytes by layer: `(done, total)`."""

    by_id: Mapping[str, tuple[int, int]] = {}

    @property
    def done(self) -> int:
        return sum(done for done, _ in self.by_id.values())

    @property
    def total(self) -> int:
        return sum(total for _, total in self.by_id.values())


def advance(layers: Layers, line: PullLine) -> Layers:
    """The layers after one more line of the stream."""
    id_, status = line.get("id", ""), line.get("status", "")
    known_done, known_total = layers.by_id.get(id_, (0, 0))
    if id_ not in layers.by_id and len(layers.by_id) >= _MOST_LAYERS:
        return layers
    if status == "Downloading":
        detail: ProgressDetail = line.get("progressDetail") or {}
        done, total = detail.get("current") or 0, detail.get("total") or 0
        new = (max(done, known_done), max(total, known_total, done))
    elif id_ in layers.by_id and status.startswith(_FINAL_STATUS):
        new = (known_total, known_total)
    else:
        return layers
    return Layers({**layers.by_id, id_: new})


def outcome(image: str, message: str) -> Outcome:
    """How a pull ends that failed with these words. What is not known to be final is worth another try: nothing was disturbed.

    Docker answers 500 to wrong credentials and to a dead network alike, so only the text tells (measured texts in the
    tests).
    """
    text, lower = f"{image} cannot be pulled: {message}", message.lower()
    if is_outside(lower):
        return Retry(text, outside=True)
    is_final = any(final in lower for final in _FINAL) or _FINAL_FORM.search(lower)
    return Failed(text) if is_final else Retry(text)
