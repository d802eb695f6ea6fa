"""Files that are made of the values of an identity.

A file that evenkeel did not make is replaced only where the document says so. It is kept before, and comes back when nobody
asks for the file any more. The content may be secret: it is compared by prints, and shown to nobody.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.drivers.provisioning.host import Host
from evenkeel.controller.drivers.provisioning.ports import Lack
from evenkeel.controller.drivers.provisioning.values import secrets_of
from evenkeel.controller.process.bounded import read_bounded
from evenkeel.controller.process.causes import system_words
from evenkeel.controller.process.prints import Printer
from evenkeel.controller.process.replacing import put_own, sweep
from evenkeel.specs.provisioning.observed import OutputSeen
from evenkeel.specs.provisioning.provisioning import Output, Provisioning
from evenkeel.specs.provisioning.template import PRIVATE_HINT, names_in, never_there, open_flaw
from evenkeel.specs.values import OF_SECOND, VALUES
from evenkeel.templates.render import fill

_MOST_TEMPLATE, _MOST_FILE = 256 * 1024, 16 * 1024**2


class _Form(NamedTuple):
    content: bytes
    mode: int
    uid: int
    gid: int


class Outputs:
    """The files of one host. `originals`: the folder for files that were there before."""

    def __init__(self, host: Host, originals: Path, printer: Printer) -> None:
        self._host, self._originals, self._printer = host, originals, printer

    def look(self, output: Output, wanted: Provisioning, values: Mapping[str, str] | None) -> OutputSeen:
        """The file that is there, and the one that is asked for by an identity; `values`: `None` while they are not there. A
        file that cannot be read is an obstacle of this output alone."""
        path = self._host.path(output.path)
        kept, asked, secrets = self._kept(output.path).exists(), "", frozenset[str]()
        try:
            held = self._print(self._there(path))
            text = self._template(output)
            secrets = _secrets(text, values or {})
            if _is_ready(text, wanted, values or {}) and values is not None:
                asked = self._print(self._made(output, text, values))
            if why := open_flaw(output, secrets):
                return OutputSeen(output.path, asked, held, f"{why}; {PRIVATE_HINT}", kept, has_secret=True)
        except Lack as lack:
            return OutputSeen(output.path, why=str(lack), is_kept=kept, has_secret=bool(secrets))
        except OSError as error:
            return OutputSeen(output.path, why=self._unread(error, output.path), is_kept=kept)
        return OutputSeen(output.path, asked, held, is_kept=kept, has_secret=bool(secrets))

    def look_at(self, path: str) -> OutputSeen:
        """A file of no document."""
        try:
            return OutputSeen(
                path, held=self._print(self._there(self._host.path(path))), is_kept=self._kept(path).exists()
            )
        except Lack as lack:
            return OutputSeen(path, why=str(lack))
        except OSError as error:
            return OutputSeen(path, why=self._unread(error, path))

    def write(self, output: Output, values: Mapping[str, str], content: str, *, keeps: bool) -> bool:
        """Replace the file; False when its print is not `content` any more. Raises OSError and Lack."""
        made, path = self._made(output, self._template(output), values), self._host.path(output.path)
        if self._print(made) != content:
            return False
        there = self._there(path)
        if keeps and there is not None and not self._kept(output.path).exists():
            self._keep(output.path, there)
        put_own(path, made.content, made.mode, (made.uid, made.gid))
        return True

    def withdraw(self, path: str) -> str:
        """Remove the file, or put the one back that was there before; the result in words. Raises OSError and Lack."""
        at, kept = self._host.path(path), self._kept(path)
        if kept.exists():
            found = kept.stat()
            owner = found.st_uid, found.st_gid
            put_own(at, read_bounded(kept, _MOST_FILE), stat.S_IMODE(found.st_mode), owner)
            kept.unlink()
            return f"{path} is what it was before"
        if self._there(at) is not None:
            sweep(at)
            at.unlink()
        return f"{path} is removed"

    def _unread(self, error: OSError, path: str) -> str:
        return f"{self._host.name_of(error) or path} cannot be read: {system_words(error)}"

    def _template(self, output: Output) -> str:
        if output.template is not None:
            return output.template
        try:
            return self._host.read(output.template_file, _MOST_TEMPLATE).decode()
        except FileNotFoundError:
            raise Lack(f"there is no file {output.template_file}, which is to have a template") from None
        except OSError as error:
            why = f"{output.template_file}, which is to have a template, cannot be read: {system_words(error)}"
            raise Lack(why) from None
        except UnicodeDecodeError:
            raise Lack(f"{output.template_file} is no text in UTF-8") from None

    def _made(self, output: Output, text: str, values: Mapping[str, str]) -> _Form:
        uid, gid = self._host.owner(output.owner), self._host.group(output.group)
        if uid is None or gid is None:
            key, what, name = ("owner", "user", output.owner) if uid is None else ("group", "group", output.group)
            raise Lack(f"there is no {what} `{name}`; create it, or take another `{key}`")
        return _Form(_filled(text, values).encode(), output.mode, uid, gid)

    def _there(self, path: Path) -> _Form | None:
        try:
            found = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(found.st_mode):
            raise Lack(f"{path} is no file, and is neither followed nor replaced")
        return _Form(read_bounded(path, _MOST_FILE), stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid)

    def _print(self, form: _Form | None) -> str:
        return self._printer.of("output", form.content, f"{form.mode:o} {form.uid} {form.gid}") if form else ""

    def _keep(self, path: str, form: _Form) -> None:
        self._originals.mkdir(0o700, parents=True, exist_ok=True)
        put_own(self._kept(path), form.content, form.mode, (form.uid, form.gid))

    def _kept(self, path: str) -> Path:
        return self._originals / sha256(path.encode()).hexdigest()[:32]


def _filled(text: str, values: Mapping[str, str]) -> str:
    """Raises Lack."""
    try:
        return fill(text, values, VALUES)
    except ValueError as error:
        raise Lack(str(error)) from None


def _is_ready(text: str, wanted: Provisioning, values: Mapping[str, str]) -> bool:
    """Whether all values for a template are there that will be: a second pair comes later than the others. Raises Lack for a
    template that can never be filled."""
    try:
        why, hint = never_there(text, wanted)
        used = names_in(text)
    except ValueError as error:
        raise Lack(str(error)) from None
    if why:
        raise Lack(f"{why}; {hint}")
    return all(wanted.lacks(name) for name in (used & OF_SECOND) - values.keys())


def _secrets(text: str, values: Mapping[str, str]) -> frozenset[str]:
    """The names in a template that have a secret among the values. A flaw of the template is told by whoever fills it."""
    try:
        return names_in(text) & secrets_of(values)
    except ValueError:
        return frozenset()
