"""Each host and each cloud of provisioning hold to this: a device comes to an identity that its hub lets in, and keeps it; what
is renewed is tried before it is in force, and a process that ends anywhere leaves the old pair or the new one."""

from __future__ import annotations

import asyncio
import base64
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.controller.drivers.provisioning.device import FOLDER, Device
from tests.controller.drivers.provisioning.openssl import DAY_S, DEVICE
from tests.engines.identities import Authority

from evenkeel.controller.drivers.provisioning.ports import Pair
from evenkeel.specs.plan import Failed, Retry
from evenkeel.specs.provisioning.provisioning import Certificate, Output, Provisioning

from .provisioning_kits import ProvisioningKit, RealKit, SimulatedKit

OUTPUT = "/etc/connector/config.json"
CONNECTION = "/data/connection"
KEY = base64.b64encode(b"a key of this device").decode()
GROUP_KEY = base64.b64encode(b"a key of the whole group").decode()
TEMPLATE = '{"connection": "{{ connectionString }}", "cert": "{{ certificateFile }}", "print": "{{ thumbprint }}"}'
SHORT = Certificate("selfSigned", valid_s=4200.0, renew_before_s=1800.0)
LATER_S = 3000.0
"""Then `SHORT` is due, and one that is made then is valid now, as the double of the cloud has it."""


@pytest.fixture(scope="module")
def few_authorities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("authorities") / "ca.crt"
    path.write_bytes(Authority("of the system").certificate)
    return path


@pytest.fixture(params=["simulated", pytest.param("real", marks=pytest.mark.engine)])
def kit(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few_authorities: Path
) -> ProvisioningKit:
    if request.param == "simulated":
        return SimulatedKit(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(few_authorities))
    monkeypatch.setenv("SSL_CERT_DIR", str(few_authorities.parent / "none"))
    return RealKit(tmp_path, request.getfixturevalue("azure"))


@pytest.fixture
def device(kit: ProvisioningKit) -> Iterator[Device]:
    it = Device(kit.root, kit.driver)
    yield it
    asyncio.run(it.driver.close())


def asked(kit: ProvisioningKit, certificate: Certificate | None = SHORT, **fields: Any) -> Provisioning:
    wish: dict[str, Any] = {"outputs": (Output(OUTPUT, TEMPLATE if certificate else "{{ connectionString }}"),)}
    return Provisioning("azure", FOLDER, certificate=certificate, **(wish | fields))


def by_connection(kit: ProvisioningKit, device: Device, more: str = "", **fields: Any) -> Provisioning:
    device.put(CONNECTION, f"HostName={kit.hubs[0]};DeviceId={DEVICE}{more}\n")
    return asked(kit, azure=kit.way(connection_string=CONNECTION), **fields)


def by_lab(kit: ProvisioningKit, device: Device) -> Certificate:
    """A certificate by an authority whose files are on the device."""
    pair = kit.authority()
    ca, ca_key = device.put("/lab/ca.crt", pair.certificate), device.put("/lab/ca.key", pair.key)
    return Certificate("caSigned", valid_s=60 * DAY_S, ca=ca, ca_key=ca_key)


def closed(folder: Path) -> dict[str, int]:
    """The modes of keys and folders of pairs."""
    found = {
        path: path for path in folder.rglob("*") if path.suffix == ".key" or (path.is_dir() and "pairs" in str(path))
    }
    return {
        str(path.relative_to(folder)): stat.S_IMODE(path.lstat().st_mode) for path in found if not path.is_symlink()
    }


