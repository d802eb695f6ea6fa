"""A registry looked at step by step, for people: how far one gets, where it stops, and what to do about it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from evenkeel.specs.registries.registry import Registry


class Step(NamedTuple):
    """One step. `text`: its result, or the reason why it failed. `remedy`: what to do about it, or ""."""

    step: str
    is_good: bool
    text: str
    remedy: str = ""


async def probe(registry: Registry, image: str = "") -> AsyncIterator[Step]:
    """The steps, up to the first that is not good."""
    yield Step("name", False, f"nobody can ask {registry.host} yet")
