"""Checks of a device with RAUC: each fault is found, and has a remedy; a sound device has none."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.engines.rauc import Rauc
from tests.places import ROOT

from evenkeel.controller.drivers.slots.rauc.bootloaders import Tools, bootloader
from evenkeel.controller.drivers.slots.rauc.checks import Device, check_device
from evenkeel.controller.drivers.slots.rauc.configuration import Configuration
from evenkeel.controller.process.certificates import ends
from evenkeel.specs.slots.finding import Finding

DAY_S = 86400.0
SOUND = """\
[system]
compatible=Vehicle
bootloader=grub
grubenv={folder}/grubenv
activate-installed=false
data-directory=/proc

[keyring]
path=ca.pem

[slot.rescue.0]
device=/dev/vda3

[slot.rootfs.0]
device=/dev/vda4
bootname=A

[slot.rootfs.1]
device=/dev/vda5
bootname=B
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("ca")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", f"{folder}/key", "-out", f"{folder}/ca.pem", "-days", "400", "-subj", "/CN=updates"]
    subprocess.run(command, check=True, capture_output=True)
    return (folder / "ca.pem").read_bytes()


class Bench:
    """A device whose configuration is changed by a test."""

    def __init__(self, folder: Path, certificate: bytes) -> None:
        self.folder, self.conf = folder, folder / "system.conf"
        self.conf.write_text(SOUND.format(folder=folder))
        (folder / "ca.pem").write_bytes(certificate)
        self.grubenv(b"ORDER=A B\nA_OK=1\nA_TRY=0\n")
        self.now = time.time()

    def grubenv(self, variables: bytes) -> None:
        content = b"# GRUB Environment Block\n" + variables
        (self.folder / "grubenv").write_bytes(content.ljust(1024, b"#"))

    def replace(self, old: str, new: str) -> None:
        text = self.conf.read_text()
        assert old in text
        self.conf.write_text(text.replace(old, new))

    def check(self, has: Sequence[str] = ("grub-editenv",), **told: str) -> dict[str, Finding]:
        device = Device((self.conf,), root=self.folder, store=Path("/proc"))
        tools = Tools(lambda name: f"/usr/bin/{name}" if name in has else "", lambda command: told.get(command[0]))
        return {each.about: each for each in check_device(device, self.now, tools)}


@pytest.fixture
def bench(tmp_path: Path, certificate: bytes) -> Bench:
    return Bench(tmp_path, certificate)


def test_a_sound_device(bench: Bench) -> None:
    found = bench.check()
    assert {about: each.level for about, each in found.items()} == dict.fromkeys(
        ("system.conf", "activation", "bootloader", "keyring", "data-directory"), "ok"
    )
    assert all(not each.remedy for each in found.values())


FAULTS: list[tuple[Callable[[Bench], object], str, str, str]] = [
    (lambda it: it.conf.unlink(), "system.conf", "error", "there is none"),
    (lambda it: it.replace("compatible=Vehicle\n", ""), "system.conf", "error", "has no `compatible`"),
    (lambda it: it.replace("bootname=B", "bootname=A"), "system.conf", "error", "has 1 slots with a `bootname`"),
    (lambda it: it.replace("activate-installed=false\n", ""), "activation", "warning", "as soon as it was written"),
    (lambda it: it.replace("bootloader=grub\n", ""), "bootloader", "error", "system.conf names none"),
    (lambda it: it.replace("=grub\n", "=grup\n"), "bootloader", "error", "RAUC knows no bootloader `grup`"),
    (lambda it: it.replace("=grub\n", "=noop\n"), "bootloader", "warning", "does not fall back"),
    (lambda it: it.replace("=grub\n", "=custom\n"), "bootloader", "error", "system.conf names none"),
    (lambda it: it.replace("=grub\n", "=uboot\n"), "bootloader", "error", "fw_setenv, which is not there"),
    (lambda it: (it.folder / "grubenv").unlink(), "bootloader", "error", "in which GRUB keeps the marks"),
    (lambda it: (it.folder / "grubenv").write_bytes(b"ORDER=A B\n"), "bootloader", "error", "is damaged"),
    (lambda it: it.grubenv(b"ORDER=A\n"), "bootloader", "error", "lacks B, which GRUB therefore does not boot"),
    (lambda it: it.replace("path=ca.pem\n", ""), "keyring", "error", "names no keyring"),
    (lambda it: it.replace("path=ca.pem", "path=none.pem"), "keyring", "error", "is not there"),
    (lambda it: (it.folder / "ca.pem").write_bytes(b"nothing"), "keyring", "error", "no certificate is in it"),
    (lambda it: setattr(it, "now", it.now + 401 * DAY_S), "keyring", "error", "so that RAUC refuses every bundle"),
    (lambda it: setattr(it, "now", it.now + 350 * DAY_S), "keyring", "warning", "ends on 2"),
    # A20: Leda's system.conf has no `data-directory`, so that each slot has other records.
    (lambda it: it.replace("data-directory=/proc\n", ""), "data-directory", "warning", "names none"),
    (
        lambda it: it.replace("data-directory=/proc", f"data-directory={it.folder}/rauc"),
        "data-directory",
        "error",
        "of the booted slot",
    ),
]


