"""The rights to read secrets, and to change what evenkeel does."""

from __future__ import annotations

import shlex
import stat
from pathlib import PurePath
from typing import Literal, NamedTuple

from evenkeel.specs.doctor.finding import Detail, State

Purpose = Literal["secret", "spec", "state"]
"""`secret`: nobody else may read it. `spec`: nobody else may change it, for a writer of specs has the rights of the engine.
`state`: nobody else may change it, or should look into it."""


class Access(NamedTuple):
    """The mode of a file or folder as in stat(2). `rights`: the bits of it that everybody has indeed; none where a folder above
    lets nobody else in. `may_replace`: the folder that it is in lets everybody replace it."""

    path: str
    mode: int
    rights: int
    may_replace: bool = False


def of_access(purpose: Purpose, access: Access) -> Detail:
    """Whether the mode fits the purpose."""
    name, mode = access.path, stat.S_IMODE(access.mode)
    if mode & 0o007 and not access.rights:
        return Detail(name, "ok", f"mode {mode:04o}, in a folder that lets nobody else in")
    if access.may_replace:
        folder = shlex.quote(str(PurePath(name).parent))
        return Detail(name, "failed", "everybody may replace it, because of the folder", f"`chmod o-w {folder}`")
    too_much = access.rights & _NOT_FOR_OTHERS[purpose]
    if not too_much & 0o006:
        return Detail(name, "ok", f"mode {mode:04o}")
    taken = "".join(letter for letter, bit in (("r", 0o004), ("w", 0o002), ("x", 0o001)) if too_much & bit)
    told = " and ".join(word for word, bit in ((_LOOKS[purpose], 0o004), ("write", 0o002)) if too_much & bit)
    # of the state directory the names of its files are no secret of weight; the files are for their owner alone
    level: State = "failed" if purpose != "state" or too_much & 0o002 else "warning"
    return Detail(name, level, f"everybody may {told} it (mode {mode:04o})", f"`chmod o-{taken} {shlex.quote(name)}`")


_NOT_FOR_OTHERS: dict[Purpose, int] = {"secret": 0o006, "spec": 0o002, "state": 0o007}
_LOOKS: dict[Purpose, str] = {"secret": "read", "spec": "read", "state": "look into"}
