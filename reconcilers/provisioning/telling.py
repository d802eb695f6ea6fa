"""The differences of an identity, as a plan tells them: ids, thumbprints, hubs and paths; no key, no connection string, no
content."""

from __future__ import annotations

from collections.abc import Iterator

from evenkeel.reconcilers.provisioning.choice import Choice
from evenkeel.reconcilers.provisioning.state import Target, cloud_of
from evenkeel.specs.desired import Document, asked_at
from evenkeel.specs.plan import Change
from evenkeel.specs.provisioning.memory import State
from evenkeel.specs.provisioning.observed import ProvisionedSeen
from evenkeel.specs.provisioning.provisioning import Certificate, Provisioning

_NONE, _THERE, _OTHER, _PLAIN = "none", "there", "another one", "plain files"


def changes(
    wanted: Provisioning, document: Document, there: ProvisionedSeen, choice: Choice, to: Target | None, proven: State
) -> tuple[Change, ...]:
    """The parts that differ, in the order of the reference."""

    def change(path: str, old: str, new: str, why: str) -> Change:
        return Change(wanted.name, path, old, new, why, asked_at(document, path))

    found = list[Change]()
    ids = there.id
    if ids.kept != ids.id:
        found.append(change("deviceId", ids.kept or _NONE, ids.id, "the device id is not kept yet"))
    elif ids.announced != ids.id:
        found.append(change("deviceId", ids.announced or _NONE, ids.id, "other programs are told another device id"))
    certificate = wanted.certificate
    if certificate is not None:
        if choice.step:
            old = short(there.pairs.current) if there.pairs.current else _NONE
            does = "gets another chain" if choice.sha256 == there.pairs.current else "is replaced"
            why = "the certificate " + (f"{does}: {choice.why}" if there.pairs.current else "is not there yet")
            if choice.step == "take-plain":
                old, why = _PLAIN, "the certificate is taken in"
            elif there.pairs.is_plain:
                why += _kept(wanted)
            found.append(change("certificate", old, _next(certificate, choice), why))
        if there.pairs.is_second_left:
            found.append(change("certificate.second", short(there.pairs.second), _NONE, _second_left(there)))
        if choice.second:
            old = short(there.pairs.second) if there.pairs.second else _NONE
            why = "the second certificate is renewed" + (_kept(wanted) if there.pairs.is_second_plain else "")
            found.append(change("certificate.second", old, certificate.key_kind, why))
    before = cloud_of(proven)
    if wanted.azure is not None and (to is None or to.print != before):
        at = to.hub if to is not None and to.hub else f"as {there.azure.service} assigns"
        found.append(change("azure", _THERE if before else _NONE, at, "the hub, or what it is asked with, differs"))
    if there.held and there.asked and there.asked != there.held:
        found.append(change("", _THERE, _OTHER, "the values that are handed out differ"))
    found += (change(*each) for each in _outputs(wanted, there))
    return tuple(found)


def _outputs(wanted: Provisioning, there: ProvisionedSeen) -> Iterator[tuple[str, str, str, str]]:
    for output in wanted.outputs:
        found = there.output(output.path)
        if not found.asked or found.asked != found.held:
            old, new = (_THERE, _OTHER) if found.held else (_NONE, _THERE)
            yield "outputs", old, new, f"{output.path} differs" if found.held else f"{output.path} is not there"


def _kept(wanted: Provisioning) -> str:
    return f"; the files that are there are kept in {wanted.folder}/originals"


def _second_left(there: ProvisionedSeen) -> str:
    seen = there.pairs.of(there.pairs.second)
    why = "the second certificate and its key are removed"
    is_elsewhere = there.pairs.second in (there.pairs.current, there.pairs.next)
    at_cloud = there.wanted is not None and there.wanted.azure is not None and seen is not None and not is_elsewhere
    return (
        f"{why}; where the cloud has its thumbprint {seen.sha1}, take it out" if at_cloud and seen is not None else why
    )


def short(sha256: str) -> str:
    """The beginning of a thumbprint, as plans show it."""
    return f"{sha256[:16]}…"


def _next(certificate: Certificate, choice: Choice) -> str:
    if choice.sha256:
        return short(choice.sha256)
    days = round(certificate.valid_s / 86400)
    return f"{certificate.mode}, {certificate.key_kind}" + ("" if certificate.mode == "csr" else f", {days} days")
