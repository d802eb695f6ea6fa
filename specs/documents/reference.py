"""The relations between documents that a kind declares: references, and claims that only one document may make."""

from __future__ import annotations

from typing import NamedTuple


class Reference(NamedTuple):
    """Names of subjects of a `domain` that stand at `path` below `spec`. `is_need`: the document cannot be had without them;
    system containers count as present. Otherwise, when nobody asks for them, only the reference is without effect. `ends`:
    those of `names` whose end is waited for, so that they have to be containers that run once. `value`: not "", a value of this
    name is asked of them (`specs.desired.Supplying`), at `at`."""

    path: str
    names: tuple[str, ...]
    is_need: bool = True
    ends: tuple[str, ...] = ()
    domain: str = "containers"
    value: str = ""
    at: str = ""


class Claim(NamedTuple):
    """A value at `path` below `spec` that no other document of the same kind may have. `is_whole`: the value is an absolute
    path without doubled slashes, and no other document may have one inside of it. Without a `path` the document itself is what
    `value` names, of which a device has one."""

    path: str
    value: str
    is_whole: bool = False
