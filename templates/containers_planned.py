"""The part of a plan's text that only containers have: images to pull, time away, volumes, old instances."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evenkeel.specs.containers.difference import (
    ALTERABLE,
    IN_PLACE,
    ContainerDifference,
    pull_sizes,
    pulled_for,
)
from evenkeel.specs.containers.observed import ContainersSeen, image_size
from evenkeel.specs.plan import Change, Difference, Plan
from evenkeel.specs.reading.quantity import rough_size_text
from evenkeel.specs.visible import one_line
from evenkeel.templates.fitting import fitting_image
from evenkeel.templates.parts import Part
from evenkeel.templates.volume_text import volume_texts

_MOST_NAMES = 3


class ContainersPlanned:
    """A plan of containers (`templates.plan_text.Planned`)."""

    def __init__(self, plan: Plan, seen: ContainersSeen) -> None:
        self.plan, self.seen, self.heading, self.engine = plan, seen, plan.domain, seen.engine
        self.loses = "the new container will be without what no spec can say"
        self.counts: Mapping[str, str] = {}

    def parts(self, difference: Difference) -> Sequence[Part]:
        """None: a container is told as subject, verb and change."""
        return ()

    def brings(self, difference: Difference, room: int) -> str:
        """The image of a container that is created."""
        container = difference.container if isinstance(difference, ContainerDifference) else None
        return fitting_image(container.image, room) if container is not None else ""

    def is_implied(self, change: Change, difference: Difference) -> bool:
        """Whether a change follows from another one: the default for swap is twice the memory, and none without a
        limit."""
        container = difference.container if isinstance(difference, ContainerDifference) else None
        if change.path != "resources.memorySwap" or container is None:
            return False
        resources = container.resources
        derived = resources.memory is None or resources.memory_swap == 2 * resources.memory
        return derived and any(other.path == "resources.memory" for other in difference.changes)

    def details(self, difference: Difference) -> str:
        """The change that forces a new container, its time away, the image to pull, and the instances that are left
        over."""
        if not isinstance(difference, ContainerDifference):
            return ""
        parts = [f"a new container because of {', '.join(forcing)}"] if (forcing := self._forcing(difference)) else []
        if difference.away_s is not None:
            beside = "" if difference.verb == "restart" else "new beside old, "
            parts.append(f"{beside}{_away_text(difference.away_s, difference.away_most_s)} without it")
            if difference.limit is not None:
                parts.append(f"at most {difference.limit.most_away} of its group away at the same time")
        image = pulled_for(difference, self.plan)
        if image:
            size = image_size(image, self.seen)
            parts.append(f"pull {rough_size_text(size)}" if size else "pull of unknown size")
        if left := self._left_over(difference):
            parts.append(f"{' and '.join(left)} {'is' if len(left) == 1 else 'are'} left over and removed")
        return "; ".join(parts)

    def remarks(self, difference: Difference) -> Iterator[tuple[str, bool]]:
        """The consequences for volumes; each sentence with whether it is a loss."""
        if isinstance(difference, ContainerDifference):
            yield from volume_texts(difference.volumes)

    def fetches(self) -> str:
        """`43 MB to pull`; "" when nothing is."""
        known, unknown = pull_sizes(self.plan, self.seen)
        pulls = [f"{rough_size_text(known)}"] if known else []
        if unknown:
            pulls.append(f"{unknown} image{'s' if unknown > 1 else ''} of unknown size")
        return f"{' and '.join(pulls)} to pull" if pulls else ""

    def facts(self, difference: Difference) -> dict[str, Any]:
        """The same of one container for programs. Sizes are bytes, `null` when unknown."""
        if not isinstance(difference, ContainerDifference):
            return {}
        image = pulled_for(difference, self.plan)
        return {
            "volumes": [{"place": each.place, "volume": each.volume, "fate": each.fate} for each in difference.volumes],
            "groupMostAway": difference.limit.most_away if difference.limit is not None else None,
            "pull": {"image": image, "bytes": image_size(image, self.seen) or None} if image else None,
        }

    def totals(self) -> dict[str, int]:
        """The same of all containers for programs: bytes."""
        known, unknown = pull_sizes(self.plan, self.seen)
        return {"pullBytes": known, "pullsOfUnknownSize": unknown}

    def _left_over(self, difference: ContainerDifference) -> list[str]:
        """Instances that are removed besides those that the verb implies."""
        if difference.verb == "blocked":
            return []
        others = sorted(
            one_line(each.engine_name)
            for each in self.seen.containers
            if each.id in difference.others and not each.holds
        )
        return others[1:] if difference.verb in ("recreate", "remove") else others  # the plain name stands first

    def _forcing(self, difference: ContainerDifference) -> list[str]:
        """The changes that need a new container, where some other change does not, or where another value would need
        none."""
        if difference.verb != "recreate":
            return []
        shown = [change for change in difference.changes if change.path and not self.is_implied(change, difference)]
        forcing = [change.path for change in shown if change.why != IN_PLACE]
        is_usual = len(forcing) == len(shown) and not any(path.startswith(ALTERABLE) for path in forcing)
        if is_usual:
            return []
        first = [one_line(path) for path in forcing[:_MOST_NAMES]]
        return [*first, f"{len(forcing) - len(first)} more"] if len(forcing) > len(first) else first


def _away_text(usual_s: float, most_s: float | None) -> str:
    """`about 0.2 to 11 s`. The time that a process needs to end depends on its present work, and does not follow from
    the last switch; only its maximum is known."""
    least = max(round(min(usual_s, 1.0), 1), 0.1)
    return f"about {least:g} s" if most_s is None or most_s <= least else f"about {least:g} to {math.ceil(most_s)} s"
