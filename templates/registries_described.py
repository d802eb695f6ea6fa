"""Registries as tables and descriptions tell of them: where credentials come from, whom it trusts, and what is in force.

No secret is shown, nor whether two are alike: a description names the files and programs that have them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from evenkeel.specs.registries.registry import Registry
from evenkeel.specs.visible import one_line
from evenkeel.templates.describe_text import field
from evenkeel.templates.style import Role, Style

_WHOSE = {
    "evenkeel": "evenkeel's",
    "nobody": "nothing of it is in force",
    "unknown": "what is in force cannot be seen",
}

Whose = Literal["evenkeel", "nobody", "unknown"]
Proof = Literal["yes", "once", "no"]
COLUMNS = ("NAME", "HOST", "CREDENTIALS", "TRUST", "MIRRORS", "IN FORCE", "PROVEN")
_FACETS = {
    "credentials": "credentials",
    "trust": "certificates",
    "insecure": "no encryption",
    "mirrors": "mirrors",
    "realms": "token realms",
}


class AtPlace(NamedTuple):
    """A place, and the registry that is asked for there; `None` when nobody asks for it any more. `held`: the facets of which
    something of evenkeel's is in force. `in_force`: all that is asked for is. `proven`: whether the registry let the device in
    with that; "once": it did, and a helper may give other credentials now. `why`: something of it cannot be had, or put in
    force, now; "" when it can."""

    name: str
    place: str
    registry: Registry | None = None
    held: tuple[str, ...] = ()
    in_force: bool = False
    proven: Proof = "no"
    why: str = ""

    @property
    def by(self) -> Whose:
        """Whose what is in force is."""
        return "evenkeel" if self.held or self.in_force else "nobody"

    @property
    def credentials(self) -> str:
        """Where the credentials come from; "" without any."""
        registry = self.registry
        if registry is None:
            return ""
        if registry.password_file:
            return f"{registry.user or f'the user in {registry.user_file}'}, password in {registry.password_file}"
        return f"helper {registry.helper}" if registry.helper else f"in {registry.config}" if registry.config else ""

    @property
    def trust(self) -> str:
        """The trust in the registry, and the certificate that the device shows."""
        registry = self.registry
        if registry is None:
            return ""
        if registry.insecure:
            return "insecure"
        shows = f", shows {registry.certificate}" if registry.certificate else ""
        return (registry.ca or "system") + shows


class RegistryOwn(NamedTuple):
    """The part of a registry (`templates.describe_text.Own`): its place, and others that it was at before."""

    places: tuple[AtPlace, ...] = ()
    engine: str = ""
    kind: str = "RegistryDescription"

    @property
    def whose(self) -> dict[str, str]:
        return _WHOSE

    @property
    def is_there(self) -> bool:
        return any(each.held or each.in_force for each in self.places)

    def origin(self, asked: str) -> tuple[str, str]:
        return "asked for", asked

    def lines(self, now: float, style: Style) -> Iterator[str]:
        for each in self.places:
            yield ""
            yield field("host", one_line(each.place) + ("" if each.registry is not None else " (asked for no longer)"))
            for name, text in _facts(each):
                yield field(name, one_line(text))

    def value(self) -> dict[str, Any]:
        return {"engine": self.engine or None, "places": [place_value(each) for each in self.places]}


def _facts(at: AtPlace) -> Iterator[tuple[str, str]]:
    if at.registry is not None:
        yield "credentials", at.credentials or "none"
        yield "trust", at.trust
        if at.registry.mirrors:
            yield "mirrors", ", ".join(at.registry.mirrors)
    yield "in force", _yes(at.in_force) + (f" ({', '.join(_FACETS[each] for each in at.held)})" if at.held else "")
    if at.registry is not None:
        yield "proven", at.proven
    if at.why:
        yield "trouble", at.why


def place_row(at: AtPlace) -> list[str]:
    """The cells of `COLUMNS`."""
    mirrors = ", ".join(at.registry.mirrors) if at.registry is not None else ""
    is_left = at.registry is None
    in_force = "still" if is_left else _yes(at.in_force)
    return [at.name, at.place, at.credentials, at.trust, mirrors, in_force, "" if is_left else at.proven]


def place_colour(column: str, cell: str) -> Role | None:
    """The colour of a cell: what is in force and proven, and what is not."""
    if column not in ("IN FORCE", "PROVEN"):
        return None
    return {"yes": "good", "no": "change", "still": "change"}.get(cell)  # type: ignore[return-value]


def place_value(at: AtPlace) -> dict[str, Any]:
    """A place for programs; `null` stands for what does not apply."""
    registry = at.registry
    return {
        "name": at.name,
        "place": at.place,
        "asked": registry is not None,
        "credentials": None
        if registry is None or not registry.has_credentials
        else {
            "user": registry.user or None,
            "userFile": registry.user_file or None,
            "passwordFile": registry.password_file or None,
            "helper": registry.helper or None,
            "config": registry.config or None,
        },
        "tls": None
        if registry is None
        else {"ca": registry.ca or None, "certificate": registry.certificate or None, "key": registry.key or None},
        "insecure": registry.insecure if registry is not None else None,
        "mirrors": list(registry.mirrors) if registry is not None else [],
        "tokenRealms": list(registry.realms) if registry is not None else [],
        "held": list(at.held),
        "inForce": at.in_force,
        "proven": at.proven == "yes",
        "provenOnce": at.proven != "no",
        "trouble": at.why or None,
    }


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"
