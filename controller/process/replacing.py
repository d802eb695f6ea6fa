"""Replacing a file of others that is to hold a secret: as a whole, for its owner alone, where a link leads."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from evenkeel.controller.process.atomic import write_atomically


def replace_private(path: Path, content: bytes) -> None:
    """Replace a file, which keeps its owner; nobody else may read it. A link stays one. Raises OSError."""
    real = path.resolve()
    owner = real.stat() if real.exists() else None
    write_atomically(real, content, 0o600)
    if owner is not None and (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
        with suppress(PermissionError):
            os.chown(real, owner.st_uid, owner.st_gid)
