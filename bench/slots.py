"""Updates of operating systems: a download beside curl, an install beside `rauc install`, and the memory of being connected.

A real RAUC with slots on files, bundles on a server in a process of its own. Pairs are measured one after the other in one run.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.vehicle import Vehicle, serving
from tests.engines import bundles as bundles_of_tests
from tests.engines.bundles import Bundles
from tests.engines.machine import free_port
from tests.engines.rauc import NAME, Rauc, rauc_device
from tests.until import until

from bench.measuring import Row, cpu_s, written_bytes
from evenkeel.controller.dbus.bus import SystemBus
from evenkeel.controller.drivers.slots.engine import SlotsEngine
from evenkeel.controller.drivers.slots.rauc.updater import RaucUpdater
from evenkeel.controller.drivers.slots.store import FolderStore
from evenkeel.controller.drivers.slots.system import SystemMachine
from evenkeel.specs.plan import Action, Done
from evenkeel.specs.slots.actions import Install
from evenkeel.specs.slots.system import OperatingSystem

_DOWNLOAD_BYTES = 400 * 1000**2
_IMAGE_BYTES = 64 * 1024**2
_TIMES = 5
_SETTLED_S, _REST_S = 65, 60
"""The first resync, after a minute, writes to the journal."""
_IDLE = """
import asyncio, gc, sys
from pathlib import Path

def pss():
    gc.collect()
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))

import paho.mqtt.client
import evenkeel.controller.daemon, evenkeel.controller.wiring, evenkeel.controller.loop.controller
import evenkeel.controller.drivers.containers.docker, evenkeel.controller.drivers.files.engine

async def main(address, configuration):
    await asyncio.sleep(0.2)
    before = pss()
    from evenkeel.controller.dbus.bus import SystemBus
    from evenkeel.controller.drivers.slots.engine import SlotsEngine
    from evenkeel.controller.drivers.slots.rauc.updater import RaucUpdater
    from evenkeel.controller.drivers.slots.store import FolderStore
    from evenkeel.controller.drivers.slots.system import SystemMachine
    bus = SystemBus(address)
    engine = SlotsEngine(RaucUpdater(bus, [Path(configuration)]), SystemMachine(bus), FolderStore(Path("/nothing")))
    async def listen():
        async for _ in engine.nudges():
            pass
    listening = asyncio.create_task(listen())
    for _ in range(20):
        await engine.observe()
    await asyncio.sleep(0.5)
    print(pss() - before)
    listening.cancel()
    await engine.close()

asyncio.run(main(*sys.argv[1:]))
"""


def measure() -> list[Row]:
    """Starts its own RAUC and its own server, and ends them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = _download(folder)
        bundles_of_tests.IMAGE_BYTES = _IMAGE_BYTES
        (folder / "bundles").mkdir()
        bundles = Bundles(folder / "bundles")
        with rauc_device(bundles) as device:
            rows += [*_install(folder, device), _idle(device)]
        with _vehicle(folder / "proven", bundles) as proven, _vehicle(folder / "never", bundles) as never:
            return [*rows, *_proven(proven, never)]


