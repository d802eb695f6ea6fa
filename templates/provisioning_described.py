"""Identities as tables, descriptions and `identity show` tell of them: ids, certificates, thumbprints, hubs and paths.

No key and no connection string is shown: a description names the files that have them.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from evenkeel.specs.provisioning.observed import ProvisionedSeen
from evenkeel.specs.provisioning.pair import PATIENCE_S, PairSeen
from evenkeel.specs.provisioning.provisioning import ANNOUNCED, DAY_S, Provisioning
from evenkeel.specs.visible import one_line
from evenkeel.templates.describe_text import field
from evenkeel.templates.moment import iso_text
from evenkeel.templates.provisioning_chain import lack_remedy, lack_text, unfit_remedy, unfit_text
from evenkeel.templates.style import Role, Style

_WHOSE = {
    "evenkeel": "evenkeel's",
    "nobody": "nothing of it is in force",
    "unknown": "what is in force cannot be seen",
}

COLUMNS = ("NAME", "DEVICE ID", "CERTIFICATE", "ENDS", "HUB", "IN FORCE", "PROVEN")


class Files(NamedTuple):
    """The files of one pair, as a document names them."""

    certificate: str
    key: str


class Identity(NamedTuple):
    """One identity of this device. `is_asked`: a document asks for it; without one, `there` is what lies in the usual
    folder. `now_s`: seconds since the epoch; `is_timed`: the clock can be right. `hub`, `device`: the IoT Hub and the id
    there, "" while none is known. `waits`: for what somebody has to do, as a sentence, or "". `in_force`: all that is asked
    for is. `proven`: the hub has let this device in with that. `blocked`: why it cannot be had; `why`: something is wrong
    with what is in force; `postponed`: why the next certificate could not be had; `otherwise`: this is in
    force, and something else is asked for, in words, which `has_failed`; "" otherwise."""

    name: str
    there: ProvisionedSeen
    now_s: float
    is_timed: bool = True
    is_asked: bool = True
    hub: str = ""
    device: str = ""
    waits: str = ""
    in_force: bool = False
    proven: bool = False
    blocked: str = ""
    why: str = ""
    postponed: str = ""
    otherwise: str = ""
    has_failed: bool = False

    @property
    def trouble(self) -> str:
        """All that is wrong, in words, or ""."""
        return "; ".join(filter(None, (self.blocked, self.why)))

    @property
    def wanted(self) -> Provisioning:
        assert self.there.wanted is not None
        return self.there.wanted

    @property
    def current(self) -> PairSeen | None:
        """The pair in force."""
        return self.there.pairs.of(self.there.pairs.current)

    @property
    def second(self) -> PairSeen | None:
        """The pair that is kept ready."""
        return self.there.pairs.of(self.there.pairs.second)

    @property
    def next(self) -> PairSeen | None:
        """The pair that is to follow. One that was made by a wrong clock follows nobody: it begins later than now, or long
        before the one in force."""
        pairs = self.there.pairs
        found, current = pairs.of(pairs.next) if pairs.next != pairs.current else None, self.current
        if found is None or not self.is_timed:
            return found
        is_older = current is not None and found.starts_s < current.starts_s - PATIENCE_S <= self.now_s - PATIENCE_S
        return None if found.starts_s > self.now_s or (is_older and pairs.next != pairs.second) else found

    @property
    def means(self) -> str:
        """How a certificate comes about; "" without one."""
        return self.wanted.certificate.mode if self.wanted.certificate is not None and self.is_asked else ""

    def files(self, which: str = "current") -> Files:
        """Where the pair of a place lies: `current`, `second` or `next`."""
        one, folder = self.wanted.certificate, self.wanted.folder
        if one is not None and one.mode == "files":
            return Files(one.certificate, one.key)
        name = {"current": "device", "second": "device2", "next": "next/device"}[which]
        return Files(f"{folder}/{name}.crt", f"{folder}/{name}.key")

    def days_left(self, pair: PairSeen) -> int | None:
        """Whole days until a certificate ends, below 0 once it has; `None` where the clock cannot be right."""
        return int((pair.ends_s - self.now_s) // DAY_S) if self.is_timed else None


class IdentityOwn(NamedTuple):
    """The part of an identity (`templates.describe_text.Own`)."""

    identity: Identity | None = None
    engine: str = ""
    kind: str = "IdentityDescription"

    @property
    def whose(self) -> dict[str, str]:
        return _WHOSE

    @property
    def is_there(self) -> bool:
        return self.identity is not None

    def origin(self, asked: str) -> tuple[str, str]:
        return "asked for", asked

    def lines(self, now: float, style: Style) -> Iterator[str]:
        if self.identity is not None:
            yield ""
            yield from identity_lines(self.identity)

    def value(self) -> dict[str, Any]:
        found = identity_value(self.identity) if self.identity is not None else None
        return {"engine": self.engine or None, "identity": found}


def identity_lines(one: Identity) -> Iterator[str]:
    """An identity for people."""
    for name, text in _facts(one):
        yield field(name, one_line(text))


def _facts(one: Identity) -> Iterator[tuple[str, str]]:
    ids, azure, wanted = one.there.id, one.there.azure, one.wanted
    yield "device id", ids.id or f"none: {ids.why}"
    kept = [f"{wanted.folder}/deviceid" if ids.kept == ids.id else "", ANNOUNCED if ids.announced == ids.id else ""]
    if ids.id:
        yield "  kept in", ", ".join(filter(None, kept)) or "no file yet"
    for at, other in ((f"{wanted.folder}/deviceid", ids.kept), (ANNOUNCED, ids.announced)):
        if other and other != ids.id:
            fixed = ", and cannot be written" if at == ANNOUNCED and ids.is_readonly else ""
            yield "  but", f"{at} has {other}{fixed}"
    if wanted.azure is not None:
        yield "hub", (f"{one.hub} as {one.device}" if one.hub else "none yet") + f", by {_BY[azure.by]}"
        if azure.id_scope:
            yield "id scope", azure.id_scope
        if wanted.azure.connection_string:
            yield "  from", f"the connection string in {wanted.azure.connection_string} (not shown)"
        if azure.why:
            yield "  trouble", azure.why
    if wanted.certificate is not None:
        yield from _pair_facts(one, "certificate", one.current, "current")
        yield from _pair_facts(one, "second", one.second, "second", is_needed=False)
        yield from _pair_facts(one, "next", one.next, "next", is_needed=False)
    if one.waits:
        yield "waits for", one.waits
    if one.is_asked:
        yield "in force", _yes(one.in_force)
        yield "proven", _yes(one.proven)
    if one.otherwise:
        yield "asked for", one.otherwise
    if one.trouble:
        yield "trouble", one.trouble


def _pair_facts(
    one: Identity, word: str, pair: PairSeen | None, which: str, *, is_needed: bool = True
) -> Iterator[tuple[str, str]]:
    if pair is None:
        if is_needed:
            yield word, "none"
        return
    files = one.files(which)
    yield word, f"{files.certificate}, its key {files.key}"
    if pair.name or pair.issuer:
        yield "  subject", f"CN={pair.name}"
        yield "  issuer", f"CN={pair.issuer}" + (" (it has signed itself)" if pair.issuer == pair.name else "")
        yield "  from", iso_text(pair.starts_s)
        yield "  until", iso_text(pair.ends_s) + _left(one.days_left(pair))
    if pair.sha1:
        yield "  SHA-1", pair.sha1
        yield "  SHA-256", pair.sha256
    if pair.fault:
        yield "  trouble", pair.fault
    for remark in _remarks(one, pair):
        yield "  note", remark


def _remarks(one: Identity, pair: PairSeen) -> Iterator[str]:
    yield from pair.remarks
    if pair.lacks:
        yield f"{lack_text(pair)}; {lack_remedy(pair, one.there.wanted)}"
    if pair is one.current and (unfit := unfit_text(one.there)):
        yield f"{unfit}; {unfit_remedy(one.there)}"


_BY = {"certificate": "its certificate", "key": "a key that it shares", "token": "a token"}


def _left(days: int | None) -> str:
    if days is None:
        return ""
    return " (it has ended)" if days < 0 else f" ({days} day{'' if days == 1 else 's'} left)"


def identity_row(one: Identity) -> list[str]:
    """The cells of `COLUMNS`."""
    current = one.current
    ends = iso_text(current.ends_s)[:10] if current is not None and current.ends_s else ""
    in_force, proven = (_yes(one.in_force), _yes(one.proven)) if one.is_asked else ("still", "")
    return [one.name, one.there.id.id, one.means, ends, one.hub, in_force, proven]


def identity_colour(column: str, cell: str) -> Role | None:
    """The colour of a cell: what is in force and proven, and what is not."""
    if column not in ("IN FORCE", "PROVEN"):
        return None
    return {"yes": "good", "no": "change", "still": "change"}.get(cell)  # type: ignore[return-value]


def identity_value(one: Identity) -> dict[str, Any]:
    """An identity for programs; `null` stands for what is not there."""
    ids, azure, wanted = one.there.id, one.there.azure, one.wanted
    return {
        "name": one.name or None,
        "asked": one.is_asked,
        "deviceId": ids.id or None,
        "kept": ids.kept or None,
        "announced": ids.announced or None,
        "folder": wanted.folder,
        "mode": one.means or None,
        "certificate": _pair_value(one, one.current, "current"),
        "second": _pair_value(one, one.second, "second"),
        "next": _pair_value(one, one.next, "next"),
        "azure": None
        if wanted.azure is None
        else {
            "by": azure.by,
            "idScope": azure.id_scope or None,
            "hub": one.hub or None,
            "deviceId": one.device or None,
            "connectionStringFile": wanted.azure.connection_string or None,
            "trouble": azure.why or None,
        },
        "waitsFor": one.waits or None,
        "inForce": one.in_force,
        "proven": one.proven,
        "askedOtherwise": one.otherwise or None,
        "trouble": one.trouble or None,
    }


def _pair_value(one: Identity, pair: PairSeen | None, which: str) -> dict[str, Any] | None:
    if pair is None:
        return None
    files = one.files(which)
    return {
        "certificateFile": files.certificate,
        "keyFile": files.key,
        "subject": pair.name or None,
        "issuer": pair.issuer or None,
        "from": iso_text(pair.starts_s) if pair.ends_s else None,
        "until": iso_text(pair.ends_s) if pair.ends_s else None,
        "daysLeft": one.days_left(pair) if pair.ends_s else None,
        "thumbprint": pair.sha1 or None,
        "thumbprintSha256": pair.sha256 or None,
        "keyKind": pair.key_kind or None,
        "trouble": pair.fault or None,
        "remarks": list(_remarks(one, pair)),
    }


_NAMESPACE, _HUB_SUFFIX = "azure.edge", ".azure-devices."
"""The namespace of Kanto's connector, and what follows the name of a hub (provisioning.md §5.2, §5.6)."""


