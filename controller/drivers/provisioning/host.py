"""The files of the device that provisioning reads and writes: those of this host, or of a simulated one below a folder.

A simulated host has its own files for all that evenkeel writes. A file that nobody has written there is read from this
host, and where that has none, a content is made up: specs can be rehearsed where the device's secrets are not.
"""

from __future__ import annotations

from pathlib import Path

from evenkeel.controller.process.accounts import group_id, own_groups, own_user, user_id
from evenkeel.controller.process.bounded import read_bounded


class Host:
    """A host. `root`: the folder that stands for `/`; `is_simulated`: it is not that of this machine."""

    def __init__(self, root: Path = Path("/"), *, is_simulated: bool = False) -> None:
        self.root, self.is_simulated = root, is_simulated

    def path(self, path: str) -> Path:
        """Where a path of a document lies."""
        return self.root / path.lstrip("/")

    def origin(self, path: str) -> Path:
        """Where a file lies that others give; a simulated host has this host's where it has none of its own."""
        own = self.path(path)
        return Path(path) if self.is_simulated and not own.exists() and Path(path).exists() else own

    def read(self, path: str, most: int, simulated: bytes | None = None) -> bytes:
        """The content of a file of at most `most` bytes. `simulated`: what a simulated host has where there is no file. Raises
        OSError."""
        try:
            return read_bounded(self.path(path), most)
        except FileNotFoundError:
            if not self.is_simulated:
                raise
        try:
            return read_bounded(Path(path), most)
        except OSError:
            if simulated is None:
                raise
            return simulated

    def written_s(self, path: str) -> float:
        """When the content of a file was written, in seconds since the epoch; 0 where that cannot be seen."""
        try:
            return self.origin(path).stat().st_mtime
        except OSError:
            return 0.0

    def name_of(self, error: OSError) -> str:
        """The path of an error, as documents name it; "" where it has none."""
        path = str(error.filename or "")
        return f"/{Path(path).relative_to(self.root)}" if path and Path(path).is_relative_to(self.root) else path

    def owner(self, name: str) -> int | None:
        """The number of a user; "" is evenkeel's own. `None` when there is none of that name."""
        return own_user() if not name or self.is_simulated else int(name) if name.isdecimal() else user_id(name)

    def group(self, name: str) -> int | None:
        """The number of a group, likewise."""
        return own_groups()[0] if not name or self.is_simulated else int(name) if name.isdecimal() else group_id(name)
