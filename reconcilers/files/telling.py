"""Differences of files in words. A content is shown by its digest; of one that is, or may be, a secret only the difference
is told."""

from __future__ import annotations

from collections.abc import Iterator

from evenkeel.specs.codec import changed
from evenkeel.specs.desired import Document, asked_at
from evenkeel.specs.files.difference import FileDifference
from evenkeel.specs.files.file import File, Form
from evenkeel.specs.files.observed import FileSeen
from evenkeel.specs.plan import Change
from evenkeel.specs.reading.secrecy import HIDDEN

_SHOWN = 12
"""Digits of a digest."""


def changes(file: File, document: Document, there: FileSeen, form: Form, *, is_open: bool) -> tuple[Change, ...]:
    """Every differing value of a file that is there. `is_open`: the digest of what is there may be told."""
    return tuple(_changes(file, document, there, form, is_open=is_open))


def without_content(difference: FileDifference) -> FileDifference:
    """A difference whose old content is one that somebody calls a secret."""
    hidden = tuple(
        changed(each, old=HIDDEN) if each.path == "content" and not (difference.before or Form()).link else each
        for each in difference.changes
    )
    return changed(difference, changes=hidden)


def _changes(file: File, document: Document, there: FileSeen, form: Form, *, is_open: bool) -> Iterator[Change]:
    old = there.form
    if old.link or form.link or old.digest != form.digest:
        key = "content" if file.content is not None else "sha256" if file.sha256 else "source"
        size = len(file.content.encode()) if file.content is not None else None
        before = _content_text(old, there.size, is_open=is_open and not file.secret)
        after = _content_text(form, size, is_open=not file.secret)
        yield Change(file.name, "content", before, after, "the content differs", asked_at(document, key))
    if old.link or form.link:
        return
    if old.uid != form.uid:
        asked = asked_at(document, "owner")
        yield Change(file.name, "owner", str(old.uid), str(form.uid), "the owner differs", asked)
    if old.gid != form.gid:
        asked = asked_at(document, "group")
        yield Change(file.name, "group", str(old.gid), str(form.gid), "the group differs", asked)
    if old.mode != form.mode:
        asked = asked_at(document, "mode")
        yield Change(file.name, "mode", f"{old.mode:04o}", f"{form.mode:04o}", "the mode differs", asked)


def _content_text(form: Form, size: int | None, *, is_open: bool) -> str:
    if form.link:
        return f"link to {form.link}"
    if not is_open:
        return HIDDEN
    digest = digest_text(form.digest) or "content"
    return digest if size is None else f"{digest}, {size:,} bytes"


def digest_text(digest: str) -> str:
    """A digest for people, shortened; "" for none."""
    return f"sha256 {digest[:_SHOWN]}…" if digest else ""


def foreign_text(file: File, there: FileSeen, form: Form) -> str:
    """The reason why nothing is placed over something foreign."""
    remedy = "`overwrite: true` replaces it"
    if there.kind == "link":
        return f"{file.path} is a symbolic link to {there.form.link}, which evenkeel did not make; {remedy}"
    if there.form.digest == form.digest and there.form.digest:
        old, new = there.form, form
        both = f"{old.uid}:{old.gid} {old.mode:04o}, not {new.uid}:{new.gid} {new.mode:04o}"
        return f"{file.path} has the content, but is {both}, and evenkeel did not make it; {remedy}"
    return f"{file.path} has another content, and evenkeel did not make it; {remedy}"


def source_text(file: File, there: FileSeen) -> str:
    """The reason why the wanted content is not available."""
    source = there.source
    if source is None:
        return "its content is not in the store any more"
    if source.why:
        return f"{file.source} {source.why}"
    if file.secret:
        return f"{file.source} has another content than the one that is asked for"
    return f"{file.source} has another content than {file.sha256[:_SHOWN]}…, which is asked for"
