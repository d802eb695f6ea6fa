"""The standing of one container against the desired state, from which a verdict about it is derived.

A verdict is about the one instance that is the candidate: it is at work, it is as it is asked for, and it was proven
with the check that is asked for now. It ended well only where its restart policy lets it end and it ended with exit
code 0.
"""

from __future__ import annotations

from evenkeel.reconcilers.containers.diff import diff
from evenkeel.reconcilers.containers.observation import ailing
from evenkeel.reconcilers.containers.select import ContainersWanted
from evenkeel.reconcilers.standing import Standing
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.difference import ContainerDifference
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import AWAKE, ContainersSeen


def standing(subject: str, want: ContainersWanted, seen: ContainersSeen, memory: ContainersMemory) -> Standing:
    """The standing of a subject that is asked for in `want`. The end of an instance that evenkeel stopped to replace it
    says nothing."""
    own = tuple(
        each
        for each in seen.containers
        if each.name == subject and each.container is not None and each.id not in memory.stopped
    )
    for difference in diff(want, seen, memory):
        if difference.subject == subject and _needs_more(difference):
            return Standing("away", difference.why)
    ailment = ailing(changed(seen, containers=own), ContainersMemory()).get(subject)
    if ailment is not None:
        return Standing("sick", f"{subject} {ailment.why}")
    return Standing("proven" if any(each.state in AWAKE for each in own) else "ended")


def _needs_more(difference: ContainerDifference) -> bool:
    """Whether more is to be done than to remove or rename replaced instances."""
    return difference.verb not in ("keep", "finish") or difference.verify
