"""The stream of a pull → bytes done and in total; and its failure → whether another try may help. Pure.

Docker reports every layer by itself and learns of their sizes on the way. So the total only grows, and the bytes done
never shrink.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from evenkeel.controller.drivers.containers.docker.answers import ProgressDetail, PullLine
from evenkeel.controller.drivers.containers.docker.refusals import is_outside
from evenkeel.specs.plan import Failed, Outcome, Retry

_FINAL_STATUS = ("Download complete", "Pull complete", "Already exists", "Extracting", "Verifying Checksum")
_NO_LAYER = "Pulling from"
"""Such a line is of the image, and its id is the tag."""
_FETCHING = ("Pulling fs layer", "Waiting", "Downloading")
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
"""Messages of a registry, or of the engine for it, that are final. An unknown certificate is not: a portal of a
wireless network shows one, too. Neither is a 404 whose text is a page. An engine asks over HTTP because the registry
refused it over HTTPS, so its message about that is final; for a registry on localhost it means "unauthorized"."""
_FINAL_FORM = re.compile(r'failed to resolve reference ".*": \S+: not found$')
"""The message of an engine that keeps images in containerd."""
_MOST_LAYERS = 1000
"""An image has 127 at most. A stream that names more is not an engine's, and must not fill the memory."""


class Layers(NamedTuple):
    """Bytes by layer: `(done, total)`. `said`: the last status of each layer, and the bytes in it."""

    by_id: Mapping[str, tuple[int, int]] = {}
    said: Mapping[str, tuple[str, int]] = {}

    @property
    def is_fetching(self) -> bool:
        """Whether the registry has more to send. Else the engine unpacks, on a disk that may be slow."""
        statuses = [status for status, _ in self.said.values()]
        return not statuses or any(status.startswith(_FETCHING) for status in statuses)

    @property
    def done(self) -> int:
        return sum(done for done, _ in self.by_id.values())

    @property
    def total(self) -> int:
        return sum(total for _, total in self.by_id.values())


def is_waiting(line: PullLine) -> bool:
    """Whether the line is about the engine's wait before it asks its registry again."""
    return line.get("status", "").startswith("Retrying")


def advance(layers: Layers, line: PullLine) -> Layers:
    """The layers after one more line of the stream; the same layers when the line has no news about them."""
    id_, status = line.get("id", ""), line.get("status", "")
    detail: ProgressDetail = line.get("progressDetail") or {}
    done, total = detail.get("current") or 0, detail.get("total") or 0
    if not id_ or status.startswith(_NO_LAYER) or is_waiting(line) or layers.said.get(id_) == (status, done):
        return layers
    if id_ not in layers.said and len(layers.said) >= _MOST_LAYERS:
        return layers
    layers = layers._replace(said={**layers.said, id_: (status, done)})
    known_done, known_total = layers.by_id.get(id_, (0, 0))
    if status == "Downloading":
        new = (max(done, known_done), max(total, known_total, done))
    elif id_ in layers.by_id and status.startswith(_FINAL_STATUS):
        new = (known_total, known_total)
    else:
        return layers
    return layers._replace(by_id={**layers.by_id, id_: new})


def outcome(image: str, message: str, shown: str = "") -> Outcome:
    """The outcome of a pull that failed with this message. A message that is not known to be final is worth another
    try, because nothing was disturbed. `shown`: what people see of it; "" for all.

    Docker answers 500 to wrong credentials and to a dead network alike, so only the text tells (measured texts in the
    tests).
    """
    text, lower = f"{image} cannot be pulled: {shown or message}", message.lower()
    if is_outside(lower):
        return Retry(text, outside=True)
    is_final = any(final in lower for final in _FINAL) or _FINAL_FORM.search(lower)
    return Failed(text) if is_final else Retry(text)
