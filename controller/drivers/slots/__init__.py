"""Drivers of the slots domain: one engine over an updater, a machine and a store, each real or simulated."""

from __future__ import annotations

from evenkeel.controller.drivers.slots.absent import AbsentSlots
from evenkeel.controller.drivers.slots.memory import memory_slots
from evenkeel.controller.drivers.slots.witness import DomainWitness

__all__ = ["AbsentSlots", "DomainWitness", "memory_slots"]