def connector_id(one: Identity) -> str:
    """The id under which Kanto's connector speaks for this identity (provisioning.md §5.6); "" without a hub."""
    return f"{_NAMESPACE}:{_hub_name(one)}:{one.device}" if one.hub else ""


def environment(one: Identity) -> dict[str, str]:
    """The values by name: those of sdv-device-info's `env` (provisioning.md §9), and then evenkeel's. The tenant is known
    to the connector alone."""
    current, second, files = one.current, one.second, one.files()
    return {
        "FULL_CONNECTION_IDENTIFIER": connector_id(one),
        "TENANT_ID": "",
        "CLOUD_HUB": _NAMESPACE if one.hub else "",
        "DEVICE_ID": one.device or one.there.id.id,
        "HUB_HOSTNAME": _hub_name(one),
        "HUB": one.hub,
        "ID_SCOPE": one.there.azure.id_scope,
        "CERTIFICATE_FILE": files.certificate if current is not None else "",
        "KEY_FILE": files.key if current is not None else "",
        "THUMBPRINT": current.sha1 if current is not None else "",
        "THUMBPRINT_SHA256": current.sha256 if current is not None else "",
        "CERTIFICATE_UNTIL": iso_text(current.ends_s) if current is not None and current.ends_s else "",
        "SECOND_THUMBPRINT": second.sha1 if second is not None else "",
        "SECOND_THUMBPRINT_SHA256": second.sha256 if second is not None else "",
        "IN_FORCE": _yes(one.in_force),
        "PROVEN": _yes(one.proven),
    }


def environment_lines(values: Mapping[str, str]) -> Iterator[str]:
    """Values by name as `KEY=value`, for `eval` in a shell: a value with other characters than names, ids and paths have is in
    quotes. Brokers and files of others are where values come from."""
    for name, text in values.items():
        yield f"{name}={shlex.quote(text) if text else ''}"


def _hub_name(one: Identity) -> str:
    return one.hub.partition(_HUB_SUFFIX)[0]


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"
