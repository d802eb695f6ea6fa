"""Device ids: what may be one, how they are made, and which spellings mean the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from evenkeel.specs.provisioning.pair import MOST_NAME
from evenkeel.specs.provisioning.provisioning import Spelling

_REGISTRATION = re.compile(r"[a-z0-9](?:[a-z0-9._:-]{0,126}[a-z0-9])?")
_DEVICE = re.compile(r"(?!-)(?=.*[A-Za-z0-9])[A-Za-z0-9.%_*?!(),:=@$'-]{1,128}")
_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
_MADE = re.compile(r"[0-9a-f]{12}|[0-9a-f]{32}")
_NONE = ("", "uninitialized")
"""Contents of /etc/machine-id in an image that was not booted yet (machine-id(5)): the same on many devices."""


def registration_flaw(text: str) -> str:
    """The reason why a text can be no id of a device and no registration id; "" when it can (provisioning.md §4.3)."""
    if _REGISTRATION.fullmatch(text):
        return ""
    return "expected at most 128 lower-case letters, digits and `-._:`, with a letter or digit at both ends"


def device_flaw(text: str) -> str:
    """The reason why a text can be no id of a device at a hub; "" when it can. A hub takes more than a registration does:
    capital letters, which count there, and further signs. `#` and `+` are left out, which topics of MQTT have for others. So
    are texts that are no names to other programs: one that begins with a dash is an option, and `..` is a folder."""
    if _DEVICE.fullmatch(text):
        return ""
    return "expected at most 128 letters, digits and `-._:`, with a letter or digit, and no dash at the beginning"


def name_flaw(text: str) -> str:
    """The reason why an id cannot be the common name of a certificate, which has to be the same; "" when it can."""
    if len(text) <= MOST_NAME:
        return ""
    return f"it has {len(text)} characters, and the common name of a certificate has at most {MOST_NAME}"


def suggestion(text: str) -> str:
    """A text like it that can be a registration id; "" when nothing is left of it."""
    return device_suggestion(text.lower())


def device_suggestion(text: str) -> str:
    """A text like it that can be the id of a device at a hub, where capital letters are others; "" when nothing is left."""
    return re.sub("[^A-Za-z0-9._:-]+", "-", text.strip())[:128].strip("._:-")


def same_id(one: str, other: str) -> bool:
    """Whether two spellings mean the same device: the case of letters does not count, and in ids that are made of an address
    or of a machine id dashes and colons do not either (provisioning.md §2.5). Clouds compare exactly."""
    return _bare(one) == _bare(other)


def spelt_as(identity: str, known: Iterable[str]) -> str:
    """An id that was made of an address or of a machine id, in the spelling of the first of the `known` names that means the
    same; any other id as it is."""
    is_made = _MADE.fullmatch(_bare(identity)) is not None
    return next((each for each in known if is_made and same_id(each, identity)), identity)


def _bare(text: str) -> str:
    lower = text.strip().lower()
    bare = re.sub("[-:]", "", lower)
    return bare if _MADE.fullmatch(bare) else lower


def address_id(address: str, spelling: Spelling) -> str:
    """The id made of the address of a network interface, as `52:54:00:12:34:02`; "" for one that is none, or that no device
    has alone (provisioning.md §2 step 2, §2.5)."""
    lower = address.strip().lower()
    if not _MAC.fullmatch(lower) or lower in ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"):
        return ""
    return lower.replace(":", "-" if spelling == "dashed" else "")


def machine_id(content: bytes) -> str:
    """The id made of the file /etc/machine-id: the MD5 of its whole content, as 32 hex digits in any spelling; "" for a file
    that identifies no machine (provisioning.md §2.5)."""
    if content.decode(errors="replace").strip() in _NONE:
        return ""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
