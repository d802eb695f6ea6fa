"""What has to be on the disk before the power may go: marks, bundles, and everything before a reboot (A5, A17).

A test cannot cut the power of its own machine. It asks the kernel's side: which files were synced, and when.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.engines.bundle_server import bundle_server
from tests.engines.dbus import PrivateBus
from tests.engines.rauc import Rauc
from tests.engines.systemd_double import Logind

from evenkeel.controller.dbus.bus import SystemBus
from evenkeel.controller.drivers.slots.rauc.updater import RaucUpdater
from evenkeel.controller.drivers.slots.store import FolderStore
from evenkeel.controller.drivers.slots.system import SystemMachine
from evenkeel.specs.slots.system import OperatingSystem

from .rauc.over_rauc import SYSTEM, silent, updater_of

Synced = list[tuple[str, bytes]]
"""The files and folders that were synced, by their names then, with the content that they had."""


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> Synced:
    found, fsync = Synced(), os.fsync

    def watched(file: int) -> None:
        path = Path(f"/proc/self/fd/{file}").readlink()
        found.append((path.name, path.read_bytes() if path.is_file() else b""))
        fsync(file)

    monkeypatch.setattr(os, "fsync", watched)
    return found


async def test_a05_everything_is_on_the_disk_before_a_reboot(
    bus_daemon: PrivateBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    logind, bus = Logind(bus_daemon.address), SystemBus(bus_daemon.address)
    reboots = list[int]()
    monkeypatch.setattr(os, "sync", lambda: reboots.append(logind.reboots))
    logind.double.start()
    try:
        await SystemMachine(bus).reboot()
    finally:
        await bus.close()
        logind.double.close()
    assert (reboots, logind.reboots) == ([0], 1)


@pytest.fixture
def grubenv(rauc: Rauc) -> Callable[[], bytes]:
    path = rauc.configuration.with_name("grubenv")
    return path.read_bytes


async def test_a_mark_is_on_the_disk_when_it_is_told(rauc: Rauc, grubenv: Callable[[], bytes], synced: Synced) -> None:
    updater = updater_of(rauc)
    try:
        for mark, slot in (("active", "rootfs.1"), ("bad", "rootfs.0"), ("good", "rootfs.0")):
            await updater.mark(mark, slot)  # type: ignore[arg-type]
            assert synced[-1] == ("grubenv", grubenv())
    finally:
        await updater.close()


async def test_so_is_the_one_that_is_taken_back_after_an_install(
    rauc: Rauc, grubenv: Callable[[], bytes], synced: Synced
) -> None:
    updater: RaucUpdater = updater_of(rauc)
    try:
        await updater.look()
        await updater.install(str(rauc.bundles.make("1.5.0").path), SYSTEM, "rootfs.1", silent)
        assert rauc.next_boot() == "A"
        assert ("grubenv", grubenv()) in synced
    finally:
        await updater.close()


async def test_a17_a_bundle_is_on_the_disk_before_it_has_its_name(tmp_path: Path, synced: Synced) -> None:
    store = FolderStore(tmp_path / "bundles")
    content = bytes(range(256)) * 100
    with bundle_server(content) as server:
        system = OperatingSystem("os", "1.5.0", server.url)
        await store.fetch(system, silent)
    names = [name for name, _ in synced]
    part, folder = f"{system.key}.raucb.part", "bundles"
    assert (part, content) in synced
    assert names.index(part) < len(names) - 1 - names[::-1].index(folder)
