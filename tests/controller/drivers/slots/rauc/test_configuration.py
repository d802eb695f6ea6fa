"""RAUC's system.conf, and what is made of its answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from evenkeel.controller.drivers.slots.rauc.answers import booted_version, has_no_primary, methods, slot_seen, trouble
from evenkeel.controller.drivers.slots.rauc.configuration import Configuration, configuration
from evenkeel.controller.drivers.slots.rauc.unfinished import Unfinished
from evenkeel.specs.errors import Refused, Unavailable
from evenkeel.specs.slots.observed import SlotSeen

LEDA = """\
# as on a device of Leda
[system]
compatible=Eclipse Leda (qemuarm64)
bootloader = uboot
statusfile=/data/rauc.status
data-directory=/data/rauc

[keyring]
path=ca.cert.pem

[slot.rescue.0]
device=/dev/vda3
readonly=true

[slot.rootfs.0]
device=/dev/vda4
bootname=SDV_A
"""


def test_the_first_file_that_is_there_counts(tmp_path: Path) -> None:
    assert configuration([tmp_path / "nothing"]) == Configuration()
    (tmp_path / "system.conf").write_text(LEDA)
    found = configuration([tmp_path / "nothing", tmp_path / "system.conf", tmp_path])
    assert (found.path, found.bootloader, found.grubenv) == (str(tmp_path / "system.conf"), "uboot", "")
    assert (found.keyring, found.get("system", "data-directory"), found.keeps_primary) == (
        "ca.cert.pem",
        "/data/rauc",
        False,
    )
    assert [found.is_readonly(name) for name in ("rescue.0", "rootfs.0", "rootfs.7")] == [True, False, False]
    assert found.get("system", "nothing") == found.get("nothing", "path") == ""


@pytest.mark.parametrize(
    ("written", "keeps"), [("false", True), ("0", True), ("true", False), ("1", False), ("", False)]
)
def test_who_makes_a_slot_primary(tmp_path: Path, written: str, keeps: bool) -> None:
    file = tmp_path / "system.conf"
    file.write_text(f"[system]\nbootloader=grub\nactivate-installed={written}\n")
    assert configuration([file]).keeps_primary == keeps
    assert configuration([file]).grubenv == "/boot/grub/grubenv"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"[system", b"=\n==\n[]\n", b"key=before any section\n"])
def test_nonsense_is_read_as_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "system.conf").write_bytes(content)
    assert configuration([tmp_path / "system.conf"]).bootloader == ""


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('VERSION_ID="1.0"\nEDITION_ID=2.0\n', "2.0"),
        ("NAME=x\nVERSION_ID='1.0'\n", "1.0"),
        ("NAME=x\n", ""),
        ("", ""),
    ],
)
def test_the_version_of_the_running_system(text: str, version: str) -> None:
    assert booted_version(text) == version


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("already processing a different method", Unavailable, "RAUC is busy with something else"),
        (
            "Installation error: Compatible mismatch: Expected 'a' but …",
            Refused,
            "Compatible mismatch: Expected 'a' but …",
        ),
        (
            "Installation error: No target slot for class x of image y found",
            Refused,
            "No target slot for class x of image y found",
        ),
        ("Failed to check bundle: Bundle format 'plain' not allowed", Refused, "Bundle format 'plain' not allowed"),
        ("Bundle rejected: not today", Refused, "Bundle rejected: not today"),
        (
            "Version mismatch: Expected at least '2.0' but bundle manifest has '1.0'",
            Refused,
            "Version mismatch: Expected at least '2.0' but bundle manifest has '1.0'",
        ),
        (
            "Failed mounting bundle: failed to load manifest from bundle: Key file does not start with a group",
            Refused,
            "Failed mounting bundle: failed to load manifest from bundle: Key file does not start with a group",
        ),
        (
            "Installation error: Failed updating slot rootfs.1: Input/output error",
            Unavailable,
            "Failed updating slot rootfs.1: Input/output error",
        ),
        ("", Unavailable, "RAUC does not say why"),
    ],
)
def test_what_an_error_means(text: str, kind: type[Exception], message: str) -> None:
    error = trouble(text)
    assert (type(error), error.message) == (kind, message)


@pytest.mark.parametrize(
    ("text", "is_none"),
    [
        ("Failed getting primary slot: grub backend: No bootable slot found in ORDER 'A B'", True),
        ("Failed getting primary slot: uboot backend: Unable to find primary boot slot", True),
        ("Failed getting primary slot: efi backend: Did not find primary boot entry!", True),
        ("Failed getting primary slot: grub backend: grub-editenv failed with exit code: 1", False),
    ],
)
def test_no_primary_is_told_from_a_bootloader_that_cannot_be_asked(text: str, is_none: bool) -> None:
    assert has_no_primary(text) == is_none


def test_answers_of_a_wrong_type_are_left_out() -> None:
    seen = slot_seen(
        "rootfs.0", {"class": 7, "state": "odd", "boot-status": None, "installed.count": "x"}, is_readonly=False
    )
    assert seen == SlotSeen("rootfs.0", "")
    assert slot_seen("rootfs.0", {"status": "update"}, is_readonly=False).content == "pending"
    assert methods("<node/>").engine == "RAUC older than 1.9"


def test_what_was_begun_outlives_the_process(tmp_path: Path) -> None:
    file = tmp_path / "state" / "begun.json"
    slot = SlotSeen("rootfs.1", "rootfs", installs=3, installed_at="2026-11-27T00:00:00Z")
    Unfinished(file).note(slot)
    again = Unfinished(file)
    assert again.is_torn(slot)
    assert not again.is_torn(SlotSeen("rootfs.1", "rootfs", installs=4, installed_at="2026-11-27T00:01:00Z"))
    assert not again.is_torn(SlotSeen("rootfs.0", "rootfs", installs=3, installed_at="2026-11-27T00:00:00Z"))
    again.forget("rootfs.1")
    assert not Unfinished(file).is_torn(slot)
    file.write_text("damaged")
    assert not Unfinished(file).is_torn(slot)
