"""The part of a description that only files have: the object at each path, and its owner.

No content is shown, and no digest of a secret one, because a short content can be guessed from it. The names of
temporary files come from the digest, so they are only counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from evenkeel.specs.files.file import Form
from evenkeel.specs.files.observed import FileSeen
from evenkeel.specs.reading.secrecy import HIDDEN
from evenkeel.specs.visible import one_line
from evenkeel.templates.describe_text import field
from evenkeel.templates.style import Style, paint

_SHOWN = 12
"""Digits of a digest."""
_WHOSE = {
    "evenkeel": "evenkeel's",
    "others": "others'",
    "nobody": "gone",
    "unknown": "whose it is cannot be seen",
}

Whose = Literal["evenkeel", "others", "nobody", "unknown"]


class AtPath(NamedTuple):
    """The object at one path. `by`: its owner, "nobody" when nothing is there. `proven`: the object is evenkeel's, and
    was read back since evenkeel changed it. `hidden`: its content may be secret. `original`: the object that evenkeel
    has replaced there and keeps."""

    seen: FileSeen
    by: Whose
    proven: bool = False
    hidden: bool = True
    original: Form | None = None

    @property
    def content(self) -> str:
        """The content by its digest; "" where there is none to be told."""
        digest = self.seen.form.digest
        return "" if not digest else HIDDEN if self.hidden else f"sha256 {digest[:_SHOWN]}…"

    @property
    def what(self) -> str:
        """The object in a word, with the target of a link."""
        form = self.seen.form
        return f"link to {form.link}" if self.seen.kind == "link" else self.seen.kind

    @property
    def owner(self) -> str:
        """`1000:1000`; "" where it is not known."""
        form = self.seen.form
        return f"{form.uid}:{form.gid}" if self.seen.kind == "file" else ""

    @property
    def mode(self) -> str:
        """`0644`; "" where it is not known."""
        return f"{self.seen.form.mode:04o}" if self.seen.kind == "file" else ""

    @property
    def size(self) -> int | None:
        """In bytes; `None` where nothing with a size is there."""
        return self.seen.size if self.seen.kind == "file" else None

    @property
    def trouble(self) -> str:
        """The reason why the path cannot be looked at, or no file can be placed there; "" without one."""
        return self.seen.trouble or self.seen.refused


class FileOwn(NamedTuple):
    """The part of a file (`templates.describe_text.Own`): the objects at its path and at its former paths. `notifies`:
    the containers that are started again after a change; `units`: those of systemd, each with `restarted` or `reloaded`."""

    places: tuple[AtPath, ...] = ()
    notifies: tuple[str, ...] = ()
    kind: str = "FileDescription"
    units: tuple[tuple[str, str], ...] = ()

    @property
    def whose(self) -> dict[str, str]:
        return _WHOSE

    @property
    def is_there(self) -> bool:
        return any(each.seen.kind != "absent" for each in self.places)

    def origin(self, asked: str) -> tuple[str, str]:
        return "asked for", asked

    def lines(self, now: float, style: Style) -> Iterator[str]:
        if self.notifies:
            yield field("notifies", one_line(", ".join(self.notifies)))
        if self.units:
            yield field("units", one_line(", ".join(f"{name} is {verb}" for name, verb in self.units)))
        for each in self.places:
            yield ""
            yield paint(one_line(each.seen.path), "strong", style)
            yield from (field(f"  {name}", one_line(text)) for name, text in _facts(each) if text)

    def value(self) -> dict[str, Any]:
        return {
            "notifies": list(self.notifies),
            "units": [{"name": name, "reload": verb == "reloaded"} for name, verb in self.units],
            "places": [{**place_value(each), **_memory_value(each)} for each in self.places],
        }


def place_value(at: AtPath) -> dict[str, Any]:
    """The object at a path, for programs. Sizes are bytes; `null` stands for values that do not apply or are not
    told."""
    seen = at.seen
    is_file = seen.kind == "file"
    return {
        "path": seen.path,
        "what": seen.kind,
        "by": at.by,
        "uid": seen.form.uid if is_file else None,
        "gid": seen.form.gid if is_file else None,
        "mode": at.mode or None,
        "bytes": at.size,
        "target": seen.form.link or None,
        "sha256": (seen.form.digest or None) if is_file and not at.hidden else None,
        "proven": at.proven,
        "trouble": at.trouble or None,
    }


def _memory_value(at: AtPath) -> dict[str, Any]:
    original = at.original
    return {
        "temporaries": len(at.seen.temporaries),
        "original": None
        if original is None
        else {
            "what": "link" if original.link else "file",
            "uid": None if original.link else original.uid,
            "gid": None if original.link else original.gid,
            "mode": None if original.link else f"{original.mode:04o}",
            "target": original.link or None,
        },
    }


def _facts(at: AtPath) -> Iterator[tuple[str, str]]:
    yield "there", f"{at.what}, {at.size:,} bytes" if at.size is not None else at.what
    yield "owner", at.owner
    yield "mode", at.mode
    yield "content", at.content
    if at.by == "evenkeel":
        yield "proven", "yes" if at.proven else "no"
    elif at.by == "others":
        yield "by", "others: evenkeel did not place it"
    yield "trouble", at.trouble
    if at.original is not None:
        form = at.original
        what = f"a link to {form.link}" if form.link else f"a file of {form.uid}:{form.gid}, {form.mode:04o}"
        yield "kept", f"{what}, which evenkeel has replaced"
    if at.seen.temporaries:
        count = len(at.seen.temporaries)
        yield "beside it", f"{count} temporary file{'s' * (count != 1)} of a change"