@pytest.mark.parametrize(
    ("fault", "about", "level", "text"),
    FAULTS,
    ids=[f"a20, {each[3]}" if each[1] == "data-directory" else each[3] for each in FAULTS],
)
def test_each_fault_is_found_and_has_a_remedy(
    bench: Bench, fault: Callable[[Bench], object], about: str, level: str, text: str
) -> None:
    fault(bench)
    found = bench.check()[about]
    assert (found.level, text in found.text) == (level, True), found
    assert found.remedy
    others = [each for each in bench.check().values() if each.about != about and each.level in ("warning", "error")]
    assert others == []


def test_the_remedy_of_a_grubenv_is_one_that_works(bench: Bench) -> None:
    (bench.folder / "grubenv").write_bytes(b"broken")
    subprocess.run(["grub-editenv", f"{bench.folder}/grubenv", "create"], check=True)
    found = bench.check()["bootloader"]
    assert f'grub-editenv {bench.folder}/grubenv set ORDER="A B"' in found.remedy
    subprocess.run(["grub-editenv", f"{bench.folder}/grubenv", "set", "ORDER=A B"], check=True)
    assert bench.check()["bootloader"].level == "ok"


def test_a_keyring_that_has_ended_counts_less_where_the_time_of_signing_counts(bench: Bench) -> None:
    bench.replace("path=ca.pem\n", "path=ca.pem\nuse-bundle-signing-time=true\n")
    bench.now += 500 * DAY_S
    assert bench.check()["keyring"].level == "warning"


def test_a_folder_of_certificates(bench: Bench, certificate: bytes) -> None:
    bench.replace("path=ca.pem", "directory=certificates")
    (bench.folder / "certificates").mkdir()
    (bench.folder / "certificates" / "one.pem").write_bytes(certificate)
    assert bench.check()["keyring"].level == "ok"


def test_bundles_on_a_slot_are_told(bench: Bench) -> None:
    device = Device((bench.conf,), root=bench.folder, store=bench.folder / "bundles")
    found = {each.about: each for each in check_device(device, bench.now)}
    assert found["folder of bundles"].level == "warning"


@pytest.mark.parametrize(
    ("order", "level"), [("A B\n", "ok"), ("A\n", "warning"), (None, "error")], ids=["whole", "one bad", "unread"]
)
def test_the_environment_of_u_boot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, order: str, level: str) -> None:
    (tmp_path / "fw_env.config").write_text("/dev/mmcblk0 0x100 0x1000\n")
    monkeypatch.setattr("evenkeel.controller.drivers.slots.rauc.bootloaders._FW_ENV", tmp_path / "fw_env.config")
    settings = Configuration("/etc/rauc/system.conf", {"system": {"bootloader": "uboot"}})
    (found,) = bootloader(settings, ["A", "B"], Tools(lambda name: name, lambda command: order))
    assert found.level == level
    assert bool(found.remedy) == (level != "ok")


def test_when_certificates_end(tmp_path: Path) -> None:
    """Both forms of a date: until 2049 with two digits, then with four."""
    for days in (30, 20_000):
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command += ["-keyout", "/dev/null", "-days", str(days), "-subj", "/CN=x"]
        pem = subprocess.run(command, check=True, capture_output=True).stdout
        (end,) = ends(pem)
        assert abs(end - time.time() - days * DAY_S) < 120
    assert len(ends(pem + pem)) == 2


@pytest.mark.parametrize("damage", [0, 40, 200])
def test_damaged_certificates_are_told(certificate: bytes, damage: int) -> None:
    lines = certificate.splitlines()
    body = b"".join(lines[1:-1])[:damage] or b"????"
    with pytest.raises(ValueError, match="damaged"):
        ends(b"-----BEGIN CERTIFICATE-----\n" + body + b"\n-----END CERTIFICATE-----\n")


def test_the_configuration_of_the_how_to_is_sound(certificate: bytes, tmp_path: Path) -> None:
    text = (ROOT / "examples" / "os" / "system.conf").read_text()
    (tmp_path / "system.conf").write_text(
        text.replace("/data/rauc", "/proc").replace("/grubenv/grubenv", f"{tmp_path}/env")
    )
    (tmp_path / "ca.pem").write_bytes(certificate)
    (tmp_path / "env").write_bytes(b"# GRUB Environment Block\nORDER=A B R\n".ljust(1024, b"#"))
    device = Device((tmp_path / "system.conf",), root=tmp_path, store=Path("/proc"))
    found = check_device(device, time.time(), Tools(lambda name: name, lambda command: None))
    assert [each for each in found if each.level != "ok"] == []


def test_a_real_device_with_rauc_is_sound(rauc: Rauc, tmp_path: Path) -> None:
    """Its bootloader's environment is one that RAUC itself works with."""
    found = {each.about: each for each in check_device(Device((rauc.configuration,), root=Path("/proc")), time.time())}
    assert [each for each in found.values() if each.level == "error"] == []
    assert found["bootloader"].level == found["keyring"].level == "ok"
