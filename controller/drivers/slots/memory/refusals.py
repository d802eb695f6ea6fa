"""The refusals of a simulated updater: RAUC's own words about a faulty bundle, at the point where RAUC finds the fault.

They are read as those of a real RAUC (`rauc.answers.trouble`). So a rehearsal says what a device would, and no fault is final
on one of them and passes on the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from evenkeel.controller.drivers.slots.memory.world import COMPATIBLE, Bundle, Flaw

At = Literal["opened", "checked", "written"]
"""`opened`: whenever the bundle is opened, also to inspect it; `checked`: at an install, before anything is written; `written`:
in the middle of an install."""

_SIGNATURE = "signature verification failed: Verify error:"


class Refusal(NamedTuple):
    at: At
    words: str


_REFUSALS: Mapping[Flaw, Refusal] = {
    "truncated": Refusal("opened", "Invalid bundle format: Signature size (4336799815442382346) exceeds bundle size"),
    "no bundle": Refusal("opened", "Invalid bundle format: Invalid identifier. Did you pass a valid RAUC bundle?"),
    "wrong CA": Refusal("opened", f"{_SIGNATURE} self-signed certificate in certificate chain"),
    "expired": Refusal("opened", f"{_SIGNATURE} certificate has expired"),
    "not yet valid": Refusal("opened", f"{_SIGNATURE} certificate is not yet valid"),
    "format": Refusal("opened", "Bundle format 'verity' not allowed"),
    "manifest": Refusal("opened", "Failed to load manifest: Missing key file entry 'compatible' in group 'update'"),
    "newer RAUC": Refusal(
        "opened",
        "Failed to check manifest: Minimum RAUC version in manifest (9.0) is newer than current version (1.15)",
    ),
    "no slot": Refusal("checked", "Installation error: No target slot for class nothing of image system.img found"),
    "rejected": Refusal("checked", "Bundle rejected: Hook returned: not on this device"),
    "minimum version": Refusal(
        "checked", "Version mismatch: Expected at least '9.0' but bundle manifest has '{version}'"
    ),
    "no room": Refusal(
        "written", "Installation error: Failed updating slot {slot}: Slot is too small for image system.img"
    ),
}
_COMPATIBLE = "Compatible mismatch: Expected '{ours}' but bundle manifest has '{theirs}'"


def words(bundle: Bundle, at: At, slot: str = "") -> str:
    """The words with which RAUC refuses this bundle at that point; "" when it does not."""
    if at == "checked" and bundle.compatible != COMPATIBLE:
        return _COMPATIBLE.format(ours=COMPATIBLE, theirs=bundle.compatible)
    found = _REFUSALS.get(bundle.flaw)
    if found is None or found.at != at:
        return ""
    return found.words.format(version=bundle.version, slot=slot)
