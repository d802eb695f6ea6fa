"""The part of a plan's text that only operating systems have: which slot is written, what stays to fall back to, the reboot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evenkeel.specs.plan import Change, Difference, Plan
from evenkeel.specs.reading.quantity import duration_text, rough_size_text
from evenkeel.specs.slots.difference import SlotsDifference
from evenkeel.specs.slots.observed import SlotsSeen
from evenkeel.specs.slots.system import Health, OperatingSystem
from evenkeel.specs.visible import one_line


class SlotsPlanned:
    """A plan of operating systems (`templates.planned.Planned`)."""

    def __init__(self, plan: Plan, seen: SlotsSeen) -> None:
        self.plan, self.seen = plan, seen
        self.loses = "lost"

    def brings(self, difference: Difference, room: int) -> str:
        """Nothing is created."""
        return ""

    def is_implied(self, change: Change, difference: Difference) -> bool:
        """A version follows from nothing else."""
        return False

    def details(self, difference: Difference) -> str:
        """The slot, and what has to be fetched for it."""
        if not isinstance(difference, SlotsDifference) or not (difference.install or difference.activate):
            return ""
        parts = [f"into slot {one_line(difference.target_label)}"]
        if difference.fetch:
            size = self._size(difference)
            parts.append(
                f"{rough_size_text(size)} to fetch" if size is not None else "a bundle of unknown size to fetch"
            )
        if difference.streams:
            parts.append("read from its server while it is installed")
        return ", ".join(parts)

    def remarks(self, difference: Difference) -> Iterator[tuple[str, bool]]:
        """What stays, and what belongs to the change: the reboot, and when the system is good."""
        if not isinstance(difference, SlotsDifference) or difference.verb == "blocked":
            return
        system = difference.system
        if difference.install and difference.runs:
            stays = f"slot {one_line(difference.runs_label)} ({one_line(difference.before)}) stays as it is"
            yield f"{stays} and is what a failed boot falls back to", False
        if difference.restore:
            yield f"slot {one_line(difference.runs_label)} boots next again", False
        if difference.reboot and system is not None:
            yield _reboot_text(difference, system), False
        elif difference.prove:
            health = system.health if system is not None else Health()
            yield f"slot {one_line(difference.target_label)} is good only {_health_text(health)}", False

    def fetches(self) -> str:
        """`412 MB to fetch`; "" when nothing is, or its size is not known."""
        sizes = [self._size(each) for each in self.plan.differences if isinstance(each, SlotsDifference) and each.fetch]
        known = sum(size for size in sizes if size is not None)
        return f"{rough_size_text(known)} to fetch" if known else ""

    def facts(self, difference: Difference) -> dict[str, Any]:
        """The same for programs. Sizes are bytes, `null` when unknown."""
        if not isinstance(difference, SlotsDifference) or difference.system is None:
            return {}
        return {
            "slot": difference.target or None,
            "bootedSlot": difference.runs or None,
            "reboot": difference.reboot,
            "secondsOfLastReboot": difference.reboot_s,
            "fetch": {"bytes": self._size(difference)} if difference.fetch else None,
        }

    def totals(self) -> dict[str, int]:
        """Nothing of all systems: a device has one."""
        return {}

    def _size(self, difference: SlotsDifference) -> int | None:
        """Bytes that are still to be fetched."""
        key = difference.system.key if difference.system is not None else ""
        there, size = self.seen.bundle(key), self.seen.sizes.get(key)
        return None if size is None else max(0, size - (there.size if there is not None else 0))


def _reboot_text(difference: SlotsDifference, system: OperatingSystem) -> str:
    into = f"a reboot into slot {one_line(difference.target_label)}"
    if system.reboot == "others":
        into = f"{into} by somebody else"
    elif difference.reboot_s is not None:
        into = f"{into}, about {difference.reboot_s:.0f} s"
    if system.window is not None:
        into = f"{into}, between {system.window.text.replace('-', ' and ')}"
    return f"then {into}; good only {_health_text(system.health)}"


def _health_text(health: Health) -> str:
    """`after 2 units and a command were well for 1m`."""
    counts = ((len(health.units), "unit"), (len(health.containers), "container"))
    parts = [f"{count} {word}{'s' * (count != 1)}" for count, word in counts if count]
    parts += ["a command"] if health.command else []
    who = " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:]))) or "it"
    is_one = not parts or (len(parts) == 1 and parts[0].startswith(("1 ", "a ")))
    return f"after {who} {'was' if is_one else 'were'} well for {duration_text(health.stable_for)}"
