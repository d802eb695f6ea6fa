"""The conduct of the slots domain in updates, and its want in a desired state."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from evenkeel.controller.cycle.cycle import Cycles
from evenkeel.controller.participants.driving import Driving
from evenkeel.reconcilers.slots.select import SlotsWanted
from evenkeel.specs.slots.memory import SlotsMemory
from evenkeel.specs.slots.observed import SlotsSeen
from evenkeel.specs.slots.system import Rebooting

SlotsCycles = Cycles[SlotsWanted, SlotsSeen, SlotsMemory]
SlotsDriving = Driving[SlotsWanted, SlotsSeen, SlotsMemory]


class SlotsConduct(NamedTuple):
    """`domain`: its name on the wire. `agent_version`: of the agent, in its inventory. `reboot`: who reboots the device.
    `patience`: for how long a command waits out passing trouble."""

    domain: str = "self-update"
    agent_version: str = ""
    reboot: Rebooting = "others"
    patience: timedelta = timedelta(minutes=2)