def _download(folder: Path) -> list[Row]:
    content = folder / "os.raucb"
    content.write_bytes(random.Random(7).randbytes(1000**2) * (_DOWNLOAD_BYTES // 1000**2))
    with _server(folder) as url:
        system = OperatingSystem("os", "1.5.0", f"{url}/os.raucb", _sha256(content))
        store = FolderStore(folder / "store")

        def ours() -> None:
            asyncio.run(store.fetch(system, _silent))
            store.discard([system.key])

        def curl() -> None:
            target = folder / "curl"
            subprocess.run(["curl", "-sSf", "-o", target, system.bundle], check=True)
            subprocess.run(["sha256sum", target], check=True, stdout=subprocess.DEVNULL)
            subprocess.run(["sync", target], check=True)
            target.unlink()

        ours_s, curl_s = _both(ours, curl)
    compared = f"{ours_s / curl_s:.2f} × `curl`, `sha256sum` and `sync`"
    return [Row(f"download of {_DOWNLOAD_BYTES // 1000**2} MB, hashed and on the disk", ours_s * 1000, "ms", compared)]


def _install(folder: Path, device: Rauc) -> list[Row]:
    bundle = device.bundles.make("1.5.0")
    bus = SystemBus(device.bus.address)
    updater = RaucUpdater(bus, [device.configuration], device.os_release, unfinished=folder / "begun.json")
    engine = SlotsEngine(updater, SystemMachine(bus), FolderStore(folder / "store"))
    action = Install("rootfs.1", "B", OperatingSystem("os", "1.5.0", f"file://{bundle.path}"), keeps="rootfs.0")
    windows: list[float] = []

    def ours() -> None:
        asyncio.run(_perform(engine, action))
        marked_by_rauc = (device.folder / "at-post-install").stat().st_mtime
        windows.append((device.folder / "grubenv").stat().st_mtime - marked_by_rauc)

    def by_hand() -> None:
        command = ["rauc", "install", str(bundle.path)]
        subprocess.run(command, check=True, capture_output=True, env=device.bus.environment())

    ours_s, rauc_s = _both(ours, by_hand)
    window = statistics.median(windows) * 1000
    return [
        Row("install of 64 MB", ours_s * 1000, "ms", f"{ours_s / rauc_s:.2f} × `rauc install`"),
        Row("from RAUC's own mark until it is taken back", window, "ms", "0 with `activate-installed=false`"),
    ]


async def _perform(engine: SlotsEngine, action: Action) -> None:
    outcome = await engine.perform(action, _silent)
    await engine.close()
    if not isinstance(outcome, Done):
        raise RuntimeError(outcome.message)


def _idle(device: Rauc) -> Row:
    command = [sys.executable, "-c", _IDLE, device.bus.address, str(device.configuration)]
    found = [
        int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024 for _ in range(_TIMES)
    ]
    return Row("idle, connected to RAUC: more memory (PSS)", statistics.median(found), "MiB", "", "4 MiB")


@contextmanager
def _vehicle(folder: Path, bundles: Bundles) -> Iterator[Vehicle]:
    folder.mkdir()
    with rauc_device(bundles) as device, serving(Vehicle(device, folder)) as it:
        yield it


def _proven(proven: Vehicle, never: Vehicle) -> list[Row]:
    """The cost of a system that evenkeel has proven and that no document asks for any more: it has to be marked after each
    boot. Beside it a device that has never heard of a system."""
    for vehicle in (proven, never):
        vehicle.ask()
    while proven.run("apply", "--yes")[0] != 0:
        pass
    for vehicle in (proven, never):
        (vehicle.folder / "specs" / "os.yaml").unlink()
        vehicle.run("apply", "--yes", "--allow-empty")
    (calls, percent, written), without = _at_rest(proven), _at_rest(never)
    what = "idle, a proven system and no document"
    return [
        Row(f"{what}: calls to RAUC", calls, "a minute", f"{without[0]} where none was ever asked for"),
        Row(f"{what}: processor", percent, "% of one core", f"{without[1]:.1f} where none was ever asked for"),
        Row(f"{what}: written to disk", written, f"bytes in {_REST_S} s", f"{without[2]}", "0"),
    ]


def _at_rest(vehicle: Vehicle) -> tuple[int, float, int]:
    """Calls to RAUC, percent of a core, and bytes written, in a minute of `evenkeel run` that has settled."""
    told = f"type='method_call',destination='{NAME}'"
    process = vehicle.begin("run")
    time.sleep(_SETTLED_S)
    with tempfile.TemporaryFile("w+") as heard:
        watch = ["dbus-monitor", "--address", vehicle.rauc.bus.address, told]
        with subprocess.Popen(watch, stdout=heard) as monitor:
            cpu, written = cpu_s(process.pid), written_bytes(process.pid)
            time.sleep(_REST_S)
            percent, more = (cpu_s(process.pid) - cpu) / _REST_S * 100, written_bytes(process.pid) - written
            monitor.terminate()
        heard.seek(0)
        calls = sum("member=" in line and f"destination={NAME}" in line for line in heard)
    process.terminate()
    process.communicate()
    return calls, percent, more


def _both(one: Callable[[], None], other: Callable[[], None]) -> tuple[float, float]:
    """Medians in seconds, in alternation; the first of each does not count."""
    spent: dict[Callable[[], None], list[float]] = {one: [], other: []}
    for _ in range(_TIMES + 1):
        for work in (one, other):
            begun = time.perf_counter()
            work()
            spent[work].append(time.perf_counter() - begun)
    return statistics.median(spent[one][1:]), statistics.median(spent[other][1:])


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """Python's own server, in a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: subprocess.run(["curl", "-sf", f"http://127.0.0.1:{port}/"], capture_output=True).returncode == 0)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _sha256(file: Path) -> str:
    return subprocess.run(["sha256sum", file], check=True, capture_output=True, text=True).stdout.split()[0]


def _silent(message: str, done: int, total: int) -> None:
    """Nobody looks at the progress."""