def footprint(*folders: Path) -> dict[str, tuple[int, int]]:
    """Each file with its inode and the time of its last change."""
    files = (path for folder in folders for path in sorted(folder.rglob("*")))
    return {str(path): (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in files}


def check_settled(kit: ProvisioningKit, device: Device, wanted: Provisioning) -> None:
    """The next look, of this process and of another one, finds nothing to do, and nobody writes a file."""
    before = footprint(kit.root, kit.state)
    assert device.settle(wanted) == []
    asyncio.run(device.restart())
    assert device.settle(wanted) == []
    assert footprint(kit.root, kit.state) == before
    names = {
        path.name for path in (*device.at(FOLDER).rglob("*"), *kit.state.rglob("*"), *device.at("/etc").rglob("*"))
    }
    assert not [name for name in names if name.startswith(".")], "nothing temporary is left"


# --- a fresh device -----------------------------------------------------------------------------------------------------


def test_a_self_signed_certificate_and_a_connection_string(kit: ProvisioningKit, device: Device) -> None:
    kit.is_apart = True
    wanted = by_connection(kit, device)
    assert asyncio.run(device.follow(wanted)) == ["keep-id", "make"]
    assert isinstance(device.trouble, Retry), "somebody has to enter the thumbprint, and then nothing else"
    seen = asyncio.run(device.look(wanted))
    made = seen.pairs.by_sha256[seen.pairs.next]
    assert made.sha1 in device.trouble.message
    assert not (device.at(FOLDER) / "device.crt").exists()
    kit.enter((device.at(FOLDER) / "next/device.crt").read_bytes())
    assert device.settle(wanted) == ["try", "switch", "provide", "write", "prove"]
    pair = device.names()
    kit.judge(pair)
    assert kit.lets_in(pair)
    assert not kit.lets_in(kit.foreign(days=30))
    assert device.at(OUTPUT).read_text() == (
        f'{{"connection": "HostName={kit.hubs[0]};DeviceId={DEVICE}", "cert": "{FOLDER}/device.crt", "print": "{made.sha1}"}}'
    )
    assert closed(device.at(FOLDER)) == {
        "pairs": 0o700,
        f"pairs/{made.sha256[:16]}": 0o700,
        f"pairs/{made.sha256[:16]}/device.key": 0o600,
    }
    assert stat.S_IMODE(device.at(OUTPUT).stat().st_mode) == 0o600
    assert device.at("/etc/deviceid").read_text() == f"{DEVICE}\n"
    check_settled(kit, device, wanted)


def test_a_certificate_of_a_lab_and_a_registration_over_mqtt(kit: ProvisioningKit, device: Device) -> None:
    certificate = by_lab(kit, device)
    wanted = asked(kit, certificate, azure=kit.way())
    kit.enrol()
    assert device.settle(wanted) == ["keep-id", "make", "register", "try", "switch", "provide", "write", "prove"]
    kit.judge(device.names())
    assert kit.lets_in(device.names())
    check_settled(kit, device, wanted)


def test_a_request_that_an_authority_signs_and_a_registration_over_https(kit: ProvisioningKit, device: Device) -> None:
    request, chain = "/data/device.csr", "/data/signed.crt"
    wanted = asked(kit, Certificate("csr", request=request, chain=chain), azure=kit.way(transport="https"))
    kit.authority()
    kit.enrol()
    assert asyncio.run(device.follow(wanted)) == ["keep-id", "request"]
    assert isinstance(device.trouble, Retry)
    assert f"waiting for the signed certificate in {chain}; the request is {request}" in device.trouble.message
    asked_for = device.at(request).read_bytes()
    asyncio.run(device.restart())
    assert asyncio.run(device.follow(wanted)) == []
    assert device.at(request).read_bytes() == asked_for
    device.put(chain, kit.sign(asked_for))
    done = device.settle(wanted)
    assert done == ["take", "register", "try", "switch", "provide", "write", "prove"]
    kit.judge(device.names())
    assert kit.lets_in(device.names())
    assert not (device.at(FOLDER) / "pairs/request").exists()
    check_settled(kit, device, wanted)


def test_files_that_are_given_are_checked_and_followed_and_never_written(kit: ProvisioningKit, device: Device) -> None:
    first, second = kit.foreign(days=90), kit.foreign(days=91)
    given_as = Certificate("files", certificate="/given/device.crt", key="/given/device.key")

    def give(certificate: bytes, key: bytes) -> None:
        device.put(given_as.certificate, certificate)
        device.put(given_as.key, key)

    give(first.certificate, second.key)
    wanted = by_connection(kit, device, certificate=given_as)
    (blocked,) = asyncio.run(device.plan(wanted)).differences
    assert (blocked.verb, blocked.why) == (
        "blocked",
        "/given/device.crt and /given/device.key: the key is not that of the certificate",
    )
    give(*first)
    kit.enter(first.certificate)
    given = footprint(device.at("/given"))
    assert device.settle(wanted) == ["keep-id", "try", "provide", "write", "prove"]
    assert not list(device.at(FOLDER).rglob("*.key"))
    check_settled(kit, device, wanted)
    assert footprint(device.at("/given")) == given
    give(*second)
    kit.enter(second.certificate)
    assert device.settle(wanted) == ["try", "provide", "write", "prove"]
    check_settled(kit, device, wanted)


@pytest.mark.parametrize("is_group", [False, True], ids=["of the device", "of the group"])
def test_a_symmetric_key(kit: ProvisioningKit, device: Device, is_group: bool) -> None:
    key = device.put("/data/key", f"{GROUP_KEY if is_group else KEY}\n")
    kit.enrol(key="" if is_group else KEY, group=GROUP_KEY if is_group else "")
    wanted = asked(kit, None, azure=kit.way(**{"group_key" if is_group else "shared_key": key}))
    assert device.settle(wanted) == ["keep-id", "register", "try", "provide", "write", "prove"]
    told = device.at(OUTPUT).read_text()
    assert told.startswith(f"HostName={kit.hubs[0]};DeviceId={DEVICE};SharedAccessKey=")
    assert (KEY in told, GROUP_KEY in told) == (not is_group, False)
    check_settled(kit, device, wanted)


def test_a_connection_string_with_a_key(kit: ProvisioningKit, device: Device) -> None:
    kit.enter(key=KEY)
    wanted = by_connection(kit, device, f";SharedAccessKey={KEY}", certificate=None)
    assert device.settle(wanted) == ["keep-id", "try", "provide", "write", "prove"]
    check_settled(kit, device, wanted)


# --- renewal ------------------------------------------------------------------------------------------------------------


def test_a_rollover_with_another_process_for_each_action(kit: ProvisioningKit, device: Device) -> None:
    """Whoever reads has the old pair or the new one, and never a mix; the hub forgets the old one afterwards."""
    wanted = by_connection(kit, device)
    kit.enter(kit.foreign(days=30).certificate)
    assert asyncio.run(device.follow(wanted)) == ["keep-id", "make"]
    _enter_next(kit, device)
    device.settle(wanted)
    old, told = device.names(), device.at(OUTPUT).read_bytes()
    check_settled(kit, device, wanted)
    kit.later_s = LATER_S
    read = list[Pair]()
    device.between = lambda: read.append(device.names())
    assert asyncio.run(device.follow(wanted, restarts=True)) == ["make"]
    assert isinstance(device.trouble, Retry)
    assert device.names() == old
    assert kit.lets_in(old), "what was in force has never left"
    assert device.settle(wanted) == [], "it is tried again later, and holds nothing up"
    kit.later_s += 61
    _enter_next(kit, device)
    assert device.settle(wanted, restarts=True) == ["try", "switch", "provide", "write", "prove", "tidy"]
    new = device.names()
    assert set(read) == {old, new}
    assert read == sorted(read, key=[old, new].index)
    assert new.certificate != old.certificate
    assert new.key != old.key
    assert device.at(OUTPUT).read_bytes() != told
    kit.judge(new)
    assert (kit.lets_in(new), kit.lets_in(old)) == (True, False)
    assert len(list((device.at(FOLDER) / "pairs").iterdir())) == 1
    check_settled(kit, device, wanted)


def _enter_next(kit: ProvisioningKit, device: Device) -> None:
    kit.enter((device.at(FOLDER) / "next/device.crt").read_bytes())


def test_an_expired_pair_is_followed_by_a_new_one(kit: ProvisioningKit, device: Device) -> None:
    """As with a device that was off for a year, and whose files another tool has made."""
    old = kit.foreign(days=-1)
    for name, content in zip(("device.crt", "device.key"), old, strict=True):
        device.put(f"{FOLDER}/{name}", content)
    certificate = by_lab(kit, device)
    wanted = asked(kit, certificate, azure=kit.way())
    kit.enrol()
    done = device.settle(wanted)
    assert done == ["keep-id", "make", "register", "try", "switch", "provide", "write", "prove", "tidy"]
    assert device.names() != old
    kit.judge(device.names())
    check_settled(kit, device, wanted)


def test_plain_files_that_are_good_are_taken_in_as_they_are(kit: ProvisioningKit, device: Device) -> None:
    mine = kit.foreign(days=90)
    for name, content in zip(("device.crt", "device.key"), mine, strict=True):
        device.put(f"{FOLDER}/{name}", content)
    kit.enter(mine.certificate)
    wanted = by_connection(kit, device)
    read = list[Pair]()
    device.between = lambda: read.append(device.names())
    assert device.settle(wanted, restarts=True) == ["keep-id", "take", "try", "provide", "write", "prove"]
    assert set(read) == {mine}
    check_settled(kit, device, wanted)


# --- refusals -----------------------------------------------------------------------------------------------------------


def test_a_wrong_id_scope_disturbs_nothing(kit: ProvisioningKit, device: Device) -> None:
    certificate = by_lab(kit, device)
    wanted = asked(kit, certificate, azure=kit.way())
    kit.enrol()
    device.settle(wanted)
    before = footprint(kit.root, kit.state)
    wrong = asked(kit, certificate, azure=kit.way(id_scope="0neWRONG"))
    assert asyncio.run(device.follow(wrong)) == []
    assert isinstance(device.trouble, Failed)
    assert "not authorized" in device.trouble.message.lower() or "Unauthorized" in device.trouble.message
    assert footprint(kit.root, kit.state) == before
    assert device.settle(wanted) == []


def test_a_device_that_was_assigned_to_another_hub_follows_it(kit: ProvisioningKit, device: Device) -> None:
    certificate = by_lab(kit, device)
    wanted = asked(kit, certificate, azure=kit.way())
    kit.enrol()
    device.settle(wanted)
    pair = device.names()
    kit.forget()
    kit.enrol(hub=kit.hubs[1])
    asyncio.run(device.restart())
    more = asked(kit, certificate, azure=kit.way(), outputs=(Output(OUTPUT, "{{ hub }}"),))
    assert asyncio.run(device.follow(more)) == ["write"]
    assert isinstance(device.trouble, Retry)
    assert device.settle(more) == ["register", "try", "provide", "write", "prove"]
    assert device.at(OUTPUT).read_text() == kit.hubs[1]
    assert device.names() == pair
    kept = kit.state / "provisioning/assignments.json"
    assert (stat.S_IMODE(kept.stat().st_mode), kit.hubs[0] in kept.read_text()) == (0o600, False)
    check_settled(kit, device, more)


# --- what is left when nobody asks any more -----------------------------------------------------------------------------


def test_nobody_asks_any_more(kit: ProvisioningKit, device: Device) -> None:
    kit.enter(key=KEY)
    device.put(OUTPUT, "somebody's")
    output = Output(OUTPUT, "{{ connectionString }}", overwrite=True)
    wanted = by_connection(kit, device, f";SharedAccessKey={KEY}", outputs=(output,))
    device.settle(wanted)
    pair = device.names()
    assert device.settle() == ["withdraw", "forget"]
    assert device.at(OUTPUT).read_text() == "somebody's"
    assert device.names() == pair
    kept = [path for path in kit.state.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert kept == []
