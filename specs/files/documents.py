"""Documents about files: how what was written becomes a file in normal form, and what of it cannot be."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from msgspec import UnsetType

from evenkeel.specs.documents.reference import Claim, Reference
from evenkeel.specs.documents.written import MetadataSpec
from evenkeel.specs.files.file import MOST_CONTENT, USUAL_MODE, File, Unit
from evenkeel.specs.files.written import DIGEST_PATTERN, MODE_PATTERN, OWNER_PATTERN, FileSpec
from evenkeel.specs.problem import Flaw
from evenkeel.specs.unit import is_unit, unit_hint

Flaws = list[Flaw]

_LONGEST_NAME, _LONGEST_PATH = 255, 4095
"""In bytes, as Linux has it."""
_MOST_ID = 2**32 - 2
"""The highest number of a user or a group; the one above it means none."""
_KERNELS = ("/proc", "/sys", "/dev")
_SHARED_MEMORY = "/dev/shm/"
"""An ordinary file system, though it is below /dev."""


def file(metadata: MetadataSpec, spec: FileSpec, flaws: Flaws) -> File:
    """The normal form of a written file. Paths of flaws begin below `spec`. No flaw repeats the content."""
    content = None if isinstance(spec.content, UnsetType) else spec.content
    source = "" if isinstance(spec.source, UnsetType) else spec.source
    sha256 = "" if isinstance(spec.sha256, UnsetType) else spec.sha256
    mode = USUAL_MODE & 0o770 if spec.secret else USUAL_MODE
    if re.search(_to_the_end(MODE_PATTERN), spec.mode):
        mode = int(spec.mode, 8)
    else:
        message = "expected three octal digits in quotes, a 0 before them or not"
        flaws.append(Flaw(("mode",), message, f"write `mode: '{mode:04o}'`"))
    flaws.extend(_path_flaws("path", spec.path))
    if _is_kernels(spec.path):
        flaws.append(Flaw(("path",), "what is there is the kernel's, and is no file that could be replaced"))
    flaws.extend(_origin_flaws(spec.path, content, source, sha256))
    for key, value in (("owner", spec.owner), ("group", spec.group)):
        if not isinstance(value, UnsetType):
            flaws.extend(_id_flaws(key, value))
    if spec.secret and mode & 0o004:
        message = f"the file is secret, and mode {mode:04o} lets everybody read it"
        flaws.append(Flaw(("mode",), message, f"write `mode: '{mode & 0o770:04o}'`", warning=True))
    return File(
        name=metadata.name,
        path=spec.path,
        content=content,
        source=source,
        sha256=sha256,
        owner=_normal_id(spec.owner),
        group=_normal_id(spec.group),
        mode=mode,
        secret=spec.secret,
        overwrite=spec.overwrite,
        notify=tuple(sorted({each for each in spec.notify if isinstance(each, str)})),
        units=_units(spec, flaws),
    )


def _units(spec: FileSpec, flaws: Flaws) -> tuple[Unit, ...]:
    """The units, each once: one that is named for both is restarted."""
    found: dict[str, Unit] = {}
    for index, each in enumerate(spec.notify):
        if isinstance(each, str):
            if is_unit(each):
                hint = f"write `{{unit: {each}}}`, if a unit of systemd is meant"
                flaws.append(Flaw(("notify", index), "this is the name of a container", hint, warning=True))
            continue
        if not is_unit(each.unit):
            path = ("notify", index, "unit")
            flaws.append(Flaw(path, "expected the name of a unit with its suffix", unit_hint(each.unit)))
        is_restarted = each.unit in found and not found[each.unit].reload
        found[each.unit] = Unit(each.unit, each.reload and not is_restarted)
    return tuple(sorted(found.values()))


def _is_kernels(path: str) -> bool:
    at = [kernel for kernel in _KERNELS if f"{path}/".startswith(f"{kernel}/")]
    return bool(at) and not path.startswith(_SHARED_MEMORY)


def notified(wanted: File) -> tuple[Reference, ...]:
    """The containers that are restarted after a change."""
    return (Reference("notify", wanted.notify, is_need=False),)


def claimed(wanted: File) -> tuple[Claim, ...]:
    """The path, which belongs to one document. One that could not be read, or cannot be, is nobody's."""
    is_sound = wanted.path.startswith("/") and not any(_path_flaws("path", wanted.path))
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
    yield from _path_flaws("source", source)
    if source == path:
        yield Flaw(("source",), "a file cannot be copied to its own place", "leave the document out")
    if sha256 and not re.search(_to_the_end(DIGEST_PATTERN), sha256):
        hint = f"write `sha256: {sha256.lower()}`" if re.search(_to_the_end(DIGEST_PATTERN), sha256.lower()) else ""
        yield Flaw(("sha256",), "expected 64 hexadecimal digits in lower case", hint or "see sha256sum(1)")


def _path_flaws(key: str, path: str) -> Iterator[Flaw]:
    normal = posixpath.normpath(path).replace("//", "/")
    if not _is_text(path):
        yield Flaw((key,), "no path has such characters")
    elif normal != path:
        yield Flaw(
            (key,), "expected a path without `.`, `..`, doubled slashes, or a slash at its end", f"write `{normal}`"
        )
    elif path == "/":
        yield Flaw((key,), "expected the path of a file")
    elif len(path.encode()) > _LONGEST_PATH or max(map(len, path.encode().split(b"/"))) > _LONGEST_NAME:
        yield Flaw((key,), f"expected at most {_LONGEST_NAME} bytes in a name, and {_LONGEST_PATH} in all")


def _id_flaws(key: str, value: str) -> Iterator[Flaw]:
    if not re.search(_to_the_end(OWNER_PATTERN), value):
        yield Flaw((key,), "expected the name of a user or a group, or its number in quotes")
    elif value.isdecimal() and int(value) > _MOST_ID:
        yield Flaw((key,), f"expected a number of at most {_MOST_ID}")


def _to_the_end(pattern: str) -> str:
    """In JSON Schema `$` means the end, to Python also the place before a last line break."""
    return rf"{pattern[:-1]}\Z"


def _content_flaws(content: str) -> Iterator[Flaw]:
    if not _is_text(content):
        yield Flaw(("content",), "expected text that UTF-8 can express", "use `source` for anything else")
    elif len(content.encode()) > MOST_CONTENT:
        yield Flaw(("content",), "expected at most 1 MiB", "use `source`")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _normal_id(value: str | UnsetType) -> str:
    if isinstance(value, UnsetType):
        return ""
    return str(int(value)) if value.isdecimal() else value
