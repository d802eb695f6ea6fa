"""The rights to read secrets, and to change what evenkeel does."""

from __future__ import annotations

import stat
from typing import Literal, NamedTuple

from evenkeel.specs.doctor.finding import Detail

Purpose = Literal["secret", "spec", "state"]
"""`secret`: nobody else may read it. `spec`: nobody else may change it, for a writer of specs has the rights of the engine.
`state`: nobody else may change it, or should look into it."""


class Access(NamedTuple):
    """The mode of a file or folder as in stat(2). `may_replace`: the folder that it is in lets everybody replace it."""

    path: str
    mode: int
    may_replace: bool = False


def of_access(purpose: Purpose, access: Access) -> Detail:
    """Whether the mode fits the purpose."""
    name, others = access.path, stat.S_IMODE(access.mode) & 0o007
    text = f"mode {stat.S_IMODE(access.mode):04o}"
    if access.may_replace:
        return Detail(name, "failed", "everybody may replace it, because of the folder", "take `o-w` from its folder")
    if others & 0o002:
        return Detail(name, "failed", f"everybody may write it ({text})", f"`chmod o-w {name}`")
    if purpose == "state" and others & 0o004:
        # its files are for their owner alone; their names, and those of what is asked for, are not
        return Detail(name, "warning", f"everybody may look into it ({text})", f"`chmod o-rx {name}`")
    if purpose == "secret" and others & 0o004:
        return Detail(name, "failed", f"everybody may read it ({text})", f"`chmod o-r {name}`")
    return Detail(name, "ok", text)
