"""The memory of containers: facts that no look can tell."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from evenkeel.specs.memory import Memory


class ContainersMemory(Memory, frozen=True):
    """The facts of the containers domain, by id of an instance where nothing else is said.

    `made` numbers the instances that evenkeel had to do with in the order in which it met them; one without a number is the
    youngest, because its creation was interrupted. Dates do not tell the order, because clocks are set. `proven`: instances
    whose health was proven, and what the proof holds for (`container.proof_name`): another network check needs another proof,
    and so do volumes that are to be kept from now on. `stopped`: those that evenkeel itself stopped and has not started since,
    so that an ended process is told from an interrupted switch. `watched`: those whose proof was begun and has not come to a
    verdict, so that one that ended meanwhile may have been ended with its engine or its device. `switch_s`: for how many
    seconds a subject was away when it was last switched. `kept`: those whose volumes were to be kept when their proof began,
    also where it failed: their volumes are found again from then on. `adopted`: those that count as evenkeel's own, although it
    did not create them, and the subject that each of them is, whatever its name becomes.
    """

    domain: ClassVar[str] = "containers"

    made: dict[str, int] = field(default_factory=dict)
    proven: dict[str, str] = field(default_factory=dict)
    stopped: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    switch_s: dict[str, float] = field(default_factory=dict)
    adopted: dict[str, str] = field(default_factory=dict)
