"""RAUC's answers as nouns, and the meaning of its errors. Pure.

Sources: de.pengutronix.rauc.Installer of RAUC 1.8 (measured) to 1.16 (self-update-agent.md §12). Errors have one name for all
causes; only their texts differ. Only texts that are known to be final are final, as with engines of containers: everything
else may pass, and counts against the tries of a revision.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from evenkeel.controller.drivers.slots.ports import Manifest
from evenkeel.specs.errors import DriverError, Refused, Unavailable
from evenkeel.specs.slots.observed import BootStatus, Content, SlotSeen, SlotState

ELEMENT = "updater:rauc"

_STATES: Mapping[str, SlotState] = {"booted": "booted", "active": "active"}
_BOOT_STATUSES: Mapping[str, BootStatus] = {"good": "good", "bad": "bad"}
_CONTENTS: Mapping[str, Content] = {"ok": "ok", "failed": "failed", "": "unknown"}
"""Another status is that of a slot that is being written: `update` with 1.8, `pending` later."""
_BUSY = re.compile(r"already processing", re.IGNORECASE)
_NO_PRIMARY = re.compile(
    r"no bootable slot|unable to (find primary|obtain primary)|did not find primary", re.IGNORECASE
)
_NOT_YET_VALID = re.compile(r"not yet valid", re.IGNORECASE)
_NO_SIGNATURE = re.compile(r"signature verification failed|verify error|signature is missing", re.IGNORECASE)
_NO_BUNDLE = re.compile(r"invalid bundle (format|identifier)|not a (rauc )?bundle|payload size", re.IGNORECASE)
_FINAL = re.compile(
    "|".join(
        (
            r"^compatible mismatch",
            r"^no target slot for class",
            r"bundle format '\w+' not (allowed|supported)",
            r"^bundle rejected",
            r"minimum bundle version|below minimum|version limit",
            r"requires? (a )?newer rauc|min-rauc-version|minimum rauc version",
            r"^failed to (load|parse) manifest",
        )
    ),
    re.IGNORECASE,
)
_LAYERS = ("installation error: ", "failed to check bundle: ", "rauc: ")
_UNSUPPORTED_KEY = re.compile(r"unsupported key: ([\w-]+)", re.IGNORECASE)


class Methods(NamedTuple):
    """The abilities of a RAUC, by its own description. `inspects`: since 1.9; `has_artifacts`: since 1.13; `tells_version`:
    since 1.16."""

    inspects: bool = False
    has_artifacts: bool = False
    tells_version: bool = False

    @property
    def engine(self) -> str:
        """RAUC with its version, as far as that can be told from its interface."""
        if self.tells_version:
            return "RAUC 1.16 or newer"
        if self.has_artifacts:
            return "RAUC 1.13 or newer"
        return "RAUC 1.9 or newer" if self.inspects else "RAUC older than 1.9"


def methods(description: str) -> Methods:
    """From an introspection."""
    has = set(re.findall(r'<(?:method|property)\b[^>]*\bname="(\w+)"', description))
    return Methods("InspectBundle" in has, "GetArtifactStatus" in has, "SystemVersion" in has)


def slot_seen(name: str, told: Mapping[str, Any], *, is_readonly: bool) -> SlotSeen:
    """One entry of GetSlotStatus."""

    def text(key: str) -> str:
        value = told.get(key, "")
        return value if isinstance(value, str) else ""

    def count(key: str) -> int:
        value = told.get(key, 0)
        return value if isinstance(value, int) else 0

    return SlotSeen(
        name=name,
        slot_class=text("class"),
        bootname=text("bootname"),
        device=text("device"),
        parent=text("parent"),
        description=text("description"),
        is_readonly=is_readonly,
        state=_STATES.get(text("state"), "inactive"),
        boot_status=_BOOT_STATUSES.get(text("boot-status"), "unknown"),
        content=_CONTENTS.get(text("status"), "pending"),
        version=text("bundle.version"),
        compatible=text("bundle.compatible"),
        sha256=text("sha256"),
        installed_at=text("installed.timestamp"),
        installs=count("installed.count"),
        activated_at=text("activated.timestamp"),
        activations=count("activated.count"),
        transaction=text("installed.transaction"),
    )


def booted_version(os_release: str) -> str:
    """The version of the running system where RAUC has no record of its slot: `EDITION_ID`, else `VERSION_ID`, as the Self
    Update Agent has it (self-update-agent.md §6.1)."""
    found: dict[str, str] = {}
    for line in os_release.splitlines():
        key, sign, value = line.strip().partition("=")
        if sign:
            found[key] = value.strip("\"'")
    return found.get("EDITION_ID") or found.get("VERSION_ID", "")


def manifest(told: Mapping[str, Any]) -> Manifest:
    """The answer of InspectBundle. 1.9 tells no images."""
    update = told.get("update", {})
    sizes = [image.get("size", 0) for image in told.get("images", ())]
    return Manifest(str(update.get("compatible", "")), str(update.get("version", "")), sum(sizes))


def is_busy(message: str) -> bool:
    """Whether RAUC refused because it does something else."""
    return _BUSY.search(message) is not None


def has_no_primary(message: str) -> bool:
    """Whether the bootloader has no slot that it would boot, which is a state and no failure of RAUC."""
    return _NO_PRIMARY.search(message) is not None


def unsupported_key(message: str) -> str:
    """The argument that this RAUC does not know; "" for another message."""
    found = _UNSUPPORTED_KEY.search(message)
    return found[1] if found else ""


def trouble(message: str) -> DriverError:
    """The error for RAUC's text about a bundle or an install."""
    text = message.strip()
    while layer := next((each for each in _LAYERS if text.lower().startswith(each)), ""):
        text = text[len(layer) :]
    text = text or "RAUC does not say why"
    if is_busy(text):
        return Unavailable(ELEMENT, "RAUC is busy with something else")
    if _NO_SIGNATURE.search(text):
        reason = text.rpartition("erify error: ")[2] if "erify error: " in text else text
        if _NOT_YET_VALID.search(text):
            return Unavailable(
                ELEMENT, f"the signature does not hold yet: {reason}; is the clock of this device right?"
            )
        return Refused(ELEMENT, f"the signature does not hold: {reason}")
    if _NO_BUNDLE.search(text):
        return Refused(ELEMENT, f"this is no bundle, or a part of one: {text}")
    return Refused(ELEMENT, text) if _FINAL.search(text) else Unavailable(ELEMENT, text)
