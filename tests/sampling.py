"""What a run draws: the moments at which a test ends a process or cuts the power, and random values. `make thorough` takes all
moments, and ten times as many values.

Several layers of tests kill at every moment of an update, and each such moment costs a start of the program or more. A run
draws some of each; the seed decides which, is the same by default, and stands in the head of the run. Every moment that is
drawn is looked at as closely as in a thorough run.

EVENKEEL_SEED is another seed; EVENKEEL_THOROUGH=1 leaves no moment out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import TypeVar

Moment = TypeVar("Moment")

SEED = os.environ.get("EVENKEEL_SEED", "7")
THOROUGH = os.environ.get("EVENKEEL_THOROUGH", "") not in ("", "0")


def heading() -> str:
    """For the head of a run."""
    if THOROUGH:
        return "moments of kills: all (EVENKEEL_THOROUGH)"
    return f"moments of kills: drawn with EVENKEEL_SEED={SEED}; `make thorough` takes all"


def sampled(moments: Sequence[Moment], most: int, story: str) -> list[Moment]:
    """`most` of them, in order: one of each of as many equal parts, so that no part of a story is left out."""
    if THOROUGH or len(moments) <= most:
        return list(moments)
    dice = Random(f"{SEED} {story}")
    bounds = [len(moments) * part // most for part in range(most + 1)]
    return [moments[dice.randrange(low, high)] for low, high in pairwise(bounds)]


def examples(count: int) -> int:
    """How many random values a property is tried with."""
    return 10 * count if THOROUGH else count
