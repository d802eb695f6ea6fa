"""Prints: names of values that do not tell them. Equal values have equal prints on one device, and nobody finds a secret by
trying out what it may be, because a key of the device goes into each."""

from __future__ import annotations

import hmac
import secrets
from pathlib import Path

from evenkeel.controller.process.replacing import put_own

_KEY_BYTES = 32


class Printer:
    """Makes prints. The key lies in `path`, and is written by `keep`. Until then it is one of this process; without a `path` it
    always is."""

    def __init__(self, path: Path | None) -> None:
        self._path, self._key = path, b""

    def keep(self) -> None:
        """Store the key: prints that are remembered have to mean the same in the next process. Raises OSError."""
        if self._path is not None and not self._path.exists():
            put_own(self._path, self._now(), 0o600)

    def of(self, *parts: str | bytes) -> str:
        """The print of these parts in this order: 16 hex digits."""
        texts = [part.encode() if isinstance(part, str) else part for part in parts]
        content = b"".join(b"%d:%s" % (len(text), text) for text in texts)
        return hmac.new(self._now(), content, "sha256").hexdigest()[:16]

    def _now(self) -> bytes:
        if not self._key:
            found = self._path.read_bytes() if self._path is not None and self._path.exists() else b""
            self._key = found if len(found) == _KEY_BYTES else secrets.token_bytes(_KEY_BYTES)
        return self._key
