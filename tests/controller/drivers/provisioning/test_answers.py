"""The file `chain` after the certificate of a request was taken in: what is appended there, well or wrongly."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from evenkeel.controller.drivers.provisioning.ports import Pair
from evenkeel.reconcilers.provisioning.checks import of_identity
from evenkeel.specs.plan import Retry
from evenkeel.specs.provisioning.observed import ProvisioningLook
from evenkeel.specs.provisioning.provisioning import Certificate, Provisioning
from evenkeel.templates.provisioning_described import Identity, identity_value

from .apart import CHAIN, REQUEST, Box
from .device import FOLDER
from .openssl import authority, run

WANTED = Provisioning("device", FOLDER, certificate=Certificate("csr", request=REQUEST, chain=CHAIN))
REMEDY = f"put the certificate in force into {CHAIN}, with those above it in their order, or take that file away"
STAYS = "the certificate in force stays as it is"
_UNSIGNED = "certificate 2 of the file did not sign certificate 1"
ORDER = f"{_UNSIGNED}; the first is that of the device, and each signs the one before it"


class Signed(NamedTuple):
    """A device whose request was answered with the leaf alone, by an authority below a root."""

    box: Box
    folder: Path
    root: bytes
    below: bytes
    leaf: bytes
    held: Pair

    def sign(self, request: bytes) -> bytes:
        (self.folder / "client.ext").write_text("extendedKeyUsage=clientAuth\n")
        signer = ("-CA", self.folder / "below.crt", "-CAkey", self.folder / "below.key", "-CAcreateserial")
        rules = ("-days", "90", "-extfile", self.folder / "client.ext")
        return run("x509", "-req", *signer, *rules, stdin=request).encode()

    def told(self) -> list[str]:
        """The words of a doctor and of `identity show` about the file, with what to do; nothing is due, and all stays."""
        seen = asyncio.run(self.box.driver.observe(ProvisioningLook(documents=(WANTED,))))
        found = [f"{each.text}; {each.remedy}" for each in of_identity(seen.subjects[0], seen, self.box.memory)]
        told = [each for each in found if CHAIN in each and STAYS in each]
        shown = identity_value(Identity("device", seen.subjects[0], seen.now_s))["certificate"]["remarks"]
        assert [each for each in shown if STAYS in each] == told
        assert asyncio.run(self.box.plan(WANTED)).differences == ()
        return told


@pytest.fixture
def signed(tmp_path: Path) -> Iterator[Signed]:
    root, below = authority(tmp_path, "root").certificate, authority(tmp_path, "below", by="root").certificate
    box = Box(tmp_path / "box", is_real=True)
    it = Signed(box, tmp_path, root, below, b"", Pair(b"", b""))
    asyncio.run(box.follow(WANTED))
    it = it._replace(leaf=it.sign(box.at(REQUEST).read_bytes()))
    box.put(CHAIN, it.leaf)
    box.settle(WANTED)
    yield it._replace(held=box.names())
    asyncio.run(box.driver.close())


def test_a_file_that_cannot_bring_the_chain_is_told_and_changes_nothing(signed: Signed, tmp_path: Path) -> None:
    box, again = signed.box, signed.sign(_request(tmp_path, signed.held.key))
    assert signed.told() == []
    damaged = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    for content, why in (
        (signed.leaf + signed.root, ORDER),
        (signed.below + signed.leaf, "the key belongs to certificate 2 of the file; that one has to be the first"),
        (signed.leaf + damaged, "certificate 2 of 2 in the file cannot be read; it may be damaged"),
        (b"", "there is no certificate (PEM) in its file"),
        (signed.root, "the key is not that of the certificate"),
        (again + signed.below, "its certificate is another one for the same key, and none was requested"),
    ):
        box.put(CHAIN, content)
        assert signed.told() == [f"{CHAIN}: {why}; {STAYS}; {REMEDY}"]
    box.at(CHAIN).unlink()
    assert signed.told() == []
    box.at(CHAIN).mkdir()
    assert signed.told() == [f"{CHAIN} cannot be read: is a directory; {STAYS}; {REMEDY}"]
    assert box.names() == signed.held


def test_only_a_chain_with_further_certificates_is_taken(signed: Signed) -> None:
    box, whole = signed.box, signed.leaf + signed.below + signed.root
    for content in (b"# a comment\n" + signed.leaf, signed.leaf.replace(b"\n", b"\r\n")):
        box.put(CHAIN, content)
        assert signed.told() == [], "the same, in another spelling"
    box.put(CHAIN, whole)
    assert box.settle(WANTED) == ["take"]
    assert box.names() == Pair(whole, signed.held.key)
    for content in (signed.leaf, signed.leaf + signed.below, b"# a comment\n" + whole):
        box.put(CHAIN, content)
        assert signed.told() == [], "the pair in force has more, or the same"
    assert box.names() == Pair(whole, signed.held.key)


def test_an_authority_that_was_made_anew_takes_the_place_of_the_former_one(signed: Signed) -> None:
    box = signed.box
    box.put(CHAIN, signed.leaf + signed.below)
    box.settle(WANTED)
    key = signed.folder / "below.key"
    request = run("x509", "-x509toreq", "-in", signed.folder / "below.crt", "-signkey", key)
    signer = ("-CA", signed.folder / "root.crt", "-CAkey", signed.folder / "root.key", "-CAcreateserial")
    rules = ("-days", "5000", "-extfile", signed.folder / "below.ext")
    renewed = run("x509", "-req", *signer, *rules, stdin=request.encode()).encode()
    box.put(CHAIN, signed.leaf + renewed)
    assert box.settle(WANTED) == ["take"]
    assert box.names().certificate == signed.leaf + renewed


def test_a_file_that_changes_after_the_look_is_judged_again(signed: Signed) -> None:
    box = signed.box
    for content in (signed.leaf, b"# a comment\n" + signed.leaf, signed.leaf + signed.root, b""):
        box.put(CHAIN, signed.leaf + signed.below)
        (step,) = asyncio.run(box.plan(WANTED)).stages[0].steps
        box.put(CHAIN, content)
        outcome = asyncio.run(box.perform(step))
        assert (type(outcome), outcome.message) == (Retry, "it has changed since it was looked at"), content
        assert box.names() == signed.held


def _request(folder: Path, key: bytes) -> bytes:
    (folder / "held.key").write_bytes(key)
    return run("req", "-new", "-key", folder / "held.key", "-subj", "/CN=52-54-00-12-34-02").encode()
