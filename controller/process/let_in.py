"""The pair with which a broker has let evenkeel in last: one file in the state directory, with paths and no secret.

    {"certificate": PATH, "key": PATH}

The connection to the broker writes it, and goes back to that pair when another one is refused. The provisioning domain keeps
the pair for as long. A file that is damaged counts as none.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.process.bounded import read_bounded
from evenkeel.controller.process.replacing import put_own

FILE = "broker/let-in.json"
"""Its place below the state directory."""
_MOST_BYTES = 64 * 1024


class PairFiles(NamedTuple):
    """A pair in files, where all links lead."""

    certificate: Path
    key: Path


class LetIn:
    """The file. `path`: where it lies."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def pair(self) -> PairFiles | None:
        """The pair; `None` when nothing is known of one. Raises OSError where it cannot be read."""
        try:
            found = json.loads(read_bounded(self.path, _MOST_BYTES))
            return PairFiles(Path(found["certificate"]), Path(found["key"]))
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def put(self, pair: PairFiles) -> None:
        """Keep a pair, unless it is known. Raises OSError."""
        if self.pair() != pair:
            self.path.parent.mkdir(0o700, parents=True, exist_ok=True)
            text = json.dumps({"certificate": str(pair.certificate), "key": str(pair.key)})
            put_own(self.path, text.encode(), 0o600)
