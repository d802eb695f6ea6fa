"""Paths → bytes → a reading: every file's content first, then its meaning.

The two halves are apart so that the second one, which may need YAML, runs only when the first brought something new.
`gather` never raises for faults on the disk: a file that cannot be read is a problem with its name.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shlex
import stat
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.sources.files import cache as parsed
from evenkeel.reconcilers.counted import listed
from evenkeel.specs.desired import Decoded, DesiredState
from evenkeel.specs.documents.join import desired_from
from evenkeel.specs.problem import MOST_IN_ALL, Place, Problem, Problems, errors
from evenkeel.specs.reading.text import MOST_BYTES

_SUFFIXES = (".yaml", ".yml", ".json")
SOUGHT = "*.yaml, *.yml and *.json are read, and not its sub-folders"
"""The files of a folder that are read, in words."""
_TRIES = 3
"""Tries for a file that is in the list and gone when it is opened, because it is just being replaced."""


class Reading(NamedTuple):
    """The result of reading all files together. `missing` holds those of the `paths` that do not exist, `nothing` the
    places of documents that ask for nothing."""

    desired: DesiredState
    problems: tuple[Problem, ...]
    missing: tuple[str, ...]
    content_digest: str
    """A digest of the bytes, the names of the files, and the read errors. Equal digests: nothing changed at all."""
    paths: tuple[str, ...] = ()
    nothing: tuple[Place, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Nothing is asked for, and no error hides that something is."""
        return not self.desired.subjects() and not errors(self.problems)


class Contents(NamedTuple):
    """The bytes of all readable files, by name, and the faults of the others. `kanto`: the names of those that are Kanto's."""

    files: tuple[tuple[str, bytes], ...]
    problems: tuple[Problem, ...]
    missing: tuple[str, ...]
    digest: str
    paths: tuple[str, ...]
    kanto: frozenset[str] = frozenset()


def read_specs(
    paths: Sequence[str | Path],
    cache: Path | None = None,
    *,
    cache_readonly: bool = False,
    kanto: Sequence[str | Path] = (),
    instead: Mapping[str, bytes] = {},
) -> Reading:
    """Read files, and the `*.yaml`, `*.yml` and `*.json` of folders (not of their sub-folders), in order of name.

    `cache` is a folder for parsed files (see `cache`); with `cache_readonly` nothing is written, whatever happens. `kanto`:
    files `config.json` of Kanto, of which the registries are read. `instead`: by name the bytes that a file is taken to have,
    b"" for one that is taken to be gone.
    """
    contents = gather(paths, kanto)
    if instead:
        files = {name: content for name, content in {**dict(contents.files), **instead}.items() if content}
        contents = contents._replace(files=tuple(sorted(files.items())))
    return understand(contents, cache, cache_readonly=cache_readonly)


def is_spec(name: str) -> bool:
    """Whether a file of a folder counts. Hidden files, Kubernetes' `..data`, backups and editors' own files do not."""
    return name.lower().endswith(_SUFFIXES) and not name.startswith((".", "#"))


def name_among(paths: Sequence[str | Path], file: Path) -> Path | None:
    """The name by which a file is read, which need not be there yet; `None` when it is not read. A name that leads to one of
    the `paths`, or into a folder among them, counts. A path that is not there yet is taken for a folder if it has no suffix."""
    for path in map(Path, paths):
        if _real(path) == _real(file):
            return path
        if _is_folder(path) or not (path.suffix or path.exists()):
            for each in (file, Path(_real(file))):
                if _real(path) == _real(each.parent) and is_spec(each.name):
                    return path / each.name
    return None


def passed_over(paths: Sequence[str | Path]) -> tuple[str, ...]:
    """The entries in the folders among `paths` that are not read, in order of name; folders end with a slash."""
    found: list[str] = []
    for path in paths:
        with suppress(OSError, ValueError):
            folders = {entry.name for entry in Path(path).iterdir() if _is_folder(entry)}
            others = {entry.name for entry in Path(path).iterdir() if not is_spec(entry.name)} - folders
            found += sorted(others | {f"{name}/" for name in folders})
    return tuple(_shown(Path(name)) + "/" * name.endswith("/") for name in found)


def no_document(paths: Sequence[str | Path]) -> str:
    """The text about files and folders without a document: which files are read there, and which are not."""
    skipped = passed_over(paths)
    return f"no document is there; of a folder {SOUGHT}" + (f"; skipped: {listed(skipped, 5)}" if skipped else "")


def gather(paths: Sequence[str | Path], kanto: Sequence[str | Path] = ()) -> Contents:
    """Read the bytes of everything, at most 8 MiB and one byte of each file."""
    for _ in range(_TRIES - 1):
        contents, vanished = _gather(paths, kanto)
        if not vanished:
            return contents
    return _gather(paths, kanto)[0]


def is_parsed(paths: Sequence[str | Path], cache: Path, kanto: Sequence[str | Path] = ()) -> bool:
    """Whether `cache` has an entry for every file."""
    contents = gather(paths, kanto)
    return all((cache / _key(name, content, contents)).exists() for name, content in contents.files)


def _key(name: str, content: bytes, contents: Contents) -> str:
    return parsed.key_of(f"kanto {name}" if name in contents.kanto else name, content)


