"""Texts that have to fit: the least important part is cut.

An image loses leading parts of its path first, because registries repeat and tags differ; a digest loses digits; any
other text loses its end. A text that fits is not cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from evenkeel.specs.reading.secrecy import HIDDEN

_DIGEST = re.compile(r"@(sha256:[0-9a-f]{12})[0-9a-f]{52}")
_CONTEXT = 8
"""Characters that are kept beside a difference."""
_SEPARATORS = ("C", "Z")


def cut(text: str, width: int) -> str:
    """The beginning of `text`, with `…` where it was cut."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def fitting_image(image: str, width: int) -> str:
    """The right end of an image reference, as much as fits into `width`."""
    for candidate in _shorter_images(image):
        if len(candidate) <= width:
            return candidate
    last = list(_shorter_images(image))[-1]
    return "…" + last[-(width - 1) :] if width > 1 else "…"


def fitting_pair(old: str, new: str, width: int) -> str:
    """`old → new` for two images, both cut by as much as makes the whole fit; too long when even that does not."""
    olds, news = list(_shorter_images(old)), list(_shorter_images(new))
    text = ""
    for step in range(max(len(olds), len(news))):
        text = f"{olds[min(step, len(olds) - 1)]} → {news[min(step, len(news) - 1)]}"
        if len(text) <= width:
            return text
    return text


def fitting_change(old: str, new: str, width: int) -> str:
    """`old → new`. Where that is too long, the common begin and end are cut first, because the difference matters most,
    and then each side loses its end."""
    if len(old) + len(new) + 3 > width and (alike := _shared(old, new) - _CONTEXT) > 1:
        old, new = f"…{old[alike:]}", f"…{new[alike:]}"
    if len(old) + len(new) + 3 > width and (alike := _shared(old[::-1], new[::-1]) - _CONTEXT) > 1:
        alike = min(alike, min(len(old), len(new)) - _CONTEXT)
        old, new = (f"{old[:-alike]}…", f"{new[:-alike]}…") if alike > 1 else (old, new)
    room = max(width - 3, 0)
    most = max(room // 2, room - min(len(old), len(new)))  # the shorter leaves its room to the longer
    if len(old) + len(new) > room:
        old, new = cut(old, most), cut(new, most)
    return cut(f"{old} → {new}", width)


def _shared(one: str, other: str) -> int:
    """The length of the common begin of two texts."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (a, b) in pairs if a != b), min(len(one), len(other)))


def hidden_change(old: str, new: str) -> str:
    """The change of a hidden value; "" where the whole difference is shown. A variable that may come from the image is
    `(removed)`."""
    if HIDDEN in (old, new):
        return "added" if old in ("", "(removed)") else "removed" if new in ("", "(removed)") else "changed"
    return "changed (in its hidden part)" if old == new and HIDDEN in old else ""


def fitting_place(place: str, width: int) -> str:
    """`file:line`, with the end of the file's name cut; any other place loses its end."""
    name, colon, line = place.rpartition(":")
    if len(place) <= width or not line.isdecimal():
        return cut(place, width)
    return f"{cut(name, width - len(line) - 1)}{colon}{line}"


def _shorter_images(image: str) -> Iterator[str]:
    yield image
    short = _DIGEST.sub(r"@\1…", image)
    if short != image:
        yield short
    while "/" in short.removeprefix("…/"):
        short = "…/" + short.removeprefix("…/").partition("/")[2]
        yield short
