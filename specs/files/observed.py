"""Looks and observations of a driver of files."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from evenkeel.specs.files.file import Form
from evenkeel.specs.look import Look

FileKind = Literal["absent", "file", "link", "folder", "special", "unknown"]
"""`special`: a device, a socket or a pipe. `unknown`: it could not be looked at."""


class Sought(Struct, frozen=True):
    """One path that is looked at. `owner` and `group` are to be resolved, `source` is to be read, `sha256` is the content
    that is meant there ("" for any); `is_wanted` says whether somebody asks for a file there, `overwrites` that it may
    replace what evenkeel did not make, and `secret` that its content is one."""

    path: str
    subject: str
    owner: str = ""
    group: str = ""
    source: str = ""
    is_wanted: bool = True
    overwrites: bool = False
    secret: bool = False
    sha256: str = ""


class FilesLook(Look, frozen=True):
    """The questions of one look at the files."""

    files: tuple[Sought, ...] = ()

    @property
    def engine(self) -> str:
        return "the file system"


def at_files(look: Look) -> FilesLook:
    """A look of this domain; one that asks for nothing else becomes one."""
    return look if isinstance(look, FilesLook) else FilesLook(look.subject, look.fresh, look.here_only)


class SourceSeen(Struct, frozen=True):
    """The content of a source: its digest and size in bytes; or `why` it cannot be had, as the words after its name in a
    sentence."""

    digest: str = ""
    size: int = 0
    why: str = ""


class TemporarySeen(Struct, frozen=True):
    """A file beside a path in which evenkeel has prepared a form, by its name in the folder."""

    name: str
    form: Form


class FileSeen(Struct, frozen=True):
    """The state of one path. `form` is that of a file or a link, `size` in bytes. `temporaries` are beside it.

    `uid` and `gid` are the numbers of the owner and the group that are asked for. `refused`: not "", why nothing can be
    placed there, whatever is there. `trouble`: why it is not known what is there. `missing`: the uppermost folder on
    the way that is not there. The last three are sentences about the path."""

    path: str
    subject: str
    kind: FileKind = "absent"
    form: Form = Form()
    size: int = 0
    temporaries: tuple[TemporarySeen, ...] = ()
    uid: int = 0
    gid: int = 0
    refused: str = ""
    trouble: str = ""
    missing: str = ""
    source: SourceSeen | None = None
    is_wanted: bool = True
    overwrites: bool = False
    secret: bool = False


class FilesSeen(Struct, frozen=True):
    """One look at the files of a host. `stored` are the names in the store of contents, which are digests, but for what
    an interrupted write has left there. Not "": `only` this subject was looked at."""

    engine: str
    files: tuple[FileSeen, ...] = ()
    stored: tuple[str, ...] = ()
    only: str = ""
