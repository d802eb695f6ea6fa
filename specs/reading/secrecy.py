"""Values that are shown to nobody: of variables, words of commands, and the parts of addresses beside host and path.

A message about one of them names its place, its name and its type, never the value: it goes into logs, journals, events
and to update managers, and none of these is a place for secrets. The rule knows places, not contents. Guessing by name
(`looks_secret`) only ever hides more: labels, and values that an operator asked to see.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

HIDDEN = "(hidden)"
"""Stands for a value that is there and is not shown."""

_NAMES = ("PASS", "PWD", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "CONNECTION_STRING", "AUTH")
_VARIABLES = ("env", "environment")
"""Keys below which the keys are names of variables, and the values theirs."""
_WORDS = ("command", "args", "cmd", "exec", "entrypoint")
"""Keys below which every text is a word of a command."""
_ENTRIES = "config"
"""Kanto's list of keys and values, variables and commands among them."""
_ACCESS = "credentials"
"""The key below which a registry has the places of its user and its password."""
_OWN_KEYS = ("key", "value", "secret", "valueFrom", "provisioning")
_PLAIN_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,40}", re.ASCII)
_PLAIN_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,200}", re.ASCII)
_ADDRESS = re.compile(r"//(\S+)")
"""An address, also without its scheme, at which a text may be split. It goes on to the next blank, because people write
any character into passwords."""
_AT = re.compile(r"@(?!sha256:[0-9a-f]{64})")
"""The last `@`, which ends users and passwords, unless it begins the digest of an image."""
_QUERY = re.compile(r"\?\S+")


def looks_secret(text: str) -> bool:
    """Whether a name, or a text with names in it, is about something secret: a guess, on the safe side."""
    return any(name in text.upper() for name in _NAMES)


def is_private(path: Sequence[str | int]) -> bool:
    """Whether a value at this path of a document may be secret. Of a variable that is the value, not the name."""
    for index, part in enumerate(path):
        behind = path[index + 1 :]
        if part in _WORDS or part in _VARIABLES:
            return True
        if part == _ENTRIES and behind and isinstance(behind[0], int):
            return True
        if part == _ACCESS and behind:
            return True  # somebody may have put the password where its file belongs
    return False


def key_words(kind: str, key: str, path: Sequence[str | int] = ()) -> str:
    """`unknown key` and the key, if the key is a word and not a misplaced value. `path`: where the key stands."""
    is_name = bool(path) and path[-1] in _VARIABLES
    return f"{kind} `{key}`" if _PLAIN_KEY.fullmatch(key) and (is_name or not is_private(path)) else kind


def shown_name(name: str) -> str:
    """The name of a variable, `HIDDEN` for a text that is none and may be a value."""
    return name if _PLAIN_PART.fullmatch(name) and "/" not in name else HIDDEN


def shown_path(path: Sequence[str | int]) -> tuple[str | int, ...]:
    """A path for people: keys that may be values are left out of it."""
    return tuple(
        part if isinstance(part, int) or _is_shown(part, path[:index]) else HIDDEN for index, part in enumerate(path)
    )


def _is_shown(part: str, above: Sequence[str | int]) -> bool:
    if not _PLAIN_PART.fullmatch(part):
        return False
    return not is_private(above) or part in _OWN_KEYS or above[-1] in _VARIABLES


def without_password(text: str) -> str:
    """A value that an operator asked to see, without the passwords of addresses in it."""
    return _ADDRESS.sub(lambda found: f"//{_without_password(found[1])}", text)


def _without_password(address: str) -> str:
    secret, rest = _split(address)
    user, colon, _ = secret.partition(":")
    if not colon:
        return address
    return f"{HIDDEN}{rest}" if set(user) & set("/@") else f"{user}:{HIDDEN}{rest}"


def shown_address(text: str) -> str:
    """A text with addresses in it, without user, password and query."""
    return _QUERY.sub(f"?{HIDDEN}", _without_users(text))


def _without_users(text: str) -> str:
    return _ADDRESS.sub(lambda found: f"//{_without_user(found[1])}", text)


def _without_user(address: str) -> str:
    """With a `?` before the last `@`, either the password or the query has both: nothing of it is shown."""
    secret, rest = _split(address)
    if not secret:
        return rest
    return HIDDEN if "?" in secret else f"{HIDDEN}{rest}"


def _split(address: str) -> tuple[str, str]:
    """The two parts of a text behind `//`: before the last `@`, and from there on. Without an `@` the first is
    empty."""
    at = max((found.start() for found in _AT.finditer(address)), default=0)
    return address[:at], address[at:]


def shown_host(text: str) -> str:
    """A host or an address without what stands before its last `@`."""
    secret, rest = _split(text)
    return f"{HIDDEN}{rest}" if secret else text


def shown_value(text: str) -> str:
    """A value that somebody asked to see, without a user before a host. A user with an `@` of its own is none."""
    secret, rest = _split(text)
    return shown_address(text) if "//" in text else f"{HIDDEN}{rest}" if ":" in secret else text


def shown_target(path: str) -> str:
    """The path of a request, without its query, which begins at the first `?`."""
    start, mark, _ = _without_users(path).partition("?")
    return start + (f"?{HIDDEN}" if mark else "")
