"""Files of the host: the real file system, and one in memory. `FilesEngine` is the driver over either of them."""

from __future__ import annotations

from evenkeel.controller.drivers.files.disk import disk_files
from evenkeel.controller.drivers.files.engine import FilesEngine
from evenkeel.controller.drivers.files.memory import memory_files
from evenkeel.controller.drivers.files.units import HostUnits

__all__ = ["FilesEngine", "HostUnits", "disk_files", "memory_files"]
