"""How documents have to do with each other, as far as a kind knows it of its own."""

from __future__ import annotations

from typing import NamedTuple


class Reference(NamedTuple):
    """Names of containers that stand at `path` below `spec`. `is_need`: the document cannot be had without them, and system
    containers count. Else nothing but the reference is without effect when nobody asks for them."""

    path: str
    names: tuple[str, ...]
    is_need: bool = True


class Claim(NamedTuple):
    """A value at `path` below `spec` that no other document of the same kind may have."""

    path: str
    value: str
