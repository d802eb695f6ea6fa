"""The memory of containers: facts that no look can tell."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from evenkeel.specs.memory import Memory


class ContainersMemory(Memory, frozen=True):
    """The facts of the containers domain, by id of an instance unless stated otherwise. `made` numbers the instances in
    the order in which evenkeel met them; an instance without a number is the youngest, because its creation was
    interrupted. Dates do not tell the order, because clocks are set. `proven`: instances whose health was proven, and
    the scope of the proof (`container.proof_name`): another network check needs another proof, and so do volumes that
    are to be kept from now on. `stopped`: instances that evenkeel itself stopped and has not started since, so that an
    ended process is told from an interrupted switch. `watched`: instances whose proof was begun and has no verdict; one
    that ended meanwhile may have ended with its engine or its device. `switch_s`: for how many seconds a subject was
    away at its last switch. `kept`: instances whose volumes were to be kept when their proof began, also where the
    proof failed: their volumes are found again from then on. `adopted`: foreign instances that count as evenkeel's own,
    each with its subject, whatever name the engine has for it later."""

    domain: ClassVar[str] = "containers"

    made: dict[str, int] = field(default_factory=dict)
    proven: dict[str, str] = field(default_factory=dict)
    stopped: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    switch_s: dict[str, float] = field(default_factory=dict)
    adopted: dict[str, str] = field(default_factory=dict)
