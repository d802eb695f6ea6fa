"""Made-up keys and certificates, for simulated hosts: texts that follow the rules of real ones. Nobody can log in with them."""

from __future__ import annotations

import json
import secrets
from hashlib import sha1, sha256
from typing import Any

from evenkeel.controller.drivers.provisioning.ports import Pair
from evenkeel.specs.provisioning.pair import AuthoritySeen, KeyKind, PairSeen, Subject

SIMULATED_MARK = "SIMULATED"
_BEGIN, _END = f"-----BEGIN {SIMULATED_MARK} {{}}-----\n", f"\n-----END {SIMULATED_MARK} {{}}-----\n"
_LAST_S = 4_000_000_000.0


class SimulatedMaker:
    """A `Maker` of made-up texts. No two keys are alike."""

    def self_signed(self, kind: KeyKind, subject: Subject) -> Pair:
        key = self._key(kind, subject.name)
        return self._pair(kind, subject, subject.name, key, by=key)

    def signed(self, kind: KeyKind, subject: Subject, authority: Pair) -> Pair:
        issuer, key = self.inspect(authority).name or "Simulated Authority", self._key(kind, subject.name)
        return self._pair(kind, subject, issuer, key, by=authority.key)

    def request(self, kind: KeyKind, name: str, key: bytes = b"") -> Pair:
        key = key or self._key(kind, name)
        return Pair(_text("REQUEST", {"name": name, "key": sha256(key).hexdigest()}), key)

    def inspect(self, pair: Pair) -> PairSeen:
        found = _value(pair.certificate)
        marks = (
            sha256(pair.certificate).hexdigest().upper(),
            sha1(pair.certificate, usedforsecurity=False).hexdigest().upper(),
        )
        if "starts_s" not in found:
            return PairSeen(*marks, fault="the certificate cannot be read")
        fault = "" if found["key"] == sha256(pair.key).hexdigest() else "the key is not that of the certificate"
        times = found["starts_s"], found["ends_s"]
        issuers = [found["issuer"]] if found["issuer"] != found["name"] else []  # what is made up lacks nothing
        above = tuple(sha256(each.encode()).hexdigest().upper() for each in issuers)
        return PairSeen(*marks, found["name"], found["issuer"], *times, found["kind"], above, fault)

    def authority(self, pair: Pair, certificates: tuple[bytes, ...]) -> AuthoritySeen:
        found, key = self.inspect(pair), sha256(pair.key).hexdigest()
        signed = tuple(
            sha256(each).hexdigest().upper() for each in certificates if _value(each).get("signer", "") == key
        )
        return AuthoritySeen(found.name, found.fault, found.starts_s, found.ends_s, signed)

    def end(self) -> None:
        """Nothing is under way."""

    @staticmethod
    def _key(kind: KeyKind, name: str) -> bytes:
        return _text("KEY", {"kind": kind, "name": name, "mark": secrets.token_hex(8)})

    @staticmethod
    def _pair(kind: KeyKind, subject: Subject, issuer: str, key: bytes, *, by: bytes) -> Pair:
        times = {"starts_s": subject.starts_s, "ends_s": subject.ends_s}
        keys = {"key": sha256(key).hexdigest(), "signer": sha256(by).hexdigest()}
        value = {"name": subject.name, "issuer": issuer, "kind": kind, **keys, **times}
        return Pair(_text("CERTIFICATE", value), key)


def made_up(name: str) -> Pair:
    """The pair that a simulated host has in files that somebody is to give."""
    return SimulatedMaker().self_signed("ec-p256", Subject(name, 0.0, _LAST_S))


def _text(what: str, value: object) -> bytes:
    return (_BEGIN.format(what) + json.dumps(value) + _END.format(what)).encode()


def _value(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content.decode().splitlines()[1])
    except (ValueError, IndexError):
        return {}
    return found if isinstance(found, dict) else {}
