"""The differences between the operating system that is wanted and the slots."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from evenkeel.specs.plan import Difference
from evenkeel.specs.slots.system import OperatingSystem

Verb = Literal["install", "boot", "finish", "remove", "mark good", "mark bad", "mark active", "keep", "blocked"]
"""`install`: another version has to be written and booted; `boot`: a slot that has it. `finish`: the right one is booted, or
about to be, and something is outstanding: a proof, a mark, the slot that boots next. `remove`: bundles that nobody needs.
`mark good`, `mark bad`, `mark active`: a mark that a person asks for. `keep`: the device runs something that evenkeel did not
boot, and the spec says to tell it only."""


class SlotsDifference(Difference, frozen=True):
    """All that differs for the operating system, and what has to be done.

    `system` is what is wanted, `None` for bundles alone. `target`, `target_label`, `target_version`: the slot that has to be
    booted, its name in sentences, and the version in it by then; `runs`, `runs_label`: the booted one, "" when there is none.
    `before`: the version that runs; `ran`: the same, "" when it is not worth going back to. Of the target: `fetch` its
    bundle, `install` it (the updater may choose one of `rivals` instead, by name), `activate` it, `reboot` into it.
    `streams`: installed from its address. `is_useless`: what is stored of it cannot be installed, and is discarded before.
    `settle`, `settle_label`: the slot to mark good at once, so that a loss of power boots it. `keeps_net`: mark the booted
    slot good before it is left, whatever it is worth: it boots, and the other one may not. `restore`: let the booted slot
    boot next before anything else; `is_stolen`: even before a download, because the updater has changed it by itself.
    `prove`, `mark_good`: of the booted one, or, after a fallback, of what was to be booted. `bads`: names and labels of slots
    to mark bad. `keys`: bundles to discard. `boots`, `activations`, `at`, `boot`: as in `memory.Trial`; `up_s`: as in
    `observed.SlotsSeen`. `fallen`: as in `actions.Restore`. `fetch_size`: bytes to fetch, `None` when they are not known;
    `is_repair`: the wanted state is an old one, which others have changed.
    """

    system: OperatingSystem | None = None
    target: str = ""
    target_label: str = ""
    target_version: str = ""
    runs: str = ""
    runs_label: str = ""
    before: str = ""
    ran: str = ""
    fetch: bool = False
    install: bool = False
    rivals: tuple[str, ...] = ()
    activate: bool = False
    reboot: bool = False
    streams: bool = False
    is_useless: bool = False
    settle: str = ""
    settle_label: str = ""
    keeps_net: bool = False
    restore: bool = False
    is_stolen: bool = False
    prove: bool = False
    mark_good: bool = False
    bads: tuple[tuple[str, str], ...] = ()
    keys: tuple[str, ...] = ()
    boots: int = 1
    activations: int = 0
    at: float = 0.0
    boot: str = ""
    up_s: float = 0.0
    keeps_primary: bool = False
    fallen: tuple[str, str, str] = ("", "", "")
    reboot_s: float | None = None
    is_repair: bool = False


def of_slots(differences: Iterable[Difference]) -> tuple[SlotsDifference, ...]:
    """Those that are about slots, which is all of them in this domain."""
    return tuple(each for each in differences if isinstance(each, SlotsDifference))
