"""Slots as tables and descriptions tell of them: the system in each, and what the bootloader makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from evenkeel.specs.slots.memory import Trial
from evenkeel.specs.slots.observed import SlotSeen, SlotsSeen
from evenkeel.specs.visible import one_line
from evenkeel.templates.describe_text import field
from evenkeel.templates.style import Role, Style, paint

_SHOWN = 12
"""Digits of a digest."""
_WHOSE = {
    "evenkeel": "evenkeel's",
    "others": "others'",
    "nobody": "in no slot",
    "unknown": "which system runs cannot be seen",
}

Whose = Literal["evenkeel", "others", "nobody", "unknown"]
COLUMNS = ("SLOT", "CLASS", "STATE", "BOOTS", "MARK", "CONTENT", "VERSION", "PROVEN", "DEVICE")


class InSlot(NamedTuple):
    """A slot. `version`: of the system in it, also where only evenkeel remembers it. `is_next`: the bootloader boots it next.
    `is_proven`: its system was proven by evenkeel; `failure`: why it failed, "" when it did not."""

    seen: SlotSeen
    version: str = ""
    is_next: bool = False
    is_proven: bool = False
    failure: str = ""

    @property
    def boots(self) -> str:
        """`now`, `next` or both; "" for a slot that waits."""
        words = (["now"] if self.seen.state == "booted" else []) + (["next"] if self.is_next else [])
        return ", ".join(words)

    @property
    def proven(self) -> str:
        """`yes`, `no`, or `failed`."""
        return "failed" if self.failure else "yes" if self.is_proven else "no"


class SystemOwn(NamedTuple):
    """The part of an operating system (`templates.describe_text.Own`): all slots. `runs`: its wanted version is booted.
    `trial`: the slot that is on trial, by name. `reboot_s`: the seconds that the last reboot took."""

    slots: tuple[InSlot, ...] = ()
    runs: bool = False
    trial: tuple[str, Trial] | None = None
    reboot_s: float | None = None
    kind: str = "OperatingSystemDescription"

    @property
    def whose(self) -> dict[str, str]:
        return _WHOSE

    @property
    def is_there(self) -> bool:
        return self.runs

    def origin(self, asked: str) -> tuple[str, str]:
        return "asked for", asked

    def lines(self, now: float, style: Style) -> Iterator[str]:
        if self.reboot_s is not None:
            yield field("reboot", f"the last one took {self.reboot_s:.0f} s")
        if self.trial is not None:
            yield field("on trial", one_line(f"{self.trial[1].version} in {self.trial[0]}"))
        for each in self.slots:
            yield ""
            yield paint(one_line(f"slot {each.seen.label}"), "strong", style)
            yield from (field(f"  {name}", one_line(text)) for name, text in _facts(each) if text)

    def value(self) -> dict[str, Any]:
        trial = {"slot": self.trial[0], "version": self.trial[1].version} if self.trial is not None else None
        return {
            "runs": self.runs,
            "trial": trial,
            "rebootSeconds": self.reboot_s,
            "slots": [slot_value(each) for each in self.slots],
        }


def slot_row(slot: InSlot) -> list[str]:
    """The cells of `COLUMNS`."""
    seen = slot.seen
    is_system = bool(seen.bootname)
    mark = seen.boot_status if is_system and seen.boot_status != "unknown" else ""
    content = "" if seen.content == "unknown" else seen.content
    proven = slot.proven if is_system else ""
    return [seen.label, seen.slot_class, seen.state, slot.boots, mark, content, slot.version, proven, seen.device]


def slot_colour(column: str, cell: str) -> Role | None:
    """The colour of a cell: what needs attention, and what is booted."""
    match column, cell:
        case (("MARK" | "CONTENT" | "PROVEN"), ("bad" | "failed")):
            return "bad"
        case "CONTENT", "pending":
            return "change"
        case "STATE", "booted":
            return "good"
        case _:
            return None


def slot_value(slot: InSlot) -> dict[str, Any]:
    """A slot for programs; `null` stands for what is not known, or does not apply."""
    seen = slot.seen
    return {
        "name": seen.name,
        "label": seen.label,
        "class": seen.slot_class,
        "device": seen.device or None,
        "parent": seen.parent or None,
        "readonly": seen.is_readonly,
        "state": seen.state,
        "bootsNext": slot.is_next,
        "bootStatus": seen.boot_status,
        "content": seen.content,
        "version": slot.version or None,
        "compatible": seen.compatible or None,
        "sha256": seen.sha256 or None,
        "installedAt": seen.installed_at or None,
        "installs": seen.installs,
        "activatedAt": seen.activated_at or None,
        "activations": seen.activations,
        "proven": slot.is_proven,
        "failure": slot.failure or None,
    }


def slots_value(seen: SlotsSeen, slots: Sequence[InSlot]) -> dict[str, Any]:
    """All slots for programs (docs/reference/json.md). Sizes are bytes."""
    return {
        "apiVersion": "evenkeel/v1",
        "kind": "Slots",
        "engine": seen.engine,
        "compatible": seen.compatible or None,
        "variant": seen.variant or None,
        "bootloader": seen.bootloader or None,
        "operation": seen.operation or None,
        "lastError": seen.last_error or None,
        "keepsPrimary": seen.can.keeps_primary,
        "streams": seen.can.streams,
        "freeBytes": seen.free,
        "slots": [slot_value(each) for each in slots],
    }


def _facts(slot: InSlot) -> Iterator[tuple[str, str]]:
    seen = slot.seen
    yield "version", slot.version or "not known"
    yield "state", f"{seen.state}, boots next" if slot.is_next else seen.state
    yield "marked", seen.boot_status if seen.bootname and seen.boot_status != "unknown" else ""
    yield "content", seen.content if seen.content != "unknown" else "nothing is recorded of it"
    yield "proven", "yes" if slot.is_proven else "no" if seen.bootname else ""
    yield "failed", slot.failure
    yield "installed", seen.installed_at
    yield "image", f"sha256 {seen.sha256[:_SHOWN]}…" if seen.sha256 else ""
    yield "device", seen.device
