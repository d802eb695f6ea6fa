"""Ids of devices: what may be one, and which spellings mean the same."""

from __future__ import annotations

import hashlib

import pytest

from evenkeel.specs.provisioning.device_id import (
    address_id,
    device_flaw,
    machine_id,
    registration_flaw,
    same_id,
    suggestion,
)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("52-54-00-12-34-02", "525400123402", True),
        ("52:54:00:12:34:02", "52-54-00-12-34-02", True),
        ("52-54-00-AB-34-02", "525400ab3402", True),
        ("Car-7", "car-7", True),
        ("525400123402", "525400123403", False),
        ("car-17", "car1-7", False),
        ("car-7", "car7", False),
    ],
)
def test_spellings_of_one_device_are_understood(one: str, other: str, same: bool) -> None:
    assert same_id(one, other) is same


@pytest.mark.parametrize(
    ("text", "registers", "is_device", "better"),
    [
        ("52-54-00-12-34-02", True, True, "52-54-00-12-34-02"),
        ("a" * 128, True, True, "a" * 128),
        ("a" * 129, False, False, "a" * 128),
        ("Car-7", False, True, "car-7"),
        ("My Car", False, False, "my-car"),
        ("my car", False, False, "my-car"),
        ("car+7/x", False, False, "car-7-x"),
        ("car-", False, True, "car"),
        ("-car", False, False, "car"),
        ("--x", False, False, "x"),
        (".", False, False, ""),
        ("..", False, False, ""),
        ("(%)", False, False, ""),
        ("Car's(7)@$home", False, True, "car-s-7-home"),
        ("", False, False, ""),
        ("äöü", False, False, ""),
    ],
)
def test_an_id_that_cannot_be_is_told_with_one_that_can(
    text: str, registers: bool, is_device: bool, better: str
) -> None:
    assert (registration_flaw(text) == "", device_flaw(text) == "") == (registers, is_device)
    assert suggestion(text) == better
    assert better == "" or registration_flaw(better) == ""


def test_ids_are_made_as_the_image_and_sdv_provision_make_them() -> None:
    assert address_id("52:54:00:12:34:02\n", "dashed") == "52-54-00-12-34-02"
    assert address_id("52:54:00:12:34:02\n", "undashed") == "525400123402"
    content = b"9c4a0b1e2d3f4a5b6c7d8e9f0a1b2c3d\n"
    assert machine_id(content) == hashlib.md5(content).hexdigest()


@pytest.mark.parametrize("address", ["", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "fe80::1"])
def test_an_address_that_many_devices_have_makes_no_id(address: str) -> None:
    assert address_id(address, "dashed") == ""


@pytest.mark.parametrize("content", [b"", b"\n", b"uninitialized\n"])
def test_the_file_of_an_image_that_was_not_booted_makes_no_id(content: bytes) -> None:
    assert machine_id(content) == ""
