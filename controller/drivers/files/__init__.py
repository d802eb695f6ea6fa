"""Files of the host: `FilesEngine` is the driver, over the real file system here, or over one in memory (`memory`)."""

from __future__ import annotations

from evenkeel.controller.drivers.files.disk import disk_files
from evenkeel.controller.drivers.files.engine import FilesEngine
from evenkeel.controller.drivers.files.units import HostUnits

__all__ = ["FilesEngine", "HostUnits", "disk_files"]
