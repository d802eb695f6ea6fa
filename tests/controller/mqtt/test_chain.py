"""The manual way of the seed document (leda-device-provisioning.txt §1) with a root, an authority below it and the device: what
evenkeel puts in force is let in by a broker that trusts the root alone, and a chain that is not is told."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.controller.drivers.provisioning.apart import Box
from tests.controller.drivers.provisioning.device import FOLDER
from tests.controller.drivers.provisioning.openssl import DEVICE, EC, authority, run
from tests.engines.broker import Broker

from evenkeel.controller.drivers.provisioning.ports import Pair
from evenkeel.reconcilers.provisioning.checks import of_identity
from evenkeel.specs.provisioning.observed import ProvisioningLook
from evenkeel.specs.provisioning.provisioning import Certificate, Provisioning

from .gate import asks_for_certificates, knows, publishes

GIVEN = Certificate("files", certificate="/given/device.crt", key="/given/device.key")
REQUESTED = Certificate("csr", request="/data/device.csr", chain="/data/signed.crt")


class Lab(NamedTuple):
    """A root and an authority below it, as openssl makes them, and a broker that trusts the root alone."""

    folder: Path
    root: Pair
    below: Pair
    broker: Broker

    def sign(self, request: bytes, by: str = "below") -> bytes:
        """The certificate for a request."""
        (self.folder / "client.ext").write_text("extendedKeyUsage=clientAuth\n")
        signer = ("-CA", self.folder / f"{by}.crt", "-CAkey", self.folder / f"{by}.key", "-CAcreateserial")
        rules = ("-days", "90", "-extfile", self.folder / "client.ext")
        return run("x509", "-req", *signer, *rules, stdin=request).encode()

    def device(self, by: str = "below") -> Pair:
        """A key and its certificate, without what is above it."""
        key = self.folder / "device.key"
        request = run("req", *EC, "-keyout", key, "-subj", f"/CN={DEVICE}")
        return Pair(self.sign(request.encode(), by), key.read_bytes())

    def judge(self, pair: Pair) -> None:
        """openssl and the broker, of which both know the root alone, agree with what evenkeel has put in force."""
        own, *above = blocks(pair.certificate)
        assert above[0] == self.below.certificate
        (self.folder / "own.crt").write_bytes(own)
        (self.folder / "above.crt").write_bytes(b"".join(above))
        rules = ("-x509_strict", "-purpose", "sslclient", "-CAfile", self.folder / "root.crt")
        words = run("verify", *rules, "-untrusted", self.folder / "above.crt", self.folder / "own.crt")
        assert words.strip().endswith(": OK")
        assert self.lets_in(pair)

    def lets_in(self, pair: Pair) -> bool:
        return publishes(self.broker, pair, self.folder / "asking")


def blocks(content: bytes) -> list[bytes]:
    """The certificates in a file."""
    return re.findall(b"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", content, re.DOTALL)


@pytest.fixture
def lab(mosquitto: Callable[..., Broker], tmp_path: Path) -> Lab:
    folder = tmp_path / "lab"
    folder.mkdir()
    broker = mosquitto(secure=True)
    asks_for_certificates(broker)
    it = Lab(folder, authority(folder, "root"), authority(folder, "below", by="root"), broker)
    knows(broker, it.root)
    return it


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    it = Box(tmp_path / "box", is_real=True)
    yield it
    asyncio.run(it.driver.close())


def by(certificate: Certificate) -> Provisioning:
    return Provisioning("device", FOLDER, certificate=certificate)


def give(box: Box, pair: Pair) -> None:
    box.put(GIVEN.certificate, pair.certificate)
    box.put(GIVEN.key, pair.key)


def in_force(box: Box, wanted: Provisioning) -> Pair:
    """The pair in the files that other programs are told of."""
    values = box.driver.sight.provided.all()[wanted.name].values
    return Pair(box.at(values["certificateFile"]).read_bytes(), box.at(values["keyFile"]).read_bytes())


def told(box: Box, wanted: Provisioning) -> list[str]:
    """What a doctor says about the certificate, with the remedies."""
    seen = asyncio.run(box.driver.observe(ProvisioningLook(documents=(wanted,))))
    found = of_identity(seen.subjects[0], seen, box.memory)
    return [f"{each.text} → {each.remedy}" for each in found if each.state != "ok"]


def test_files_of_openssl_with_their_chain(lab: Lab, box: Box) -> None:
    wanted, made = by(GIVEN), lab.device()
    give(box, Pair(made.certificate + lab.below.certificate, made.key))
    box.settle(wanted)
    lab.judge(in_force(box, wanted))
    assert told(box, wanted) == []
    assert box.settle(wanted) == []


def test_a_request_that_the_authority_below_answers(lab: Lab, box: Box) -> None:
    wanted = by(REQUESTED)
    asyncio.run(box.follow(wanted))
    signed = lab.sign(box.at(REQUESTED.request).read_bytes())
    box.put(REQUESTED.chain, signed + lab.below.certificate + lab.root.certificate)
    box.settle(wanted)
    assert in_force(box, wanted) == box.names()
    assert blocks(box.names().certificate) == [signed, lab.below.certificate, lab.root.certificate]
    lab.judge(box.names())
    assert told(box, wanted) == []
    assert box.settle(wanted) == []


def test_files_without_the_authority_above_are_told_with_what_to_append(lab: Lab, box: Box) -> None:
    """They are good where the authority is the one that is trusted, which nobody on this device can know."""
    wanted, made = by(GIVEN), lab.device()
    give(box, made)
    box.settle(wanted)
    assert not lab.lets_in(in_force(box, wanted))
    remedy = f"append the certificate of below to {GIVEN.certificate}"
    why = "its file does not have the certificate of below, which signed it: who trusts only a root above below refuses it"
    assert told(box, wanted) == [f"{why} → {remedy}"]
    assert box.said[-1] == f"it is in force; {why}; {remedy}"
    box.put(GIVEN.certificate, made.certificate + lab.below.certificate)
    assert told(box, wanted) == []
    lab.judge(in_force(box, wanted))


def test_the_answer_to_a_request_gets_its_authority_later(lab: Lab, box: Box) -> None:
    wanted = by(REQUESTED)
    asyncio.run(box.follow(wanted))
    signed = lab.sign(box.at(REQUESTED.request).read_bytes())
    box.put(REQUESTED.chain, signed)
    box.settle(wanted)
    key = box.names().key
    assert not lab.lets_in(box.names())
    assert told(box, wanted)[0].endswith(f"append the certificate of below to {REQUESTED.chain}")
    box.put(REQUESTED.chain, signed + lab.root.certificate)
    assert box.settle(wanted) == [], "which is no chain"
    assert len(told(box, wanted)) == 2, "that one is missing still, and that this is no chain"
    box.put(REQUESTED.chain, signed + lab.below.certificate)
    (change,) = asyncio.run(box.plan(wanted)).differences
    assert "its file has further certificates now" in change.why
    assert box.settle(wanted, restarts=True) == ["take"]
    assert box.names() == Pair(signed + lab.below.certificate, key)
    lab.judge(box.names())
    assert told(box, wanted) == []
    assert box.settle(wanted) == []


def test_a_chain_in_another_order_is_told_and_nothing_of_it_is_in_force(lab: Lab, box: Box) -> None:
    authority(lab.folder, "no-authority", by="root", ca="FALSE", usage="digitalSignature")
    nobody = (lab.folder / "no-authority.crt").read_bytes()
    wanted, made, wrong = by(GIVEN), lab.device(), lab.device("no-authority")
    first = "the key belongs to certificate {} of the file; that one has to be the first"
    above = "certificate {} of the file did not sign certificate {}; the first is that of the device, and each signs the one"
    for pair, (one, *others), why in (
        (made, (lab.below.certificate, made.certificate), first.format(2)),
        (made, (lab.root.certificate, lab.below.certificate, made.certificate), first.format(3)),
        (made, (made.certificate, lab.root.certificate, lab.below.certificate), above.format(2, 1)),
        (made, (made.certificate, lab.root.certificate), above.format(2, 1)),
        (
            wrong,
            (wrong.certificate, nobody),
            "certificate 2 of the file may not sign another one: it lacks basicConstr",
        ),
    ):
        give(box, Pair(b"".join((one, *others)), pair.key))
        (blocked,) = asyncio.run(box.plan(wanted)).differences
        assert (blocked.verb, why in blocked.why) == ("blocked", True), blocked.why
        assert box.settle(wanted) == []
    requested = by(REQUESTED)
    asyncio.run(box.follow(requested))
    signed = lab.sign(box.at(REQUESTED.request).read_bytes())
    box.put(REQUESTED.chain, lab.below.certificate + signed)
    asyncio.run(box.follow(requested))
    assert box.trouble is not None
    assert f"({REQUESTED.chain}: {first.format(2)})" in box.trouble.message
    assert not (box.at(FOLDER) / "device.crt").exists()
    box.put(REQUESTED.chain, signed + lab.below.certificate)
    box.settle(requested)
    lab.judge(box.names())
