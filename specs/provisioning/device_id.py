"""Device ids: what may be one, how they are made, and which spellings mean the same."""

from __future__ import annotations

import re

_REGISTRATION = re.compile(r"[a-z0-9](?:[a-z0-9._:-]{0,126}[a-z0-9])?")


def registration_flaw(text: str) -> str:
    """The reason why a text can be no id of a device and no registration id; "" when it can (provisioning.md §4.3)."""
    if _REGISTRATION.fullmatch(text):
        return ""
    return "expected at most 128 lower-case letters, digits and `-._:`, with a letter or digit at both ends"


def same_id(one: str, other: str) -> bool:
    """Whether two spellings mean the same device: dashes, colons and the case of letters do not count."""
    return _bare(one) == _bare(other)


def _bare(text: str) -> str:
    return re.sub("[-:]", "", text).lower()
