"""Which words are shown to nobody: a guess by name, on the safe side."""

from __future__ import annotations

_NAMES = ("PASS", "PWD", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "CONNECTION_STRING", "AUTH")


def looks_secret(text: str) -> bool:
    """Whether a name, or a text with names in it, is about something secret."""
    return any(name in text.upper() for name in _NAMES)
