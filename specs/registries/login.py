"""A user and a password as a login can send them, and as files of Docker and Podman write them (registries.md §3.1, §3.3)."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import NamedTuple

from evenkeel.specs.problem import Flaw, Path
from evenkeel.specs.reading.tree import Value
from evenkeel.specs.reading.walk import type_words

NO_PROGRAM = "expected the end of the name of a program"
_PROGRAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_COLON = "a user with a colon cannot be sent: a registry takes what stands behind the first colon for the password"
"""RFC 7617, section 2."""
_KEYS = ("auth", "username", "password", "identitytoken", "registrytoken")
LEFT_OUT = "it is left out"
"""The hint of a warning about a part that does not count."""


class Login(NamedTuple):
    """A user with a password, an identity token, or both. The text form shows nothing."""

    username: str = ""
    password: str = ""
    identity_token: str = ""

    def __repr__(self) -> str:
        return "Login(…)"


def read_login(entry: Mapping[str, Value], path: Path, flaws: list[Flaw]) -> Login | None:
    """The login that an entry of `auths` has, as Docker (CLI 28.2) and Podman (4.3) take it; `None` when a part of it is
    faulty. `path`: the path of the entry in its file. `flaws` receives the faults, and as warnings the parts that do not count;
    no flaw repeats a value.

    `auth` counts before `username` and `password`. With an identity token a password counts only beside a user, for registries
    that give no tokens: Azure writes a user without a password there.
    """
    texts = {key: each for key in _KEYS if isinstance(each := entry.get(key), str)}
    coded, user, password, token, foreign = (texts.get(key, "") for key in _KEYS)
    faults = [
        Flaw((*path, key), f"expected a text, got {type_words(each)}")
        for key in _KEYS
        if key not in texts and (each := entry.get(key)) is not None
    ]
    if coded:
        written = {"username": user, "password": password}
        try:
            user, password = login_of(coded)
        except ValueError as error:
            faults.append(Flaw((*path, "auth"), str(error)))
        for (key, text), counts in zip(written.items(), (user, password), strict=True):
            if text not in ("", counts):
                flaws.append(Flaw((*path, key), "`auth` counts, and not this", LEFT_OUT, warning=True))
    elif fault := user_fault(user):
        faults.append(Flaw((*path, "username"), fault, "correct it there"))
    if faults:
        flaws.extend(faults)
        return None
    if foreign:
        message = "evenkeel asks with a password or an identity token, and not with a bearer token"
        flaws.append(Flaw((*path, "registrytoken"), message, LEFT_OUT, warning=True))
    if (coded or password) and not user:
        flaws.append(Flaw((*path, "auth" if coded else "password"), "it has no user", LEFT_OUT, warning=True))
    return Login(user, password, token) if not token or (user and password) else Login(identity_token=token)


def user_fault(user: str) -> str:
    """Why no login can send this user, as a sentence that does not repeat it; "" when one can."""
    if ":" in user:
        return _COLON
    return "expected a user without control characters" if _has_controls(user) else ""


def is_password(text: str) -> bool:
    """Whether a login can express a password: one line, without control characters."""
    return bool(text) and not _has_controls(text)


def is_program(name: str) -> bool:
    """Whether a text names a helper: the program `docker-credential-…`, by the end of its name."""
    return bool(_PROGRAM.fullmatch(name))


def login_of(coded: str) -> tuple[str, str]:
    """The user and the password of an `auth`, each "" where it has none (registries.md §3.1). Raises ValueError, which repeats
    nothing of it.

    Docker and Podman decode it strictly, but for line breaks, and take zero bytes off the end.
    """
    try:
        text = base64.b64decode(coded.replace("\r", "").replace("\n", ""), validate=True).decode()
    except ValueError:
        raise ValueError("expected a user and a password as UTF-8 text in base64") from None
    user, _, password = text.partition(":")
    return user, password.rstrip("\0")


def _has_controls(text: str) -> bool:
    return any(letter < " " or letter == "\x7f" for letter in text)
