"""The device, with systemd and logind as doubles on a real bus, and with real commands."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.engines.dbus import PrivateBus
from tests.engines.systemd_double import FakeUnit, Logind, Systemd
from tests.until import soon

from evenkeel.controller.dbus.bus import SystemBus
from evenkeel.controller.drivers.slots import system as systems
from evenkeel.controller.drivers.slots.command import run
from evenkeel.controller.drivers.slots.system import SystemMachine
from evenkeel.specs.errors import Refused, Unavailable


@pytest.fixture
async def machine(bus_daemon: PrivateBus) -> AsyncIterator[SystemMachine]:
    bus = SystemBus(bus_daemon.address)
    yield SystemMachine(bus)
    await bus.close()


async def test_a_reboot_and_who_holds_it_off(machine: SystemMachine, bus_daemon: PrivateBus) -> None:
    logind = Logind(bus_daemon.address, [("shutdown", "apt", "installing packages", "block", 0, 77)])
    logind.double.start()
    try:
        assert list(await machine.inhibitors()) == ["apt (process 77): installing packages"]
        await machine.reboot()
        assert logind.reboots == 1
    finally:
        logind.double.close()


@pytest.mark.parametrize(("can_reboot", "kind"), [("no", Refused), ("challenge", Refused), ("yes", Unavailable)])
async def test_a_reboot_that_logind_refuses(
    machine: SystemMachine, bus_daemon: PrivateBus, can_reboot: str, kind: type[Exception]
) -> None:
    """While a shutdown or a suspend is under way it refuses, too: that passes."""
    logind = Logind(bus_daemon.address, can_reboot=can_reboot, refuses="There's already a shutdown in progress")
    logind.double.start()
    try:
        with pytest.raises(kind, match="logind refuses to reboot: There's already a shutdown in progress"):
            await machine.reboot()
        assert logind.reboots == 0
    finally:
        logind.double.close()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("yes", ""),
        ("inhibitor-blocked", ""),
        ("no", "logind does not let this user reboot the device"),
        ("challenge", "logind does not let this user reboot the device without a password"),
        ("na", "logind says that this device cannot be rebooted"),
    ],
)
async def test_whether_there_can_be_a_reboot(
    machine: SystemMachine, bus_daemon: PrivateBus, answer: str, why: str
) -> None:
    logind = Logind(bus_daemon.address, can_reboot=answer)
    logind.double.start()
    try:
        assert await machine.obstacle() == why
    finally:
        logind.double.close()


async def test_without_logind_there_can_be_none(machine: SystemMachine) -> None:
    assert await machine.obstacle() == "no org.freedesktop.login1 on D-Bus; is it installed and running?"


async def test_no_systemd_at_all(machine: SystemMachine) -> None:
    for asked in (machine.inhibitors(), machine.reboot(), machine.inactive(["web.service"])):
        with pytest.raises(Unavailable, match="on D-Bus; is it installed and running"):
            await asked


async def test_units_that_are_not_active(machine: SystemMachine, bus_daemon: PrivateBus) -> None:
    units = {
        "web.service": FakeUnit(),
        "sick.service": FakeUnit("failed", "failed"),
        "slow.service": FakeUnit("activating", "start"),
    }
    systemd = Systemd(bus_daemon.address, units)
    systemd.double.start()
    try:
        assert await machine.inactive(["web.service"]) == {}
        assert await machine.inactive([*units, "nothing.service"]) == {
            "sick.service": "failed (failed)",
            "slow.service": "activating (start)",
            "nothing.service": "not there",
        }
    finally:
        systemd.double.close()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("exit 0", ""),
        ("echo secret; exit 3", "ended with 3"),
        ("kill -9 $$", "was ended by signal 9"),
    ],
)
async def test_a_command_says_whether_all_is_well(machine: SystemMachine, script: str, why: str) -> None:
    assert await machine.check(["/bin/sh", "-c", script]) == why


async def test_a_command_that_cannot_be_run(machine: SystemMachine) -> None:
    assert await machine.check(["/nothing"]) == "cannot be run: no such file or directory"


async def test_a_command_that_does_not_end(
    machine: SystemMachine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(systems, "CHECK_S", 0.3)
    script = f"echo $$ > {tmp_path}/shell; sleep 3600 & echo $! > {tmp_path}/child; wait"
    assert await machine.check(["/bin/sh", "-c", script]) == "did not end within 0.3 s"
    for name in ("shell", "child"):
        pid = (tmp_path / name).read_text().strip()
        await soon(lambda pid=pid: not is_at_work(pid))


def is_at_work(pid: str) -> bool:
    with suppress(OSError):
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


async def test_a_command_ends_with_who_asked(tmp_path: Path) -> None:
    running = asyncio.create_task(run(["/bin/sh", "-c", f"echo $$ > {tmp_path}/shell; sleep 3600"], 60))
    await soon(lambda: (tmp_path / "shell").exists() and (tmp_path / "shell").read_text().strip())
    pid = (tmp_path / "shell").read_text().strip()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await soon(lambda: not is_at_work(pid))


async def test_output_is_bounded_and_nobody_waits_for_a_full_pipe() -> None:
    ended = await run(["/bin/sh", "-c", "head -c 10000000 /dev/zero | tr '\\0' x"], 60)
    assert (ended.code, len(ended.output), set(ended.output)) == (0, 65536, {"x"})


async def test_what_a_command_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    begun = time.monotonic()
    ended = await run(["/bin/sh", "-c", f"echo said; sleep 30 & echo $! > {tmp_path}/child"], 60)
    assert ended.output == "said\n"
    assert time.monotonic() - begun < 20
    os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)


def test_the_clock_is_that_of_the_device() -> None:
    machine = SystemMachine(SystemBus("unix:path=/nothing"))
    assert 0 <= machine.second_of_day() < 86401
    assert abs(machine.now() - time.time()) < 60
    assert machine.boot() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
