"""Files of others, read within a bound: a device file or a log that was named by mistake has no end, and memory has."""

from __future__ import annotations

import errno
import os
from pathlib import Path

MOST_BYTES = 8 * 1024**2
"""Of a file that people write: as much as is read as YAML."""


def read_bounded(path: Path, most: int = MOST_BYTES) -> bytes:
    """The content of a file of at most `most` bytes. Raises OSError, EFBIG for a longer one."""
    with path.open("rb", buffering=0) as file:
        content = bytearray()
        while piece := file.read(min(1 << 20, most + 1 - len(content))):
            content += piece
            if len(content) > most:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return bytes(content)
