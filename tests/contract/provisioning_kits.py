"""Hosts and clouds of provisioning that are held against the contract, each with the hands of somebody else.

A kit is a device without an identity, whose id is `DEVICE`, and a cloud that knows nobody."""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path
from typing import Any, Protocol

from tests.controller.drivers.provisioning import openssl
from tests.controller.drivers.provisioning.apart import signed
from tests.controller.drivers.provisioning.openssl import DAY_S, DEVICE
from tests.engines.azure_double import PORT, SCOPE, Azure
from tests.engines.identities import Issued, self_signed

from evenkeel.controller.drivers.provisioning.azure.cloud import AzureCloud
from evenkeel.controller.drivers.provisioning.azure.simulated import Enrolled, Script, SimulatedCloud, thumbprints
from evenkeel.controller.drivers.provisioning.certificates import Certificates
from evenkeel.controller.drivers.provisioning.engine import ProvisioningEngine
from evenkeel.controller.drivers.provisioning.host import Host
from evenkeel.controller.drivers.provisioning.maker import MakerApart
from evenkeel.controller.drivers.provisioning.ports import Pair
from evenkeel.controller.drivers.provisioning.simulated import SimulatedMaker
from evenkeel.controller.units import SimulatedUnits
from evenkeel.specs.provisioning.pair import Subject
from evenkeel.specs.provisioning.provisioning import Azure as Way

LAB = "Lab"
"""The name of the authority."""


class ProvisioningKit(Protocol):
    """What a test needs of a host and of a cloud. Nothing here but `driver` goes through the driver under test.

    `hubs`: two of them. `later_s`: by how much the clock of the device is ahead. `is_apart`: keys are made by processes of
    their own, where they are real. `root`: the folder that stands for `/`, and `state`: that of evenkeel."""

    hubs: tuple[str, str]
    later_s: float
    is_apart: bool
    root: Path
    state: Path

    def driver(self) -> ProvisioningEngine:
        """A new process."""
        ...

    def way(self, **fields: Any) -> Way:
        """The way to the cloud, by a connection string or by a registration."""
        ...

    def enter(self, certificate: bytes = b"", *, key: str = "", hub: str = "") -> None:
        """Somebody enters the device at a hub. What it had there before is not known any more."""
        ...

    def enrol(self, certificate: bytes = b"", *, key: str = "", group: str = "", hub: str = "") -> None:
        """Somebody enrols the device at the service; with nothing given, by the authority."""
        ...

    def forget(self) -> None:
        """No hub knows the device any more."""
        ...

    def lets_in(self, pair: Pair, hub: str = "") -> bool:
        """Whether the hub lets the device in with a pair."""
        ...

    def authority(self) -> Pair:
        """An authority, which the cloud trusts."""
        ...

    def sign(self, request: bytes) -> bytes:
        """The certificate for a request, with its chain."""
        ...

    def foreign(self, *, days: float, name: str = DEVICE) -> Pair:
        """A pair that something else has made, which has signed itself and ends after so many days from now."""
        ...

    def judge(self, pair: Pair) -> None:
        """Somebody else's judgement of a pair: raises where it is not a good one of this device."""
        ...


class SimulatedKit:
    """The simulated ones."""

    hubs: tuple[str, str] = ("one.azure-devices.net", "two.azure-devices.net")

    def __init__(self, folder: Path) -> None:
        self.root, self.state, self.later_s, self.is_apart = folder / "root", folder / "state", 0.0, False
        self._script = Script(scopes={SCOPE: self.hubs[0]}, enrolments={DEVICE: Enrolled({"nothing yet"})})

    def driver(self) -> ProvisioningEngine:
        host, cloud = Host(self.root, is_simulated=True), SimulatedCloud(self._script, is_open=False)
        now = lambda: time.time() + self.later_s  # noqa: E731
        return ProvisioningEngine(host, self.state, SimulatedMaker(), cloud, SimulatedUnits(), now, at_broker=True)

    def way(self, **fields: Any) -> Way:
        return Way(**fields) if "connection_string" in fields else Way(**{"id_scope": SCOPE, **fields})

    def enter(self, certificate: bytes = b"", *, key: str = "", hub: str = "") -> None:
        self._script.devices[hub or self.hubs[0], DEVICE] = Enrolled(_of(certificate), key)

    def enrol(self, certificate: bytes = b"", *, key: str = "", group: str = "", hub: str = "") -> None:
        self._script.enrolments = {} if group else {DEVICE: Enrolled(_of(certificate), key, hub)}
        self._script.group_key = group

    def forget(self) -> None:
        self._script.devices.clear()

    def lets_in(self, pair: Pair, hub: str = "") -> bool:
        known = self._script.devices.get((hub or self.hubs[0], DEVICE))
        return known is not None and (not known.thumbprints or bool(known.thumbprints & _of(pair.certificate)))

    def authority(self) -> Pair:
        return self.foreign(days=3650, name=LAB)

    def sign(self, request: bytes) -> bytes:
        return signed(LAB, request)

    def foreign(self, *, days: float, name: str = DEVICE) -> Pair:
        return SimulatedMaker().self_signed("ec-p256", Subject(name, 0.0, time.time() + days * DAY_S))

    def judge(self, pair: Pair) -> None:
        seen = SimulatedMaker().inspect(pair)
        assert (seen.fault, seen.name) == ("", DEVICE)
        assert seen.ends_s > time.time()


