"""A rollover of the pair that a broker asks for, from the first action to the last one, with a process that ends at each of
them: evenkeel is let in after each, and at the end with the new pair alone."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from tests.controller.drivers.provisioning.apart import Box
from tests.controller.drivers.provisioning.device import FOLDER
from tests.controller.drivers.provisioning.killing import killed_after
from tests.controller.drivers.provisioning.openssl import DAY_S, authority
from tests.engines.broker import Broker
from tests.sampling import sampled

from evenkeel.controller.drivers.provisioning.certificates import Certificates
from evenkeel.controller.drivers.provisioning.ports import Pair
from evenkeel.controller.mqtt import MqttLink, certificates
from evenkeel.controller.process.let_in import FILE as LET_IN
from evenkeel.controller.process.let_in import LetIn
from evenkeel.reconcilers.provisioning.rotation import rotation
from evenkeel.specs.plan import Done
from evenkeel.specs.provisioning.observed import ProvisioningLook
from evenkeel.specs.provisioning.provisioning import Certificate, Provisioning

from .gate import asks_for_certificates, knows, link, publishes, until

_NEVER = 10_000
LATER_S = 3000.0
"""Then the pair that signs itself is due, and one that is made then is valid for the broker, whose clock nobody changes."""


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "LOOK_S", 0.05)
    monkeypatch.setattr(certificates, "FIRST_S", 0.1)
    monkeypatch.setattr(certificates, "LONGEST_S", 0.2)


class Scene:
    """A broker, and a device whose pair it knows. The rollover is due (`selfSigned`), or asked for by `provision --rotate`
    (`caSigned`). A broker knows the former by the certificate itself, and the latter by its authority; it heeds the list of
    the certificates that this one has revoked."""

    def __init__(self, folder: Path, broker: Broker, mode: str) -> None:
        self.broker, self.folder, self._prepared = broker, folder / "device", folder / "prepared"
        self._is_rotated = mode == "caSigned"
        if self._is_rotated:
            self._lab = authority(folder, "lab")
            ca, ca_key = (str(folder / f"lab.{end}") for end in ("crt", "key"))
            certificate = Certificate("caSigned", valid_s=60 * DAY_S, ca=ca, ca_key=ca_key)
        else:
            certificate = Certificate("selfSigned", valid_s=4200.0, renew_before_s=1800.0)
        self.wanted = Provisioning("device", FOLDER, certificate=certificate)
        asks_for_certificates(broker, revokes=self._is_rotated)

    @property
    def let_in(self) -> LetIn:
        return LetIn(self.folder / "state" / LET_IN)

    def process(self, *, later_s: float = LATER_S) -> Box:
        """A new one on the device."""
        box = Box(self.folder, is_real=True, later_s=later_s, at_broker=True)
        for path in self.folder.parent.glob("lab.*") if self._is_rotated else ():
            box.put(str(path), path.read_bytes())
        return box

    def link(self) -> MqttLink:
        return link(self.broker, self.folder / f"root{FOLDER}", let_in=self.let_in)

    def shown(self, box: Box) -> str:
        """The thumbprint of the pair with which the broker has let evenkeel in last."""
        pair = self.let_in.pair()
        return box.driver.sight.store(FOLDER).at(pair.certificate) if pair is not None else ""

    @property
    def has_to_learn(self) -> bool:
        """Whether the broker does not know a new pair by its authority."""
        return not self._is_rotated

    @staticmethod
    def id_of(box: Box, pair: Pair) -> str:
        return box.driver.sight.maker.inspect(pair).sha256

    def trusts(self, *pairs: Pair, revoked: Pair | None = None) -> None:
        """The broker trusts these from now on; the authority of a lab has to revoke what it has signed."""
        if self._is_rotated:
            knows(self.broker, self._lab, revoked=_revoking(self._lab, revoked))
        else:
            knows(self.broker, *pairs)

    def keep(self) -> None:
        """From here each moment begins."""
        shutil.rmtree(self._prepared, ignore_errors=True)
        shutil.copytree(self.folder, self._prepared, symlinks=True)

    def back(self) -> Box:
        """A new process on the device as it was kept."""
        shutil.rmtree(self.folder)
        shutil.copytree(self._prepared, self.folder, symlinks=True)
        return self.process()

    async def begin(self) -> Pair:
        """A pair is in force, and the broker has let evenkeel in with it."""
        box = self.process(later_s=0.0)
        await settled(box, self.wanted)
        self.trusts(box.names())
        async with self.link():
            await until(lambda: self.shown(box) != "")
        await box.driver.close()
        return box.names()

    async def begin_the_end(self, old: Pair) -> None:
        """The new pair is in force, and the broker has let evenkeel in with it: the old one has to go."""
        self.trusts(old)
        box = self.back()
        await self.roll(box, old)
        self.trusts(old, box.names())
        async with self.link():
            await until(lambda: self.shown(box) == self.id_of(box, box.names()))
        await box.driver.close()
        self.keep()

    async def roll(self, box: Box, old: Pair) -> None:
        """All that can be done while the broker has not let evenkeel in with the new pair."""
        if self._is_rotated and box.names() == old:
            seen = await box.driver.observe(ProvisioningLook(documents=(self.wanted,)))
            action = rotation(seen.subjects[0], seen)
            assert action is None or isinstance(await box.driver.perform(action, lambda *given: None), Done)
            box.between()
        await settled(box, self.wanted)


def _revoking(lab: Pair, pair: Pair | None) -> bytes:
    """The list of the authority, with this pair or with none."""
    now = datetime.now(UTC)
    above = x509.load_pem_x509_certificate(lab.certificate)
    builder = x509.CertificateRevocationListBuilder(above.subject, now - timedelta(days=1), now + timedelta(days=1))
    if pair is not None:
        number = x509.load_pem_x509_certificate(pair.certificate).serial_number
        one = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(now - timedelta(hours=1))
        builder = builder.add_revoked_certificate(one.build())
    return builder.sign(load_pem_private_key(lab.key, None), SHA256()).public_bytes(Encoding.PEM)  # type: ignore[arg-type]


async def settled(box: Box, wanted: Provisioning) -> None:
    await box.follow(wanted)
    assert box.trouble is None, box.trouble


def check_whole(box: Box) -> None:
    """Each key has its certificate."""
    assert Certificates().inspect(box.names()).fault == ""
    look = box.driver.sight.store(FOLDER).look()
    assert [seen.fault for seen in look.pairs.values() if seen.fault] == []


@pytest.mark.parametrize("mode", ["selfSigned", "caSigned"])
async def test_a_process_that_ends_at_any_step_leaves_a_pair_that_the_broker_lets_in(
    mode: str, mosquitto: Callable[..., Broker], tmp_path: Path
) -> None:
    it = Scene(tmp_path, mosquitto(secure=True), mode)
    old = await it.begin()
    it.keep()
    for last in await moments(it, lambda box: it.roll(box, old)):
        it.trusts(old)
        await dies(it, last, lambda box: it.roll(box, old))
        box = it.process()
        check_whole(box)
        async with it.link() as connection:
            await until(lambda: connection.connected)
            assert bool(connection.concern) == (box.names() != old and mode == "selfSigned")
            await it.roll(box, old)
            await follows(it, box, connection, old)
            await ends(it, box, connection, old)
    await it.begin_the_end(old)
    for last in await moments(it, lambda box: settled(box, it.wanted)):
        await dies(it, last, lambda box: settled(box, it.wanted))
        box = it.process()
        check_whole(box)
        async with it.link() as connection:
            await until(lambda: connection.connected)
            assert not connection.concern
            await ends(it, box, connection, old)


async def moments(it: Scene, work: Callable[[Box], Awaitable[None]]) -> list[int]:
    """One within each action of the work, by the number of changes on the disk before it. Whoever reads meanwhile finds the
    pair of before, or the one of afterwards."""
    box, after, read = it.back(), [0], set[Pair]()
    before = box.names()
    with killed_after(_NEVER, lambda: read.add(box.names())) as watch:
        box.between = lambda: after.append(watch.done)
        await work(box)
    assert read == {before, box.names()}
    await box.driver.close()
    spans = [range(low, high) for low, high in pairwise(after) if high > low]
    assert spans
    return [each for number, span in enumerate(spans) for each in sampled(span, 1, f"rollover at a broker {number}")]


async def dies(it: Scene, last: int, work: Callable[[Box], Awaitable[None]]) -> None:
    """A process that ends before that change."""
    box = it.back()
    with killed_after(last) as watch:
        await work(box)
    assert watch.done == last
    await box.driver.close()


async def follows(it: Scene, box: Box, connection: MqttLink, old: Pair) -> None:
    """The new pair is in force, and evenkeel's connection follows as soon as the broker knows it."""
    new = box.names()
    assert new != old
    if it.has_to_learn:
        await until(lambda: connection.connected and bool(connection.concern))
        assert it.shown(box) == it.id_of(box, old)
        it.trusts(old, new)
    await until(lambda: connection.connected and not connection.concern and it.shown(box) == it.id_of(box, new))


async def ends(it: Scene, box: Box, connection: MqttLink, old: Pair) -> None:
    """The old pair goes, here and at the broker."""
    await settled(box, it.wanted)
    new = box.names()
    check_whole(box)
    folders = sorted((box.at(FOLDER) / "pairs").iterdir())
    assert [Pair((each / "device.crt").read_bytes(), (each / "device.key").read_bytes()) for each in folders] == [new]
    it.trusts(new, revoked=old)
    await until(lambda: connection.connected)
    assert [publishes(it.broker, pair, it.folder / "asking") for pair in (new, old)] == [True, False]
    await box.driver.close()
