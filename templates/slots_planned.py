"""The part of a plan's text that only operating systems have: a line for each slot, and one for the reboot.

An operator decides here whether a device reboots now. So the lines say what is written into which slot, what a failed boot
falls back to, for how long the device is away, and what has to hold before the system counts as good. Addresses are shown
without their query, and of a command that checks the system only that there is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evenkeel.specs.plan import NOTHING_DONE, Change, Difference, Plan
from evenkeel.specs.reading.quantity import duration_text, rough_size_text
from evenkeel.specs.slots.difference import SlotsDifference, of_slots
from evenkeel.specs.slots.observed import SlotsSeen
from evenkeel.specs.slots.system import Health, OperatingSystem, shown_bundle
from evenkeel.templates.parts import Part

_REBOOT = "reboot"


class SlotsPlanned:
    """A plan of the operating system (`templates.planned.Planned`)."""

    def __init__(self, plan: Plan, seen: SlotsSeen) -> None:
        self.plan, self.seen, self.engine = plan, seen, seen.engine
        self.heading, self.loses = "os", "lost"
        has_reboot = any(each.reboot for each in of_slots(plan.differences))
        end = ", with a reboot" if has_reboot else ""
        self.counts: Mapping[str, str] = {
            "install": f"operating system to install{end}",
            "boot": f"slot to boot{end}",
            "mark good": "slot to mark good",
            "mark bad": "slot to mark bad",
            "mark active": "slot to boot next",
        }

    def parts(self, difference: Difference) -> Sequence[Part]:
        """The slot that is changed, then the reboot into it, then the slots that are given up."""
        if not isinstance(difference, SlotsDifference) or difference.verb in ("remove", *NOTHING_DONE):
            return ()
        return tuple(self._parts(difference))

    def brings(self, difference: Difference, room: int) -> str:
        return ""

    def is_implied(self, change: Change, difference: Difference) -> bool:
        return False

    def details(self, difference: Difference) -> str:
        return ""

    def remarks(self, difference: Difference) -> Iterator[tuple[str, bool]]:
        """None: they stand below their parts."""
        yield from ()

    def fetches(self) -> str:
        """`412 MB to fetch`; "" when nothing is."""
        known, unknown = self._sizes()
        sizes = [rough_size_text(known)] if known else []
        if unknown:
            sizes.append(f"{unknown} bundle{'s' if unknown > 1 else ''} of unknown size")
        return f"{' and '.join(sizes)} to fetch" if sizes else ""

    def facts(self, difference: Difference) -> dict[str, Any]:
        """The same of one system for programs. Sizes are bytes, times seconds, `null` when unknown."""
        if not isinstance(difference, SlotsDifference):
            return {}
        system = difference.system
        runs = {"name": difference.runs, "label": difference.runs_label, "version": difference.before or None}
        return {
            "version": _version(difference) or None,
            "slot": {"name": difference.target, "label": difference.target_label} if difference.target else None,
            "rivals": [{"name": name, "label": self._label(name)} for name in difference.rivals],
            "runs": runs if difference.runs else None,
            "fetch": {
                "bundle": shown_bundle(system.bundle),
                "bytes": self._left(system),
                "streams": difference.streams,
            }
            if system is not None and _is_fetched(difference)
            else None,
            "install": difference.install,
            "activate": difference.activate,
            "reboot": {
                "seconds": difference.reboot_s,
                "by": system.reboot,
                "window": system.window.text if system.window is not None else None,
            }
            if system is not None and difference.reboot
            else None,
            "health": _health_value(_health(difference)) if difference.prove or difference.reboot else None,
        }

    def totals(self) -> dict[str, int]:
        """The same of all systems for programs: bytes."""
        known, unknown = self._sizes()
        return {"fetchBytes": known, "fetchesOfUnknownSize": unknown}

    def _parts(self, difference: SlotsDifference) -> Iterator[Part]:
        if difference.target or difference.runs:
            yield self._of_slot(difference)
        if difference.reboot:
            into = "the slot that was written" if difference.rivals else _target(difference)
            yield Part("↻", "change", _REBOOT, "", _reboot_text(difference, into))
        for name, label in difference.bads:
            yield Part("-", "remove", f"slot {label or name}", "mark bad", "the bootloader does not boot it any more")

    def _of_slot(self, difference: SlotsDifference) -> Part:
        target, runs = _target(difference), difference.runs_label or difference.runs
        name, version = self._either(difference) or target or runs, _version(difference)
        verb = "install" if difference.install else "activate" if difference.activate else difference.verb
        words = [difference.subject]
        if verb in ("install", "activate") and difference.before not in ("", version):
            words.append(f"{difference.before} → {version or 'the version of the bundle'}")
        elif version:
            words.append(version)
        if _is_fetched(difference) and difference.system is not None:
            words.append(self._fetch_text(difference, difference.system))
        if verb not in ("install", "activate"):
            words.append(difference.why)
        remarks = tuple(_remarks(difference, verb))
        if difference.rivals:
            count = "both of them" if len(difference.rivals) == 1 else "all of them"
            remarks = (f"the updater chooses the slot, because {count} are free", *remarks)
        return Part("~", "change", f"slot {name}", verb, "   ".join(words), remarks)

    def _either(self, difference: SlotsDifference) -> str:
        """`A or B`, where the updater chooses; "" where it does not."""
        labels = sorted((_target(difference), *(self._label(name) for name in difference.rivals)))
        return f"{', '.join(labels[:-1])} or {labels[-1]}" if difference.rivals else ""

    def _label(self, name: str) -> str:
        slot = self.seen.slot(name)
        return slot.label if slot is not None else name

    def _fetch_text(self, difference: SlotsDifference, system: OperatingSystem) -> str:
        left = self._left(system)
        size = rough_size_text(left) if left is not None else "a bundle of unknown size"
        there = self.seen.bundle(system.key)
        if difference.streams:
            return f"{size} to stream"
        is_begun = there is not None and there.size and left is not None
        return f"{size} to fetch" + (f", {rough_size_text(there.size)} are there" if there and is_begun else "")

    def _left(self, system: OperatingSystem) -> int | None:
        """Bytes that are still to be fetched; `None` when nobody knows them."""
        size, there = self.seen.sizes.get(system.key), self.seen.bundle(system.key)
        return max(size - (there.size if there is not None else 0), 0) if size is not None else None

    def _sizes(self) -> tuple[int, int]:
        found = [
            self._left(each.system)
            for each in of_slots(self.plan.differences)
            if each.system is not None and _is_fetched(each)
        ]
        return sum(each for each in found if each is not None), found.count(None)


def _is_fetched(difference: SlotsDifference) -> bool:
    return difference.fetch or (difference.install and difference.streams)


def _target(difference: SlotsDifference) -> str:
    return difference.target_label or difference.target


def _version(difference: SlotsDifference) -> str:
    """The version that the target has in the end: on the way back to a slot that is trusted it is not the wanted one. Without a
    target it is the one that runs."""
    if not difference.target:
        return difference.before
    return difference.target_version or (difference.system.version if difference.system is not None else "")


def _health(difference: SlotsDifference) -> Health:
    return difference.system.health if difference.system is not None else Health()


def _remarks(difference: SlotsDifference, verb: str) -> Iterator[str]:
    """The reason, where it is not only that another version runs; then the consequences in the order in which they come."""
    runs = difference.runs_label or difference.runs
    is_changed = verb in ("install", "activate")
    if is_changed:
        if difference.why not in (f"{difference.before} runs", "an unknown version runs"):
            yield difference.why
        if difference.restore:
            yield f"slot {runs} is let boot next again first"
        if difference.settle:
            yield f"slot {difference.settle_label} is marked good first, so that a loss of power boots it"
    if difference.keeps_net:
        yield f"slot {runs} is marked good before it is left"
    if is_changed and difference.runs and difference.target and difference.runs != difference.target:
        version = f" ({difference.before})" if difference.before else ""
        yield f"slot {runs}{version} stays as it is and is what a failed boot falls back to"
    if difference.prove and not difference.reboot and difference.runs == difference.target:
        yield f"{_health_text(_health(difference))}, and is marked good then"
    if difference.keys:
        count = len(difference.keys)
        yield (
            "a stored bundle is removed at the end" if count == 1 else f"{count} stored bundles are removed at the end"
        )


def _reboot_text(difference: SlotsDifference, into: str) -> str:
    """`into B, about 40 s; good only after 2 units were healthy for 60 s`."""
    text, system = f"into {into}", difference.system
    if system is not None and system.reboot == "others":
        text += " when somebody else reboots the device"
    if system is not None and system.window is not None:
        text += f" between {system.window.text.replace('-', ' and ')}"
    seconds = difference.reboot_s
    text += f", about {_seconds_text(seconds)}" if seconds is not None else ", for a time that no reboot has shown yet"
    return f"{text}; {_health_text(system.health)}" if system is not None else text


def _health_text(health: Health) -> str:
    counts = ((len(health.units), "unit"), (len(health.containers), "container"))
    parts = [f"{count} {word}{'s' * (count != 1)}" for count, word in counts if count]
    parts += ["a command"] if health.command else []
    seconds = _exact_text(health.stable_for.total_seconds())
    if not parts:
        return f"good only after it was up for {seconds}"
    whole = f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]
    is_one = len(parts) == 1 and whole.startswith(("1 ", "a "))
    return f"good only after {whole} {'was' if is_one else 'were'} healthy for {seconds}"


def _health_value(health: Health) -> dict[str, Any]:
    return {
        "units": list(health.units),
        "containers": list(health.containers),
        "command": bool(health.command),
        "stableFor": duration_text(health.stable_for),
    }


def _exact_text(seconds: float) -> str:
    """`0.5 s`, `60 s`; whole minutes from two on as `5 min`."""
    return f"{seconds / 60:g} min" if seconds >= 120 and seconds % 60 == 0 else f"{seconds:.10g} s"


def _seconds_text(seconds: float) -> str:
    """`40 s`; from two minutes on `5 min`."""
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{max(seconds, 1):.0f} s"
