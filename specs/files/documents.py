"""Documents about files: how what was written becomes a file in normal form, and what of it cannot be."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import UnsetType

from evenkeel.specs.documents.on_host import id_flaws, is_text, mode_of, normal_id, path_flaws, place_flaws, to_the_end
from evenkeel.specs.documents.reference import Claim, Reference
from evenkeel.specs.documents.written import MetadataSpec
from evenkeel.specs.files.file import MOST_CONTENT, USUAL_MODE, File
from evenkeel.specs.files.written import DIGEST_PATTERN, FileSpec
from evenkeel.specs.problem import Flaw
from evenkeel.specs.unit import notified_names, notified_units

Flaws = list[Flaw]


def file(metadata: MetadataSpec, spec: FileSpec, flaws: Flaws) -> File:
    """The normal form of a written file. Paths of flaws begin below `spec`. No flaw repeats the content."""
    content = None if isinstance(spec.content, UnsetType) else spec.content
    source = "" if isinstance(spec.source, UnsetType) else spec.source
    sha256 = "" if isinstance(spec.sha256, UnsetType) else spec.sha256
    mode = USUAL_MODE & 0o770 if spec.secret else USUAL_MODE
    mode = mode_of(spec.mode, mode, ("mode",), flaws)
    flaws.extend(place_flaws(("path",), spec.path))
    flaws.extend(_origin_flaws(spec.path, content, source, sha256))
    for key, value in (("owner", spec.owner), ("group", spec.group)):
        if not isinstance(value, UnsetType):
            flaws.extend(id_flaws((key,), value))
    if spec.secret and mode & 0o004:
        message = f"the file is secret, and mode {mode:04o} lets everybody read it"
        flaws.append(Flaw(("mode",), message, f"write `mode: '{mode & 0o770:04o}'`", warning=True))
    return File(
        name=metadata.name,
        path=spec.path,
        content=content,
        source=source,
        sha256=sha256,
        owner=normal_id(spec.owner),
        group=normal_id(spec.group),
        mode=mode,
        secret=spec.secret,
        overwrite=spec.overwrite,
        notify=notified_names(spec.notify),
        units=notified_units(spec.notify, ("notify",), flaws),
    )


def notified(wanted: File) -> tuple[Reference, ...]:
    """The containers that are restarted after a change."""
    return (Reference("notify", wanted.notify, is_need=False),)


def claimed(wanted: File) -> tuple[Claim, ...]:
    """The path, which belongs to one document. One that could not be read, or cannot be, is nobody's."""
    is_sound = wanted.path.startswith("/") and not any(path_flaws(("path",), wanted.path))
    return (Claim("path", wanted.path, is_whole=True),) if is_sound else ()


def _origin_flaws(path: str, content: str | None, source: str, sha256: str) -> Iterator[Flaw]:
    """The flaws of what the file is to hold. Without exactly one origin nothing further is said of either."""
    if content is not None and source:
        yield Flaw(("source",), "expected exactly one of `content`, `source`")
        return
    if content is None and not source:
        yield Flaw((), "expected exactly one of `content`, `source`", lacks=("content", "source"))
        return
    if content is not None:
        yield from _content_flaws(content)
        if sha256:
            yield Flaw(("sha256",), "`sha256` goes with `source`", "leave it out", lacks=("source",))
        return
    yield from path_flaws(("source",), source)
    if source == path:
        yield Flaw(("source",), "a file cannot be copied to its own place", "leave the document out")
    if sha256 and not re.search(to_the_end(DIGEST_PATTERN), sha256):
        hint = f"write `sha256: {sha256.lower()}`" if re.search(to_the_end(DIGEST_PATTERN), sha256.lower()) else ""
        yield Flaw(("sha256",), "expected 64 hexadecimal digits in lower case", hint or "see sha256sum(1)")


def _content_flaws(content: str) -> Iterator[Flaw]:
    if not is_text(content):
        yield Flaw(("content",), "expected text that UTF-8 can express", "use `source` for anything else")
    elif len(content.encode()) > MOST_CONTENT:
        yield Flaw(("content",), "expected at most 1 MiB", "use `source`")
