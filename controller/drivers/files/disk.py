"""The real file system.

A folder is opened part by part from the root, and no part may be a symbolic link. Operations in it are relative to the
open folder, so that a rename meanwhile cannot lead them elsewhere.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from evenkeel.controller.drivers.files.engine import FilesEngine
from evenkeel.controller.drivers.files.host import reserved_paths
from evenkeel.controller.drivers.files.system import FOLDER_MODE, Node, Way
from evenkeel.controller.process.accounts import group_id, own_groups, own_user, user_id
from evenkeel.controller.units import Units
from evenkeel.specs.files.file import Form, digest_of
from evenkeel.specs.files.observed import FileKind

_PIECE = 1 << 20


def disk_files(state: str, specs: Sequence[str], units: Units) -> FilesEngine:
    """The driver of the files of this host. `state`: the state directory, which has the store of contents. No file is placed
    there, nor at or below `specs`. `units`: those of this host."""
    return FilesEngine(Disk(), f"{os.path.realpath(state)}/files", reserved_paths(state, specs), units)


class Disk:
    """A `FileSystem`."""

    name = "the file system"
    blocks = True

    @property
    def uid(self) -> int:
        return own_user()

    @property
    def groups(self) -> tuple[int, ...]:
        return own_groups()

    def user(self, name: str) -> int | None:
        return user_id(name)

    def group(self, name: str) -> int | None:
        return group_id(name)

    def way(self, folder: str) -> Way:
        try:
            with _opened(folder):
                return Way()
        except _Broken as broken:
            return broken.way

    def node(self, path: str) -> Node:
        with _folder_of(path) as (folder, name):
            try:
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                return Node("absent")
            target = os.readlink(name, dir_fd=folder) if stat.S_ISLNK(found.st_mode) else ""
            return _node(found, target)

    def source(self, path: str) -> Node:
        return _node(Path(path).stat())

    def entries(self, folder: str) -> list[str]:
        with _opened(folder) as opened, _readable(opened) as readable:
            return os.listdir(readable)  # noqa: PTH208 - of an open folder

    def read(self, path: str, most: int) -> bytes:
        with _folder_of(path) as (folder, name):
            return _content(
                os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder), most
            )

    def read_source(self, path: str, most: int, meant: str = "") -> bytes:
        return _content(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), most)

    def digest(self, content: bytes) -> str:
        return digest_of(content)

    def make_folders(self, folder: str, mode: int = FOLDER_MODE) -> None:
        while missing := self.way(folder).missing:
            with _folder_of(missing) as (parent, name):
                try:
                    os.mkdir(name, 0o700, dir_fd=parent)
                except FileExistsError:
                    continue
                made = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=parent)
                try:
                    os.fchmod(made, mode)
                finally:
                    os.close(made)
                _sync(parent)

    def write(self, path: str, content: bytes, form: Form) -> None:
        with _folder_of(path) as (folder, name):
            if form.link:
                os.symlink(form.link, name, dir_fd=folder)
                _sync(folder)
                return
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.open(name, flags, 0o600, dir_fd=folder)
            try:
                rest = memoryview(content)
                while rest:
                    rest = rest[os.write(file, rest[:_PIECE]) :]
                _give(file, form)
                os.fsync(file)
            finally:
                os.close(file)
            _sync(folder)

    def rename(self, path: str, name: str) -> None:
        with _folder_of(path) as (folder, old):
            os.rename(old, name, src_dir_fd=folder, dst_dir_fd=folder)
            _sync(folder)

    def remove(self, path: str) -> None:
        if self.way(str(PurePosixPath(path).parent)).missing:
            return
        with _folder_of(path) as (folder, name):
            try:
                os.unlink(name, dir_fd=folder)
            except FileNotFoundError:
                return
            _sync(folder)

    def adjust(self, path: str, form: Form) -> None:
        with _folder_of(path) as (folder, name):
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
            try:
                os.fchmod(file, os.fstat(file).st_mode & form.mode & 0o7777)  # not readable for others in between
                _give(file, form)
                os.fsync(file)
            finally:
                os.close(file)

    def save(self) -> None:
        pass


class _Broken(OSError):
    """A path that cannot be reached."""

    def __init__(self, way: Way, code: int) -> None:
        super().__init__(code, os.strerror(code), way.missing)
        self.way = way


@contextmanager
def _opened(folder: str) -> Iterator[int]:
    """An open folder, reached without a symbolic link. Raises _Broken."""
    flags = os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
    here, path = os.open("/", flags), "/"
    try:
        for part in PurePosixPath(folder).parts[1:]:
            path = f"{path.rstrip('/')}/{part}"
            try:
                below = os.open(part, flags, dir_fd=here)
            except FileNotFoundError as error:
                raise _Broken(Way(missing=path), errno.ENOENT) from error
            except NotADirectoryError as error:
                raise _Broken(Way(obstacle=_obstacle(here, part, path)), errno.ENOTDIR) from error
            os.close(here)
            here = below
        yield here
    finally:
        os.close(here)


def _obstacle(folder: int, name: str, path: str) -> str:
    try:
        return f"{path} is a symbolic link to {os.readlink(name, dir_fd=folder)}; write the path without it"
    except OSError:
        return f"{path} is no folder"


@contextmanager
def _folder_of(path: str) -> Iterator[tuple[int, str]]:
    """The open folder of a path, and its name there."""
    whole = PurePosixPath(path)
    with _opened(str(whole.parent)) as folder:
        yield folder, whole.name


@contextmanager
def _readable(folder: int) -> Iterator[int]:
    """The same folder, open for reading and syncing."""
    readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        yield readable
    finally:
        os.close(readable)


def _sync(folder: int) -> None:
    with _readable(folder) as readable:
        os.fsync(readable)


def _give(file: int, form: Form) -> None:
    """Owner first: giving a file away takes bits of its mode."""
    known = os.fstat(file)
    if (known.st_uid, known.st_gid) != (form.uid, form.gid):
        os.fchown(file, form.uid, form.gid)
    os.fchmod(file, form.mode)


def _content(file: int, most: int) -> bytes:
    """The content of an open regular file, which is closed."""
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "it is no file")
        content = bytearray()
        while piece := os.read(file, min(_PIECE, most + 1 - len(content))):
            content += piece
            if len(content) > most:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return bytes(content)
    finally:
        os.close(file)


def _node(found: os.stat_result, target: str = "") -> Node:
    stamp = found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
    mode = stat.S_IMODE(found.st_mode)
    return Node(_kind(found.st_mode), found.st_uid, found.st_gid, mode, found.st_size, target, stamp)


def _kind(mode: int) -> FileKind:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISLNK(mode):
        return "link"
    return "folder" if stat.S_ISDIR(mode) else "special"
