"""A container engine in memory: the embedded default, and the kit that others test with."""

from __future__ import annotations

from evenkeel.controller.drivers.containers.memory.engine import MemoryEngine
from evenkeel.controller.drivers.containers.memory.world import (
    BY_NAME,
    DISCONNECTED,
    Image,
    Script,
    World,
    WorldContainer,
    foreign_id,
)

__all__ = ["BY_NAME", "DISCONNECTED", "Image", "MemoryEngine", "Script", "World", "WorldContainer", "foreign_id"]