class RealKit:
    """The real driver on a folder, and the double of Azure."""

    def __init__(self, folder: Path, azure: Azure) -> None:
        self.root, self.state, self.later_s, self.is_apart = folder / "root", folder / "state", 0.0, False
        self.azure, self.hubs, self._folder = azure, (azure.hub, azure.other_hub), folder
        self._ca = folder / "root/ca.crt"

    def driver(self) -> ProvisioningEngine:
        now = lambda: time.time() + self.later_s  # noqa: E731
        if not self._ca.exists():
            self._ca.write_bytes(self.azure.authority.certificate)
        cloud = AzureCloud(self.azure.now, sleep=self.azure.sleep)
        maker = MakerApart() if self.is_apart else Certificates()
        return ProvisioningEngine(Host(self.root), self.state, maker, cloud, SimulatedUnits(), now)

    def way(self, **fields: Any) -> Way:
        if "connection_string" not in fields:
            port = self.azure.https_port if fields.get("transport") == "https" else PORT
            fields = {"id_scope": SCOPE, "host": self.azure.dps, "port": port} | fields
        return Way(**fields, ca="/ca.crt", hub_port=PORT)

    def enter(self, certificate: bytes = b"", *, key: str = "", hub: str = "") -> None:
        self.azure.enter(DEVICE, shown=_issued(certificate), key=key, hub=hub)

    def enrol(self, certificate: bytes = b"", *, key: str = "", group: str = "", hub: str = "") -> None:
        if group:
            self.azure.group_key = group
        else:
            self.azure.enrol(DEVICE, shown=_issued(certificate), key=key, hub=hub)

    def forget(self) -> None:
        self.azure.devices.clear()

    def lets_in(self, pair: Pair, hub: str = "") -> bool:
        """By hand: CONNECT of MQTT 3.1.1, and the code of CONNACK."""
        host = hub or self.hubs[0]
        context = ssl.create_default_context(cadata=self.azure.authority.certificate.decode())
        for name, content in zip(("shown.crt", "shown.key"), pair, strict=True):
            (self._folder / name).write_bytes(content)
        context.load_cert_chain(self._folder / "shown.crt", self._folder / "shown.key")
        user = f"{host}/{DEVICE}/?api-version=2021-04-12"
        body = _text("MQTT") + b"\4\x82\0\x3c" + _text(DEVICE) + _text(user)
        try:
            with (
                socket.create_connection((host, PORT)) as plain,
                context.wrap_socket(plain, server_hostname=host) as secure,
            ):
                secure.sendall(b"\x10" + bytes([len(body)]) + body)
                return secure.recv(4) == b"\x20\2\0\0"
        except (ssl.SSLError, ConnectionError):
            return False

    def authority(self) -> Pair:
        if not (self._folder / f"{LAB}.crt").exists():
            pair = openssl.authority(self._folder, LAB)
            self.azure.tls.load_verify_locations(cadata=pair.certificate.decode())
        return Pair((self._folder / f"{LAB}.crt").read_bytes(), (self._folder / f"{LAB}.key").read_bytes())

    def sign(self, request: bytes) -> bytes:
        above = self.authority().certificate
        signer = ("-CA", self._folder / f"{LAB}.crt", "-CAkey", self._folder / f"{LAB}.key", "-CAcreateserial")
        certificate = openssl.run("x509", "-req", *signer, "-copy_extensions", "copy", "-days", "60", stdin=request)
        return certificate.encode() + above

    def foreign(self, *, days: float, name: str = DEVICE) -> Pair:
        return Pair(*self_signed(name, begins=min(-1, days - 1), ends=days))

    def judge(self, pair: Pair) -> None:
        """openssl: the chain, the purpose, the name, the time, and the key."""
        leaf, chain = self._folder / "judged.crt", self._folder / "judged-chain.crt"
        leaf.write_bytes(pair.certificate)
        chain.write_bytes(pair.certificate)
        rules = ("-x509_strict", "-purpose", "sslclient")
        assert openssl.run("verify", *rules, "-CAfile", chain, leaf).strip().endswith(": OK")
        words = openssl.run("x509", "-noout", "-subject", "-nameopt", "RFC2253", "-in", leaf)
        assert words.strip() == f"subject=CN={DEVICE}"
        openssl.run("x509", "-noout", "-checkend", "60", "-in", leaf)
        assert openssl.run("x509", "-noout", "-pubkey", "-in", leaf) == openssl.public_key(pair.key)
        assert "Version: 3" in openssl.text(pair.certificate)


def _of(certificate: bytes) -> set[str]:
    return thumbprints(certificate) if certificate else set()


def _issued(certificate: bytes) -> Issued | None:
    return Issued(certificate, b"") if certificate else None


def _text(text: str) -> bytes:
    return len(text).to_bytes(2, "big") + text.encode()
