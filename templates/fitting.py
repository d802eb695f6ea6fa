"""Texts that have to fit: cutting what can be cut without losing what matters.

An image loses leading parts of its path first, because registries repeat and tags differ; a digest loses digits; anything
else loses its end. Nothing is cut that fits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

_DIGEST = re.compile(r"@(sha256:[0-9a-f]{12})[0-9a-f]{52}")
_SEPARATORS = ("C", "Z")


def one_line(text: str) -> str:
    """`text` without anything that could move a terminal's cursor: what specs hold is not trusted by a screen."""
    return "".join(" " if char in "\r\n\t" else "?" if unicodedata.category(char)[0] == "C" else char for char in text)


def listed(names: Sequence[str], most: int = 5) -> str:
    """`a, b`, or the first few `and 7 more`."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def cut(text: str, width: int) -> str:
    """The beginning of `text`, with `…` where it was cut."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def fitting_image(image: str, width: int) -> str:
    """As much of the right end of an image reference as fits into `width`."""
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


def _shorter_images(image: str) -> Iterator[str]:
    yield image
    short = _DIGEST.sub(r"@\1…", image)
    if short != image:
        yield short
    while "/" in short.removeprefix("…/"):
        short = "…/" + short.removeprefix("…/").partition("/")[2]
        yield short
