"""The port of a file system to the driver of files.

No operation follows a symbolic link, neither on the way to a path nor at its end, except those on sources: a link could
lead a write elsewhere. The effect of an operation is on the disk when it returns. All raise OSError.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from evenkeel.specs.files.file import Form
from evenkeel.specs.files.observed import FileKind

FOLDER_MODE = 0o755
"""The mode of folders that are made for a file."""


class Node(NamedTuple):
    """The node at a path. `target`: of a link. `stamp` changes with the content of a file; `None` when there is no such
    mark."""

    kind: FileKind
    uid: int = 0
    gid: int = 0
    mode: int = 0
    size: int = 0
    target: str = ""
    stamp: tuple[int, ...] | None = None


class Way(NamedTuple):
    """The way to a folder. `missing`: the uppermost part that does not exist. `obstacle`: the reason why the folder
    cannot be reached, as a sentence."""

    missing: str = ""
    obstacle: str = ""


class FileSystem(Protocol):
    """A file system. Paths are absolute and normal."""

    @property
    def name(self) -> str:
        """The name of the file system, in words."""
        ...

    @property
    def blocks(self) -> bool:
        """Whether operations may block, and belong into a thread."""
        ...

    @property
    def uid(self) -> int:
        """The user id of evenkeel."""
        ...

    @property
    def groups(self) -> tuple[int, ...]:
        """The ids of its groups, the main one first."""
        ...

    def user(self, name: str) -> int | None:
        """The number of a user, `None` when there is none of that name."""
        ...

    def group(self, name: str) -> int | None:
        """The number of a group, `None` when there is none of that name."""
        ...

    def way(self, folder: str) -> Way:
        """Whether a folder can be reached."""
        ...

    def node(self, path: str) -> Node:
        """The node at a path."""
        ...

    def source(self, path: str) -> Node:
        """The node to which links at a path lead."""
        ...

    def entries(self, folder: str) -> list[str]:
        """The names in a folder."""
        ...

    def read(self, path: str, most: int) -> bytes:
        """The content of a file; EFBIG when it has more than `most` bytes."""
        ...

    def read_source(self, path: str, most: int, meant: str = "") -> bytes:
        """The content of the file to which links at a path lead. `meant`: the digest that somebody asks for, "" for any; a
        simulated source has it."""
        ...

    def digest(self, content: bytes) -> str:
        """The SHA-256 of a content, as 64 hex digits; of a simulated content the one that it stands for."""
        ...

    def make_folders(self, folder: str, mode: int = FOLDER_MODE) -> None:
        """Make the missing parts of a folder and of the way to it."""
        ...

    def write(self, path: str, content: bytes, form: Form) -> None:
        """Make a new file, or a new link, of this form; EEXIST when something is there."""
        ...

    def rename(self, path: str, name: str) -> None:
        """Rename the file at a path within its folder; a file of that name is replaced."""
        ...

    def remove(self, path: str) -> None:
        """Remove the file or link at a path; nothing when there is none."""
        ...

    def adjust(self, path: str, form: Form) -> None:
        """Give a file the owner, the group and the mode of a form."""
        ...

    def save(self) -> None:
        """Save changes, where the file system does not do so itself."""
        ...
