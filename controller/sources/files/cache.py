"""Parsed files, kept by the digest of their content, so that a second start needs no YAML.

A folder with one small file per parsed file, named by a key over the content, the name under which problems place it,
and the edition of the code that parsed it. An entry begins with the digest of the rest. An entry that does not match
its digest, after a power cut or a foreign write, counts as absent. Everything here may be deleted at any time.

Entries hold whole specs, variables with secrets too: only their owner may read them. Nothing here raises; a cache that
cannot be read or written is merely slow.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from functools import cache as once
from pathlib import Path

from evenkeel import specs
from evenkeel.controller.process.atomic import write_atomically
from evenkeel.specs.codec import decode, encode
from evenkeel.specs.desired import Decoded

log = logging.getLogger(__name__)

FORMAT = 1
"""Rises when the format of entries changes."""
MOST_ENTRIES = 256
"""The most unused entries that stay; some 2 KiB each."""


def key_of(name: str, content: bytes) -> str:
    """The name of the entry for a file. Two editions of evenkeel never share one."""
    return hashlib.sha256(f"{_edition()}\0{name}\0".encode() + content).hexdigest()


def load(folder: Path, key: str) -> Decoded | None:
    """The entry, `None` when there is none, or it is damaged."""
    try:
        digest, _, body = (folder / key).read_bytes().partition(b"\n")
        if digest.decode() != hashlib.sha256(body).hexdigest():
            return None
        return decode(body, Decoded)
    except (OSError, ValueError):
        return None


def store(folder: Path, key: str, decoded: Decoded) -> bool:
    """Keep an entry; False when the folder does not take it."""
    body = encode(decoded)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(folder / key, hashlib.sha256(body).hexdigest().encode() + b"\n" + body, mode=0o600)
    except OSError as error:
        log.debug("parse cache not written", extra={"fields": {"folder": str(folder), "why": str(error)}})
        return False
    return True


def prune(folder: Path, used: Sequence[str]) -> None:
    """Remove the oldest entries that are not in `used`, until few enough are left."""
    try:
        with os.scandir(folder) as entries:
            dated = sorted((entry.stat().st_mtime_ns, entry.path) for entry in entries if entry.name not in set(used))
        for _, path in dated[: max(0, len(dated) - MOST_ENTRIES)]:
            Path(path).unlink()
    except OSError as error:
        log.debug("parse cache not pruned", extra={"fields": {"folder": str(folder), "why": str(error)}})


@once
def _edition() -> str:
    """The edition of the code that decodes: the installed version, and the files of `evenkeel.specs`.

    The version is read off the folder beside the package, because importlib.metadata takes 40 ms for it. In a checkout
    there is no such folder, and in an image all files may have one date: hence both.
    """
    package = Path(specs.__file__).parent
    found = [f"format {FORMAT}"]
    with os.scandir(package.parent.parent) as entries:
        found += sorted(entry.name for entry in entries if entry.name.startswith("evenkeel-"))
    files = sorted(_sources(package))
    return "\n".join([*found, *(f"{path} {size} {changed_ns}" for path, size, changed_ns in files)])


def _sources(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Path, bytes and time of change of every module in a package and in those inside it."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _sources(Path(entry.path))
            elif entry.name.endswith(".py"):
                stat = entry.stat()
                yield entry.path, stat.st_size, stat.st_mtime_ns
