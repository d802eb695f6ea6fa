"""A user and a password as a login can send them, and as files of Docker and Podman write them."""

from __future__ import annotations

import base64
import re

NO_PROGRAM = "expected the end of the name of a program"
_PROGRAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_COLON = "a user with a colon cannot be sent: a registry takes what stands behind the first colon for the password"
"""RFC 7617, section 2."""


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
