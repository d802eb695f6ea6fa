"""Units of systemd: their names, with their suffix (systemd.unit(5)), and those that have to hear of a change."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta, Struct

from evenkeel.specs.problem import Flaw, Path

_SUFFIXES = "service|socket|target|mount|timer|path|device|automount|swap|scope|slice"
_UNIT = re.compile(rf"[A-Za-z0-9:_.\\@-]{{1,240}}\.({_SUFFIXES})")


class Unit(Struct, frozen=True, order=True):
    """A unit of systemd that has to hear of a change. It is restarted, or with `reload` told to read its files again."""

    name: str
    reload: bool = False

    @property
    def verb(self) -> str:
        """`restarted` or `reloaded`."""
        return "reloaded" if self.reload else "restarted"


class UnitSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A unit of systemd that has to hear of a change."""

    unit: Annotated[str, Meta(min_length=1, description="Its name with the suffix, as `chronyd.service`.")]
    reload: Annotated[bool, Meta(description="Reload it, and do not restart it.")] = False


def is_unit(name: str) -> bool:
    """Whether `name` can be that of a unit."""
    return _UNIT.fullmatch(name) is not None


def unit_hint(name: str) -> str:
    """The remedy for a name that cannot be that of a unit."""
    return f"write `{name}.service`" if is_unit(f"{name}.service") else "see systemctl(1)"


def notified_names(written: tuple[str | UnitSpec, ...]) -> tuple[str, ...]:
    """The containers of a `notify`, each once."""
    return tuple(sorted({each for each in written if isinstance(each, str)}))


def notified_units(written: tuple[str | UnitSpec, ...], at: Path, flaws: list[Flaw]) -> tuple[Unit, ...]:
    """The units of a `notify`, each once: one that is named for both is restarted. `at`: the path of the list below `spec`."""
    found: dict[str, Unit] = {}
    for index, each in enumerate(written):
        if isinstance(each, str):
            if is_unit(each):
                hint = f"write `{{unit: {each}}}`, if a unit of systemd is meant"
                flaws.append(Flaw((*at, index), "this is the name of a container", hint, warning=True))
            continue
        if not is_unit(each.unit):
            path = (*at, index, "unit")
            flaws.append(Flaw(path, "expected the name of a unit with its suffix", unit_hint(each.unit)))
        is_restarted = each.unit in found and not found[each.unit].reload
        found[each.unit] = Unit(each.unit, each.reload and not is_restarted)
    return tuple(sorted(found.values()))
