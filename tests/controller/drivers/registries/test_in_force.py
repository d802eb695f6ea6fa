"""A look at what is in force reads no file of certificates or passwords again that is as it was."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evenkeel.controller.drivers.registries import certificates, store
from evenkeel.controller.drivers.registries.docker import DockerConfiguration
from evenkeel.controller.drivers.registries.podman import PodmanConfiguration, PodmanPlaces
from evenkeel.controller.drivers.registries.ports import Configuration
from evenkeel.controller.drivers.registries.values import Printer, Values
from evenkeel.controller.process import recall
from evenkeel.specs.registries.registry import Registry

HOST = "registry.example:5000"
VALUES = Values("ci", "secret", ca=b"-----BEGIN CERTIFICATE-----\none\n", certificate=b"shown\n", key=b"hidden\n")


@pytest.fixture(params=["docker", "podman"])
def configuration(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    """With a registry that has all but what an engine has to be told. No engine is there."""
    monkeypatch.setattr(recall, "_QUIET_NS", 0)
    folder, address = tmp_path / "state", f"unix://{tmp_path}/none"
    places = PodmanPlaces(tmp_path / "certs.d", tmp_path / "auth.json", tmp_path / "registries.conf.d")
    it: Configuration = (
        DockerConfiguration(folder, address, places.certificates)
        if request.param == "docker"
        else PodmanConfiguration(folder, address, places)
    )
    it.admit(Registry("private", HOST), VALUES, Printer(None))
    return it


def test_nothing_is_read_again(configuration: Configuration, monkeypatch: pytest.MonkeyPatch) -> None:
    printer = Printer(None)
    before = dict(configuration.in_force([HOST], printer)[HOST])
    assert before == dict(printer.of(VALUES))

    def closed(*given: object) -> bytes:
        raise PermissionError(13, "Permission denied", str(given[0]))

    monkeypatch.setattr(certificates, "read_regular", closed)
    monkeypatch.setattr(store.Store, "login", closed)
    assert configuration.in_force([HOST], printer)[HOST] == before


@pytest.mark.parametrize("change", ["in place", "gone", "a link of others", "come"])
def test_a_change_by_others_is_seen(configuration: Configuration, tmp_path: Path, change: str) -> None:
    printer, folder = Printer(None), tmp_path / "certs.d" / HOST
    before = dict(configuration.in_force([HOST], printer)[HOST])
    match change:
        case "in place":
            (folder / "evenkeel.crt").write_bytes(VALUES.ca.replace(b"one", b"two"))
        case "gone":
            (folder / "evenkeel.cert").unlink()
        case "come":
            (folder / "evenkeel.crt").unlink()
            before = dict(configuration.in_force([HOST], printer)[HOST])
            (folder / "evenkeel.crt").write_bytes(VALUES.ca)
        case _:
            (folder / "evenkeel.key").unlink()
            (folder / "evenkeel.key").symlink_to("theirs.key")
    after = dict(configuration.in_force([HOST], printer)[HOST])
    assert after["trust"] != before["trust"]
    assert after["credentials"] == before["credentials"]


def test_a_folder_in_the_place_of_a_file_is_the_matter_of_its_host(
    configuration: Configuration, tmp_path: Path
) -> None:
    printer, other = Printer(None), "other.example"
    configuration.admit(Registry("other", other), VALUES, printer)
    for name in ("evenkeel.crt", "evenkeel.cert"):
        (tmp_path / "certs.d" / HOST / name).unlink()
        (tmp_path / "certs.d" / HOST / name).mkdir()
    found = configuration.in_force([HOST, other], printer)
    assert dict(found[other]) == dict(printer.of(VALUES))
    assert "trust" not in found[HOST], "it is put there again, which fails for this one alone"


@pytest.mark.parametrize("theirs", ["nothing", "a key"])
def test_a_certificate_is_never_there_without_its_key(
    configuration: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, theirs: str
) -> None:
    """It would be with a process that is killed at that moment: engines refuse the host then, and so does evenkeel's check
    before a pull."""
    registry, printer, folder = Registry("private", HOST), Printer(None), tmp_path / "certs.d" / HOST
    looks = list[bool]()

    def looked_at(call: Callable[..., Any]) -> Callable[..., Any]:
        def and_look(*given: Any, **named: Any) -> Any:
            call(*given, **named)
            if (folder / "evenkeel.cert").exists():
                looks.append((folder / "evenkeel.key").exists())

        return and_look

    with monkeypatch.context() as patch:
        for name in ("replace", "unlink", "symlink", "rename"):
            patch.setattr(os, name, looked_at(getattr(os, name)))
        configuration.withdraw(HOST)
        configuration.admit(registry, VALUES, printer)
        configuration.admit(registry, VALUES._replace(certificate=b"", key=b""), printer)
        configuration.admit(registry, VALUES, printer)
        if theirs == "a key":
            theirs_key = tmp_path / "theirs.key"
            theirs_key.write_bytes(b"theirs")
            theirs_key.replace(folder / "evenkeel.key")
        configuration.admit(registry, VALUES._replace(key=b"another"), printer)
    assert looks
    assert all(looks)
    assert dict(configuration.in_force([HOST], printer)[HOST]) == dict(printer.of(VALUES._replace(key=b"another")))


@pytest.mark.parametrize("goes_on", ["withdrawn", "asked for"])
def test_half_of_a_change_is_finished(configuration: Configuration, tmp_path: Path, goes_on: str) -> None:
    """The link to the certificate is what a killed process leaves."""
    registry, printer, folder = Registry("private", HOST), Printer(None), tmp_path / "certs.d" / HOST
    (folder / "evenkeel.cert").unlink()
    (folder / "evenkeel.crt").unlink()
    assert "trust" in configuration.in_force([HOST], printer)[HOST]
    if goes_on == "withdrawn":
        configuration.withdraw(HOST)
        assert not folder.exists()
    else:
        configuration.admit(registry, VALUES, printer)
        assert dict(configuration.in_force([HOST], printer)[HOST]) == dict(printer.of(VALUES))
