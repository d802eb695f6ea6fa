"""Reading a file of others within a bound: a device file or a log that was named by mistake may be endless."""

from __future__ import annotations

import errno
import os
from pathlib import Path

MOST_BYTES = 8 * 1024**2
"""The bound of a file that people write, which is the bound for YAML."""


def read_bounded(path: Path, most: int = MOST_BYTES) -> bytes:
    """The content of a file of at most `most` bytes. Raises OSError, EFBIG for a longer one."""
    with path.open("rb", buffering=0) as file:
        content = bytearray()
        while piece := file.read(min(1 << 20, most + 1 - len(content))):
            content += piece
            if len(content) > most:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return bytes(content)
