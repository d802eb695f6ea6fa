"""The connection follows the certificates in its files: a real broker that asks for them, and a rollover of provisioning."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.engines.broker import Broker
from tests.engines.identities import Issued, self_signed
from tests.until import PATIENCE_S

from evenkeel.controller.drivers.provisioning.certificates import Certificates
from evenkeel.controller.drivers.provisioning.inspected import Inspections
from evenkeel.controller.drivers.provisioning.pairs import PairStore
from evenkeel.controller.drivers.provisioning.ports import Pair
from evenkeel.controller.mqtt import certificates
from evenkeel.controller.process.let_in import LetIn

from .gate import asks_for_certificates, knows, link, publishes, until

OLD, NEW = self_signed("device-old"), self_signed("device-new")


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "LOOK_S", 0.05)


@pytest.fixture
def broker(mosquitto: Callable[..., Broker]) -> Broker:
    """Devices are known by their certificates; its log names them."""
    it = mosquitto(secure=True)
    asks_for_certificates(it)
    knows(it, OLD, NEW)
    return it


def let_in(broker: Broker) -> list[str]:
    """The devices that the broker has let in with a certificate, in order."""
    lines = broker.log.read_text().splitlines()
    return [
        line.rpartition(" u'")[2].partition("'")[0]
        for line in lines
        if "New client connected" in line and " u'" in line
    ]


def provisioned(folder: Path, *pairs: Issued) -> tuple[PairStore, list[str]]:
    """A folder with these pairs, of which the first is in force."""
    store = PairStore(folder, Inspections(Certificates().inspect))
    ids = [store.add(Pair(*each)) for each in pairs]
    store.switch("current", ids[0])
    return store, ids


async def test_a_rollover_is_followed_and_nothing_is_lost_or_said_twice(broker: Broker, tmp_path: Path) -> None:
    store, (_, new) = provisioned(tmp_path / "identity", OLD, NEW)
    said: list[str] = []
    async with link(broker, store.folder, "news") as it:

        async def talk() -> None:
            while len(let_in(broker)) < 2:
                said.append(str(len(said)))
                await it.publish("news", said[-1].encode())

        await until(lambda: it.connected)
        talking = [asyncio.create_task(talk()) for _ in range(5)]
        store.switch("current", new)
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*talking)
        heard: set[str] = set()
        async with asyncio.timeout(PATIENCE_S):
            async for message in it.messages():
                await message.done()
                assert message.duplicate or message.payload.decode() not in heard
                heard.add(message.payload.decode())
                if len(heard) == len(said):
                    break
        assert heard == set(said)
        assert let_in(broker) == ["device-old", "device-new"]
        knows(broker, NEW)
        await until(lambda: len(let_in(broker)) == 3 and it.connected)
        assert let_in(broker)[2:] == ["device-new"]
        assert (publishes(broker, OLD, tmp_path / "old"), publishes(broker, NEW, tmp_path / "new")) == (False, True)


async def test_a_pair_that_cannot_be_used_is_told_and_the_connection_stays(broker: Broker, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "device.crt").write_bytes(OLD.certificate)
    (folder / "device.key").write_bytes(OLD.key)
    async with link(broker, folder) as it:
        await until(lambda: it.connected)
        (folder / "device.crt").write_bytes(NEW.certificate)
        await until(lambda: bool(it.concern))
        assert it.concern == f"{folder}/device.crt, {folder}/device.key: cannot be used: KEY_VALUES_MISMATCH"
        await it.publish("t", b"still there")
        assert it.connected
        (folder / "device.key").write_bytes(NEW.key)
        await until(lambda: not it.concern)
        await until(lambda: len(let_in(broker)) == 2 and it.connected)
    assert let_in(broker) == ["device-old", "device-new"]


async def test_a_pair_that_the_broker_refuses_gives_way_to_the_former_one_and_is_tried_again(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "FIRST_S", 3600.0)
    knows(broker, OLD)
    store, (old, new) = provisioned(tmp_path / "identity", OLD, NEW)
    kept = LetIn(tmp_path / "state" / "let-in.json")

    def let_in_with() -> str:
        pair = kept.pair()
        return store.at(pair.certificate) if pair is not None else ""

    async with link(broker, store.folder, let_in=kept) as it:
        await until(lambda: it.connected and let_in_with() == old)
        store.switch("current", new)
        await until(lambda: it.connected and bool(it.concern))
        assert it.concern.startswith(f"the certificate that {store.folder}/device.crt has now is refused")
        await it.publish("t", b"still there")
        assert (let_in(broker), let_in_with()) == (["device-old"] * 2, old)
    monkeypatch.setattr(certificates, "FIRST_S", 0.1)
    async with link(broker, store.folder, let_in=kept) as it:  # another process, which knows the files alone
        await until(lambda: it.connected and bool(it.concern))
        assert set(let_in(broker)) == {"device-old"}
        knows(broker, OLD, NEW)
        await until(lambda: it.connected and not it.concern)
        assert (let_in(broker)[-1], let_in_with()) == ("device-new", new)
