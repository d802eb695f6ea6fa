"""The steps of a person at Azure's portal, for one identity: what to enter, and where. Thumbprints and ids are no secrets.

Sources: provisioning.md §2.2, §4.3; leda-device-provisioning.txt §2.
"""

from __future__ import annotations

from collections.abc import Iterator

from evenkeel.specs.provisioning.pair import PairSeen
from evenkeel.specs.visible import one_line
from evenkeel.templates.provisioning_described import Identity

_WIDTH = 24


def must_be_entered(one: Identity) -> bool:
    """Whether somebody has to enter the certificate itself: it is shown to a cloud, and no authority has signed it."""
    pair = _new(one)
    is_shown = one.wanted.azure is not None and not one.there.azure.why and one.there.azure.by == "certificate"
    return is_shown and pair is not None and pair.issuer == pair.name and not pair.fault


def portal_lines(one: Identity) -> Iterator[str]:
    """All to enter for a device that is new there; nothing where there is nothing to enter."""
    azure, pair = one.there.azure, _new(one)
    if one.wanted.azure is None or azure.by != "certificate" or pair is None:
        return
    if one.wanted.azure.is_registered:
        yield from _enrolment(one, pair)
    else:
        yield from _device(one, pair)


def rotation_lines(one: Identity, former: PairSeen | None, *, is_second: bool) -> Iterator[str]:
    """All to enter for a pair that follows. `former`: the one in force before. `is_second`: the second pair follows, which is
    entered already; then it is what to enter of the pair that is ready after it."""
    pair = one.second if is_second else _new(one)
    if one.wanted.azure is None or one.there.azure.by != "certificate" or pair is None:
        return
    if pair.issuer != pair.name:
        yield f"Nothing is to be entered: {one_line(pair.issuer)} has signed it, as the one before."
        return
    by_service = one.wanted.azure.is_registered
    where = f"the enrolment {one.there.id.id}" if by_service else f"the device {one.there.id.id} at {one.hub}"
    yield f"At the Azure portal, open {one_line(where)}:"
    what = "certificate" if by_service else "thumbprint"
    if is_second:
        old = f", in the place of {former.sha1}" if former is not None else ""
        yield f"  Enter the {what} of the new second pair{old}:"
    else:
        yield f"  Enter it as the secondary {what}; the primary one stays until the new one is in force:"
    yield from _shown(one, what.capitalize(), pair, _which(one, pair))


def _device(one: Identity, pair: PairSeen) -> Iterator[str]:
    yield f"At the Azure portal, IoT Hub {one_line(one.hub or one.there.azure.hub)}: Devices, Add device"
    yield _line("Device ID", one.device or one.there.id.id)
    yield _line("IoT Edge device", "no")
    if pair.issuer != pair.name:
        yield _line("Authentication type", "X.509 CA signed")
        yield _line("Authority", f"{pair.issuer}, which has to be verified there (Certificates)")
        return
    yield _line("Authentication type", "X.509 self-signed")
    yield from _shown(one, "Primary thumbprint", pair, _which(one, pair))
    if one.second is not None:
        yield from _shown(one, "Secondary thumbprint", one.second, "second")


def _enrolment(one: Identity, pair: PairSeen) -> Iterator[str]:
    scope = one_line(one.there.azure.id_scope)
    yield f"At the Azure portal, provisioning service with the id scope {scope}: Manage enrollments"
    if pair.issuer != pair.name:
        yield _line("Enrollment group", f"X.509, with the authority {pair.issuer}")
        yield _line("Registration ID", f"{pair.name} (from the certificate)")
        return
    yield _line("Individual enrollment", "X.509 client certificates")
    yield _line("Registration ID", f"{pair.name} (from the certificate)")
    yield _line("IoT Edge device", "no")
    yield from _shown(one, "Primary certificate", pair, _which(one, pair))
    if one.second is not None:
        yield from _shown(one, "Secondary certificate", one.second, "second")


def _shown(one: Identity, word: str, pair: PairSeen, which: str) -> Iterator[str]:
    if word.lower().endswith("certificate"):
        yield _line(word, f"upload {one.files(which).certificate}")
        yield _line("  its thumbprint", f"{pair.sha1} (SHA-1)")
    else:
        yield _line(word, f"{pair.sha1} (SHA-1), or")
    yield _line("", f"{pair.sha256} (SHA-256)")


def _line(name: str, text: str) -> str:
    return f"  {name:<{_WIDTH}}{one_line(text)}"


def _new(one: Identity) -> PairSeen | None:
    """The pair that is to be let in: the one that follows, else the one in force."""
    return one.next or one.current


def _which(one: Identity, pair: PairSeen) -> str:
    return "next" if one.next is pair else "second" if one.second is pair else "current"
