"""The memory of provisioning: facts that no look can tell."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct, field

from evenkeel.specs.memory import Memory
from evenkeel.specs.provisioning.provisioning import Provisioning
from evenkeel.specs.renewing import Renewal

State = tuple[tuple[str, str], ...]
"""The state in force for a document: its parts with their prints, in order (`reconcilers.provisioning.state`)."""

MOST_PAUSE_S = 3600.0
"""The longest pause between two tries of one renewal."""


class Postponement(Struct, frozen=True):
    """A renewal that could not be had, while what is in force holds. `successor`: that of its `Choice`.
    `until_s`: it is not tried again before, in seconds since the epoch. `tries`: how often it was tried. `why`: the reason."""

    successor: str
    until_s: float
    tries: int
    why: str

    def holds(self, now_s: float) -> bool:
        """Whether it is not to be tried again yet. A moment further away than any pause was noted by a clock that was wrong."""
        return now_s < self.until_s <= now_s + MOST_PAUSE_S


class ProvisioningMemory(Memory, frozen=True):
    """The facts of provisioning, by document, path, thumbprint or unit.

    `placed`: paths of outputs that evenkeel has made, or is about to make, with their document. `provided`: documents whose
    values were handed out. `tried`: by document the target that the cloud has let in before it was in force. `proven`: by
    document the state in force with which the cloud has let the device in, or that needs no proof. `refused`: thumbprints of
    pairs that the cloud did not let in although they were in force, with its words. `renewals`: units that have to hear of a
    change. `postponed`: by document the renewal that could not be had. `keeping`: paths of `placed` at which a file of
    somebody else was about to be kept and replaced: it is theirs as long as it is not kept."""

    domain: ClassVar[str] = Provisioning.domain

    placed: dict[str, str] = field(default_factory=dict)
    provided: tuple[str, ...] = ()
    tried: dict[str, str] = field(default_factory=dict)
    proven: dict[str, State] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    renewals: dict[str, Renewal] = field(default_factory=dict)
    postponed: dict[str, Postponement] = field(default_factory=dict)
    keeping: tuple[str, ...] = ()
