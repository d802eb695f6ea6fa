"""Keys that somebody else has made are never lost, and other modes follow each other without a trace of the former one."""

from __future__ import annotations

import asyncio
import stat

import pytest
from tests.contract.provisioning_kits import SimulatedKit

from evenkeel.controller.drivers.provisioning.ports import Pair
from evenkeel.specs.codec import changed
from evenkeel.specs.provisioning.provisioning import ANNOUNCED, Certificate, DeviceId, Provisioning

from .device import FOLDER, Device
from .openssl import DAY_S, DEVICE

WANTED = Provisioning("device", FOLDER, certificate=Certificate("selfSigned"))


def lay(device: Device, pair: Pair, name: str = "device") -> None:
    """Plain files; b"" is no file."""
    for end, content in zip(("crt", "key"), pair, strict=True):
        if content:
            device.put(f"{FOLDER}/{name}.{end}", content)


def keys(device: Device) -> dict[bytes, int]:
    """All keys in the folder of originals, with their modes."""
    files = (device.at(FOLDER) / "originals").glob("*/device.key")
    return {path.read_bytes(): stat.S_IMODE(path.stat().st_mode) for path in files}


def whys(device: Device, wanted: Provisioning = WANTED) -> str:
    """The reasons in the plan."""
    plan = asyncio.run(device.plan(wanted))
    return " ".join(each.why for each in plan.differences)


@pytest.mark.parametrize("of", ["a key alone", "another device", "an expired one"])
def test_a_pair_of_somebody_else_that_is_replaced_is_kept(kit: SimulatedKit, device: Device, of: str) -> None:
    theirs = kit.foreign(days=-1 if of == "an expired one" else 90, name="other" if of == "another device" else DEVICE)
    theirs = Pair(b"", theirs.key) if of == "a key alone" else theirs
    lay(device, theirs)
    assert f"the files that are there are kept in {FOLDER}/originals" in whys(device)
    device.settle(WANTED, restarts=True)
    assert device.names() != theirs
    assert keys(device) == {theirs.key: 0o600}
    assert stat.S_IMODE((device.at(FOLDER) / "originals").stat().st_mode) == 0o700
    kit.later_s = 340 * DAY_S
    device.settle(WANTED)
    assert list(keys(device)) == [theirs.key], "and evenkeel's own ones are not"


def test_a_pair_that_was_taken_in_is_kept_when_another_one_follows(kit: SimulatedKit, device: Device) -> None:
    theirs = kit.foreign(days=90)
    lay(device, theirs)
    device.settle(WANTED)
    assert device.names() == theirs
    kit.later_s = 80 * DAY_S
    device.settle(WANTED)
    assert device.names() != theirs
    assert list(keys(device)) == [theirs.key]


def test_a_second_pair_of_somebody_else_is_kept(kit: SimulatedKit, device: Device) -> None:
    wanted = changed(WANTED, certificate=Certificate("selfSigned", second=True))
    theirs = kit.foreign(days=20)
    lay(device, theirs, "device2")
    assert f"the second certificate is renewed; the files that are there are kept in {FOLDER}/originals" in whys(
        device, wanted
    )
    device.settle(wanted, restarts=True)
    assert list(keys(device)) == [theirs.key]


def test_a_folder_among_the_pairs_that_nobody_knows_is_not_lost(kit: SimulatedKit, device: Device) -> None:
    device.settle(WANTED)
    lay(device, theirs := kit.foreign(days=90), "pairs/copy/device")
    note = device.put(f"{FOLDER}/pairs/mine/note", "not a pair")
    device.settle(WANTED)
    assert list(keys(device)) == [theirs.key]
    assert device.at(note).exists()


def test_a_pair_by_another_spelling_of_the_id_is_not_replaced(kit: SimulatedKit, device: Device) -> None:
    """The other slot has made the id anew (provisioning.md §2.5); the cloud knows the device by that of the certificate."""
    theirs = kit.foreign(days=90)
    lay(device, theirs)
    bare = DEVICE.replace("-", "")
    other = changed(WANTED, device_id=DeviceId(bare))
    why = whys(device, other)
    assert why.startswith(f"its certificate is for {DEVICE}, and the device id is {bare}: another spelling")
    assert f"ask for `deviceId.value: {DEVICE}`" in why
    assert device.settle(other) == []
    device.settle(changed(WANTED, device_id=DeviceId(DEVICE)))
    assert device.names() == theirs


@pytest.mark.parametrize("by", ["a certificate", "a connection string"])
def test_the_id_has_the_spelling_that_a_cloud_knows(kit: SimulatedKit, device: Device, by: str) -> None:
    """The other slot has made `/etc/deviceid` anew (provisioning.md §2.5), and no id is kept yet."""
    device.put(ANNOUNCED, f"{DEVICE.replace('-', '')}\n")
    wanted, theirs = WANTED, kit.foreign(days=90)
    if by == "a certificate":
        lay(device, theirs)
    else:
        device.put("/data/connection", f"HostName={kit.hubs[0]};DeviceId={DEVICE};SharedAccessKey=a2V5")
        kit.enter(key="a2V5")
        wanted = changed(WANTED, certificate=None, azure=kit.way(connection_string="/data/connection"))
    device.settle(wanted)
    for file in (f"{FOLDER}/deviceid", ANNOUNCED):
        assert device.at(file).read_text() == f"{DEVICE}\n"
    assert by != "a certificate" or device.names() == theirs


def test_a_pair_of_ours_for_another_spelling_stays_where_the_kept_id_is_lost(device: Device) -> None:
    """A program without `azure` may have shown it to a cloud."""
    device.settle(changed(WANTED, device_id=DeviceId(DEVICE)))
    ours, bare = device.names(), DEVICE.replace("-", "")
    (device.at(FOLDER) / "deviceid").unlink()
    other = changed(WANTED, device_id=DeviceId(bare))
    assert f"ask for `deviceId.value: {DEVICE}`" in whys(device, other)
    assert device.settle(other) == []
    assert device.names() == ours


# ── other modes ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_another_mode_while_a_request_waits(device: Device) -> None:
    asked = changed(WANTED, certificate=Certificate("csr", request="/data/device.csr", chain="/data/signed.crt"))
    asyncio.run(device.follow(asked))
    assert (device.at(FOLDER) / "pairs/request/device.key").exists()
    assert device.settle(WANTED) == ["make", "switch", "provide", "prove", "tidy"]
    assert not (device.at(FOLDER) / "pairs/request").exists()
    asyncio.run(device.follow(asked))
    assert (device.at(FOLDER) / "pairs/request").exists(), "another request, for another key"


def test_files_that_are_given_for_a_while(kit: SimulatedKit, device: Device) -> None:
    device.settle(WANTED)
    own, given = device.names(), kit.foreign(days=90)
    device.put("/given.crt", given.certificate)
    device.put("/given.key", given.key)
    device.settle(changed(WANTED, certificate=Certificate("files", certificate="/given.crt", key="/given.key")))
    assert device.names() == own
    assert device.settle(WANTED) == ["provide", "prove"]
    assert device.names() == own
    assert device.at("/given.key").read_bytes() == given.key