def understand(contents: Contents, cache: Path | None = None, *, cache_readonly: bool = False) -> Reading:
    """The meaning of the bytes; parses only the files that `cache` does not know."""
    found: list[Decoded] = []
    keys: list[str] = []
    stored = False
    for name, content in contents.files:
        key = _key(name, content, contents) if cache else ""
        decoded = parsed.load(cache, key) if cache else None
        if decoded is None:
            decoded = _decoded(name, content, contents)
            if cache and not cache_readonly:
                stored |= parsed.store(cache, key, decoded)
        found.append(decoded)
        keys.append(key)
    if cache and stored:
        parsed.prune(cache, keys)
    desired, problems = desired_from(found, complete=not errors(contents.problems))
    every = Problems(MOST_IN_ALL)
    every.extend((*contents.problems, *problems))
    nothing = tuple(place for decoded in found for place in decoded.nothing)
    return Reading(desired, every.all(), contents.missing, contents.digest, contents.paths, nothing)


def _decoded(name: str, content: bytes, contents: Contents) -> Decoded:
    # Cached files need no YAML.
    if name in contents.kanto:
        from evenkeel.specs.kanto.registries import decode_kanto

        return decode_kanto(content, name)
    from evenkeel.specs.documents.decode import decode_file

    return decode_file(content, name)


def _gather(paths: Sequence[str | Path], kanto: Sequence[str | Path]) -> tuple[Contents, bool]:
    """Read once; True when a file was listed and then gone."""
    files: dict[Path, bytes] = {}
    problems: list[Problem] = []
    missing: list[str] = []
    vanished = False
    within = {_real(path) for path in paths}
    for path in dict.fromkeys(Path(path) for path in paths):
        try:
            found = _files_of(path)
        except (FileNotFoundError, NotADirectoryError):
            missing.append(_shown(path))
            continue
        except (OSError, ValueError) as error:
            problems.append(_unreadable(path, error))
            continue
        problems.extend(_unread(path, within))
        for place in dict.fromkeys((path, *found)):
            problems.extend(_open_to_all(place))
        for file in found:
            if file in files:
                continue
            try:
                files[file] = _content(file)
            except OSError as error:
                vanished |= error.errno == errno.ENOENT
                problems.append(_unreadable(file, error))
                continue
            if not files[file]:
                hint = "write what is asked for, or remove the file"
                problems.append(Problem(Place(_shown(file), 1, 1), "", "the file is empty", hint))
    for file in dict.fromkeys(Path(path) for path in kanto):
        try:
            files[file] = _content(file)
        except OSError as error:
            vanished |= error.errno == errno.ENOENT and file.is_symlink()
            problems.append(_unreadable(file, error))
            continue
        problems.extend(_open_to_all(file))
    if missing and (files or errors(problems)):
        # One of several places is gone: perhaps it is not mounted yet. Its documents must not be taken for unwanted.
        problems.extend(Problem(Place(path), "", "does not exist") for path in missing)
    shown = tuple((_shown(file), content) for file, content in files.items())
    given = tuple(_shown(Path(path)) for path in paths)
    digest = _digest(shown, problems, missing)
    of_kanto = frozenset(_shown(Path(path)) for path in kanto)
    return Contents(shown, tuple(problems), tuple(missing), digest, given, of_kanto), vanished


def _files_of(path: Path) -> list[Path]:
    """The path itself, or the files of the folder that it names, without files that are no specs."""
    if not stat.S_ISDIR(path.stat().st_mode):
        return [path]
    return sorted(entry for entry in path.iterdir() if is_spec(entry.name) and not _is_folder(entry))


def _unread(path: Path, read: Collection[str]) -> list[Problem]:
    """A warning for each sub-folder that holds specs, if it is none of the places that are `read`. One look into each;
    hidden ones belong to tools such as Kubernetes and git."""
    found: list[Problem] = []
    with suppress(OSError), os.scandir(path) as entries:
        for name in sorted(entry.name for entry in entries if not entry.name.startswith(".") and _is_dir(entry)):
            folder = path / name
            if _real(folder) not in read and _holds_specs(folder):
                shown = _shown(folder)
                hint = f"name `{shown}` itself, too, or move its files up"
                found.append(Problem(Place(shown), "", "the specs in this sub-folder are not read", hint, "warning"))
    return found


def _open_to_all(path: Path) -> list[Problem]:
    """A warning where everybody may write: the writer of specs decides what runs, and with which rights."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return []
    if not mode & stat.S_IWOTH or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return []
    what = "this folder" if stat.S_ISDIR(mode) else "this file"
    message = f"everybody may write to {what}, and so start anything as root"
    return [Problem(Place(_shown(path)), "", message, f"chmod o-w {shlex.quote(_shown(path))}", "warning")]


def _real(path: str | Path) -> str:
    try:
        return os.path.realpath(path)
    except ValueError:  # a NUL in the name
        return ""


def _holds_specs(folder: Path) -> bool:
    with suppress(OSError), os.scandir(folder) as entries:
        return any(is_spec(entry.name) for entry in entries)
    return False


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False  # opening it says why


def _content(path: Path) -> bytes:
    """The bytes of a regular file. Never waits for one, as a pipe would let it."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "no regular file")
        return file.read(MOST_BYTES + 1)


def _unreadable(path: Path, error: OSError | ValueError) -> Problem:
    why = error.strerror if isinstance(error, OSError) else str(error)
    if isinstance(error, FileNotFoundError):
        why = "the link leads nowhere" if path.is_symlink() else "it is gone"
    return Problem(Place(_shown(path)), "", f"cannot be read: {why}")


def _shown(path: Path) -> str:
    """A name that is text, whatever bytes it is made of."""
    return os.fsencode(path).decode(errors="replace")


def _digest(files: Sequence[tuple[str, bytes]], problems: Sequence[Problem], missing: Sequence[str]) -> str:
    found = hashlib.sha256()
    for name, content in files:
        found.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    for problem in problems:
        found.update(f"{problem.place.file}\0{problem.message}\0".encode())
    for path in missing:
        found.update(path.encode() + b"\0missing\0")
    return found.hexdigest()
