"""A file in normal form, and what names its content and its whole state.

Two wishes are equal when they ask for the same. A wish that puts an original back has neither `content` nor `source`: its
content is in the store under `sha256`, or it is a symbolic link. Nobody writes such a wish; the reconciler makes it.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from evenkeel.specs.unit import Unit

MOST_CONTENT = 1024**2
"""Bytes of an inline content."""
MOST_SOURCE = 16 * 1024**2
"""Bytes of a source, and of a file that is kept because it is overwritten."""
USUAL_MODE = 0o644


class File(Struct, frozen=True, tag="File"):
    """One file in normal form. `content` is `None` when `source` names the file that is copied. `sha256`: the content that is
    meant, as 64 hex digits; "" is whatever the source holds. `link`: not "", a symbolic link to that is what is asked for.
    `owner` and `group` are names or numbers; "" is root, or evenkeel's own where it is not root. `notify`: containers that have
    to begin anew after a change; `units`: those of systemd, each once."""

    domain: ClassVar[str] = "files"

    name: str
    path: str
    content: str | None = None
    source: str = ""
    sha256: str = ""
    link: str = ""
    owner: str = ""
    group: str = ""
    mode: int = USUAL_MODE
    secret: bool = False
    overwrite: bool = False
    notify: tuple[str, ...] = ()
    units: tuple[Unit, ...] = ()


def digest_of(content: bytes) -> str:
    """The SHA-256 of a content, as 64 hex digits."""
    from hashlib import sha256  # OpenSSL behind it: a status can do without

    return sha256(content).hexdigest()


class Form(Struct, frozen=True):
    """The whole state of a file at its place: content, owner and mode; or, with `link`, the symbolic link."""

    digest: str = ""
    uid: int = 0
    gid: int = 0
    mode: int = 0
    link: str = ""


def form_name(form: Form) -> str:
    """The name of a form in the memory: equal forms have equal names."""
    return f"link {form.link}" if form.link else f"{form.digest} {form.uid}:{form.gid} {form.mode:04o}"


def temporary_name(name: str, form: Form) -> str:
    """The name of the file in which a form waits beside the file called `name`. The next form has another name, and a name
    without place for more is shortened."""
    digest = digest_of(form_name(form).encode("utf-8", "surrogateescape"))[:8]
    return f"{temporary_stem(name)}{digest}"


def temporary_stem(name: str) -> str:
    """The beginning of the names of all temporary files beside the file called `name`; eight hex digits follow."""
    is_long = len(name.encode("utf-8", "surrogateescape")) > _LONGEST_STEM
    stem = digest_of(name.encode("utf-8", "surrogateescape"))[:32] if is_long else name
    return f".{stem}.evenkeel-"


_LONGEST_STEM = 200
"""Bytes; file systems take 255."""


def is_temporary(entry: str, name: str) -> bool:
    """Whether a directory entry is a temporary file beside the file called `name`."""
    stem = temporary_stem(name)
    rest = entry.removeprefix(stem)
    return entry.startswith(stem) and len(rest) == 8 and all(digit in "0123456789abcdef" for digit in rest)
