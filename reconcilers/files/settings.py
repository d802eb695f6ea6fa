"""The settings of a file, as paths and texts of its spec."""

from __future__ import annotations

from evenkeel.reconcilers.files.telling import digest_text
from evenkeel.specs.files.file import File, digest_of
from evenkeel.specs.reading.secrecy import HIDDEN

_ORDER = (
    "path",
    "content",
    "source",
    "sha256",
    "link",
    "owner",
    "group",
    "mode",
    "secret",
    "overwrite",
    "notify",
    "units",
)


def asked_texts(file: File) -> tuple[tuple[str, str], ...]:
    """Path and mode, and what is asked for beyond the defaults, in the order of the reference. A content is told by its
    digest and its size in bytes, a secret one not at all."""
    texts = {
        "path": file.path,
        "content": _content_text(file),
        "source": file.source,
        "sha256": HIDDEN if file.secret and file.sha256 else file.sha256,
        "link": file.link,
        "owner": file.owner,
        "group": file.group,
        "mode": f"{file.mode:04o}" if not file.link else "",
        "secret": "true" if file.secret else "",
        "overwrite": "true" if file.overwrite else "",
        "notify": ", ".join(file.notify),
        "units": ", ".join(f"{each.name} ({each.verb})" for each in file.units),
    }
    return tuple((key, texts[key]) for key in _ORDER if texts[key])


def otherwise(kept: File | None, wish: File | None) -> tuple[tuple[str, str, str], ...]:
    """The settings in which `wish` differs from `kept`, as path, old and new text; the path alone, for a file that only
    one of them asks for."""
    if kept is None or wish is None:
        old, new = (each.path if each is not None else "" for each in (kept, wish))
        return (("", old, new),) if old or new else ()
    before, after = dict(asked_texts(kept)), dict(asked_texts(wish))
    hidden = {"content": kept.content != wish.content, "sha256": kept.sha256 != wish.sha256}
    texts = ((key, before.get(key, ""), after.get(key, "")) for key in _ORDER)
    return tuple(each for each in texts if each[1] != each[2] or (hidden.get(each[0], False) and each[1]))


def _content_text(file: File) -> str:
    if file.content is None:
        return ""
    content = file.content.encode()
    return HIDDEN if file.secret else f"{digest_text(digest_of(content))}, {len(content):,} bytes"
