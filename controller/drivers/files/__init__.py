"""Files of the host: `FilesEngine` is the driver, over the real file system here, or over one in memory (`memory`)."""

from __future__ import annotations

from evenkeel.controller.drivers.files.disk import disk_files
from evenkeel.controller.drivers.files.engine import FilesEngine

__all__ = ["FilesEngine", "disk_files"]
