"""The limits that this host sets to files: its accounts, the rights of this process, and the paths of evenkeel itself.

They hold for the simulated file system, too, so that a rehearsal refuses what the real one refuses.
"""

from __future__ import annotations

import os
from collections.abc import Sequence


def own_user() -> int:
    """The user id of evenkeel."""
    return os.geteuid()


def own_groups() -> tuple[int, ...]:
    """The ids of its groups, the main one first."""
    return (os.getegid(), *os.getgroups())


def user_id(name: str) -> int | None:
    """The number of a user, `None` when there is none of that name."""
    import pwd

    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def group_id(name: str) -> int | None:
    """The number of a group, `None` when there is none of that name."""
    import grp

    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def reserved_paths(state: str, specs: Sequence[str]) -> dict[str, str]:
    """The paths at or below which no file is placed, as written and without symbolic links, and why. `state`: the state
    directory; `specs`: files of specs, or folders of them."""
    reserved = {path: f"{each} holds specs" for each in specs for path in (os.path.realpath(each), each)}
    return reserved | dict.fromkeys((os.path.realpath(state), state), f"{state} is the state directory of evenkeel")
