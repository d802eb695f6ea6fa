"""Paths, owners and permissions of files on the host, as documents of several kinds write them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from msgspec import UnsetType

from evenkeel.specs.problem import Flaw, Path

OWNER_PATTERN = r"^([A-Za-z_][A-Za-z0-9_.-]{0,30}[$]?|[0-9]{1,10})$"
"""The names that useradd(8) takes, and numbers."""
MODE_PATTERN = "^0?[0-7]{3}$"
_LONGEST_NAME, _LONGEST_PATH = 255, 4095
"""In bytes, as Linux has it."""
_MOST_ID = 2**32 - 2
"""The highest number of a user or a group; the one above it means none."""
_KERNELS = ("/proc", "/sys", "/dev")
_SHARED_MEMORY = "/dev/shm/"
"""An ordinary file system, though it is below /dev."""


def place_flaws(at: Path, path: str) -> Iterator[Flaw]:
    """The flaws of the path of a file that is written. `at`: its path below `spec`."""
    yield from path_flaws(at, path)
    is_kernels = any(f"{path}/".startswith(f"{kernel}/") for kernel in _KERNELS)
    if is_kernels and not path.startswith(_SHARED_MEMORY):
        yield Flaw(at, "what is there is the kernel's, and is no file that could be replaced")


def path_flaws(at: Path, path: str) -> Iterator[Flaw]:
    """The flaws of the absolute path of a file. `at`: its path below `spec`."""
    normal = posixpath.normpath(path).replace("//", "/")
    if not is_text(path):
        yield Flaw(at, "no path has such characters")
    elif normal != path:
        yield Flaw(at, "expected a path without `.`, `..`, doubled slashes, or a slash at its end", f"write `{normal}`")
    elif path == "/":
        yield Flaw(at, "expected the path of a file")
    elif len(path.encode()) > _LONGEST_PATH or max(map(len, path.encode().split(b"/"))) > _LONGEST_NAME:
        yield Flaw(at, f"expected at most {_LONGEST_NAME} bytes in a name, and {_LONGEST_PATH} in all")


def id_flaws(at: Path, value: str) -> Iterator[Flaw]:
    """The flaws of the name or number of a user or a group."""
    if not re.search(to_the_end(OWNER_PATTERN), value):
        yield Flaw(at, "expected the name of a user or a group, or its number in quotes")
    elif value.isdecimal() and int(value) > _MOST_ID:
        yield Flaw(at, f"expected a number of at most {_MOST_ID}")


def mode_of(text: str, usual: int, at: Path, flaws: list[Flaw]) -> int:
    """Permissions that are written as octal digits; `usual` with a flaw where they are none."""
    if re.search(to_the_end(MODE_PATTERN), text):
        return int(text, 8)
    flaws.append(
        Flaw(at, "expected three octal digits in quotes, a 0 before them or not", f"write `mode: '{usual:04o}'`")
    )
    return usual


def to_the_end(pattern: str) -> str:
    """In JSON Schema `$` means the end, to Python also the place before a last line break."""
    return rf"{pattern[:-1]}\Z"


def is_text(value: str) -> bool:
    """Whether UTF-8 can express it."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def normal_id(value: str | UnsetType) -> str:
    """The name or number of a user or a group in normal form; "" without one."""
    if isinstance(value, UnsetType):
        return ""
    return str(int(value)) if value.isdecimal() else value
