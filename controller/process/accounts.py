"""Users and groups of this host, and those of this process."""

from __future__ import annotations

import os


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
