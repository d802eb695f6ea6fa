"""RAUC's answers as nouns, and the meaning of its errors. Pure.

Sources: de.pengutronix.rauc.Installer of RAUC 1.8 (measured) to 1.16 (self-update-agent.md §12). Errors have one name for all
causes; only their texts differ. Only texts that are known to be final are final, as with engines of containers: everything
else may pass, and counts against the tries of a revision.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

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
Refusal = Literal[
    "not yet valid",
    "signature",
    "no bundle",
    "compatible",
    "no slot",
    "format",
    "rejected",
    "minimum version",
    "newer RAUC",
    "manifest",
    "no room",
]
"""The reasons for which RAUC refuses a bundle. All are final but `not yet valid`, which may be the fault of a clock. The
simulated updater has a bundle for each."""
_REFUSALS: Mapping[Refusal, str] = {
    "not yet valid": r"(signature verification failed|verify error).*not yet valid",
    "signature": r"signature verification failed|verify error|signature is missing",
    "no bundle": r"invalid bundle (format|identifier)|not a (rauc )?bundle|payload size",
    "compatible": r"^compatible mismatch",
    "no slot": r"^no target slot for class",
    "format": r"bundle format '\w+' not (allowed|supported)",
    "rejected": r"^bundle rejected",
    "minimum version": r"^version mismatch: expected at least",  # `min-bundle-version`, since 1.12
    "newer RAUC": r"min-rauc-version|minimum rauc version",  # since 1.14
    "manifest": r"failed to (load|parse|check) manifest",
    "no room": r"is too small for image",
}
"""By their texts (RAUC's src/install.c, bundle.c, manifest.c, update_handler.c), in the order in which they are looked for."""
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
    reason = text.rpartition("erify error: ")[2]
    match refusal(text):
        case "not yet valid":
            return Unavailable(
                ELEMENT, f"the signature does not hold yet: {reason}; is the clock of this device right?"
            )
        case "signature":
            return Refused(ELEMENT, f"the signature does not hold: {reason}")
        case "no bundle":
            return Refused(ELEMENT, f"this is no bundle, or a part of one: {text}")
        case "":
            return Unavailable(ELEMENT, text)
        case _:
            return Refused(ELEMENT, text)


def refusal(text: str) -> Refusal | Literal[""]:
    """The reason for which RAUC refused a bundle; "" for trouble that may pass by itself."""
    return next((name for name, words in _REFUSALS.items() if re.search(words, text, re.IGNORECASE)), "")
