"""The settings of an operating system, as paths and texts of its spec. Addresses are without their query, and the words of a
command are not told."""

from __future__ import annotations

from evenkeel.specs.reading.quantity import duration_text
from evenkeel.specs.reading.secrecy import HIDDEN, shown_address
from evenkeel.specs.slots.system import OperatingSystem, shown_bundle

_USUAL = OperatingSystem("", "")


def asked_texts(system: OperatingSystem) -> tuple[tuple[str, str], ...]:
    """Version and bundle, and what is asked for beyond the defaults, in the order of the reference."""
    health = system.health
    texts = (
        ("version", system.version, ""),
        ("bundle", shown_bundle(system.bundle), ""),
        ("sha256", system.sha256, ""),
        ("ca", system.ca, ""),
        ("proxy", shown_address(system.proxy), ""),
        ("credentials", system.credentials, ""),
        ("clientCert", system.client_cert, ""),
        ("clientKey", system.client_key, ""),
        ("stream", "true" if system.streams else "", ""),
        ("health.units", ", ".join(health.units), ""),
        ("health.containers", ", ".join(health.containers), ""),
        ("health.command", HIDDEN if health.command else "", ""),
        ("health.stableFor", duration_text(health.stable_for), duration_text(_USUAL.health.stable_for)),
        ("boot.deadline", duration_text(system.deadline), duration_text(_USUAL.deadline)),
        ("boot.tries", str(system.tries), str(_USUAL.tries)),
        ("activation.window", system.window.text if system.window is not None else "", ""),
        ("activation.reboot", system.reboot, _USUAL.reboot),
        ("drift", system.drift, _USUAL.drift),
    )
    return tuple((path, text) for path, text, usual in texts if text and text != usual)


def otherwise(kept: OperatingSystem | None, wish: OperatingSystem | None) -> tuple[tuple[str, str, str], ...]:
    """The settings in which `wish` differs from `kept`, as path, old and new text; the version alone, for a system that only
    one of them asks for."""
    if kept is None or wish is None:
        old, new = (each.version if each is not None else "" for each in (kept, wish))
        return (("", old, new),) if old or new else ()
    before, after = dict(asked_texts(kept)), dict(asked_texts(wish))
    paths = dict.fromkeys((*after, *before))
    found = [(path, before.get(path, ""), after.get(path, "")) for path in paths]
    if kept.health.command != wish.health.command and kept.health.command and wish.health.command:
        found.append(("health.command", HIDDEN, HIDDEN))
        return tuple(each for each in found if each[1] != each[2] or each == found[-1])
    return tuple(each for each in found if each[1] != each[2])
