"""One desired state that does everything: creates nav, recreates hvac, updates seat in place, removes radio.

`Course` runs it from a state of before that is prepared once and copied, on a broker that many courses share (each agent has a
domain of its own), and judges it: every status was said, in the order of an undisturbed course; what was said was so
when it was said; at the end the world is what was asked for and nothing else.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from tests.until import until

from evenkeel.controller.drivers.containers.memory import MemoryEngine
from evenkeel.controller.wiring import MEMORY_STORE

from .commanding import ENDS, Manager, Said, asking, component, told
from .rig import Device

_MIB = 1024**2
_READING = threading.Lock()
"""msgspec 0.x ends the process when several threads read a type for the first time."""
BEFORE = (
    component("hvac", "docker.io/library/hvac:1"),
    component("seat", "docker.io/library/seat:1", memory="64M"),
    component("radio", "docker.io/library/radio:1"),
)
AFTER = (
    component("nav", "docker.io/library/nav:1"),
    component("hvac", "docker.io/library/hvac:2"),
    component("seat", "docker.io/library/seat:1", memory="96M"),
)
TARGET = {name: f"docker.io/library/{name}:{version}" for name, version in (("nav", 1), ("hvac", 2), ("seat", 1))}

EXPECTED = [
    "IDENTIFYING",
    "IDENTIFIED nav=IDENTIFIED hvac=IDENTIFIED seat=IDENTIFIED radio=IDENTIFIED",
    "DOWNLOADING nav=DOWNLOADING hvac=IDENTIFIED seat=IDENTIFIED radio=IDENTIFIED",
    "DOWNLOADING nav=DOWNLOAD_SUCCESS hvac=DOWNLOADING seat=IDENTIFIED radio=IDENTIFIED",
    "DOWNLOAD_SUCCESS nav=DOWNLOAD_SUCCESS hvac=DOWNLOAD_SUCCESS seat=IDENTIFIED radio=IDENTIFIED",
    "UPDATING nav=DOWNLOAD_SUCCESS hvac=UPDATING seat=IDENTIFIED radio=IDENTIFIED",
    "UPDATING nav=DOWNLOAD_SUCCESS hvac=UPDATE_SUCCESS seat=UPDATING radio=IDENTIFIED",
    "UPDATING nav=DOWNLOAD_SUCCESS hvac=UPDATE_SUCCESS seat=UPDATE_SUCCESS radio=UPDATING",
    "UPDATE_SUCCESS nav=DOWNLOAD_SUCCESS hvac=UPDATE_SUCCESS seat=UPDATE_SUCCESS radio=UPDATE_SUCCESS",
    "ACTIVATING nav=ACTIVATING hvac=UPDATE_SUCCESS seat=UPDATE_SUCCESS radio=UPDATE_SUCCESS",
    "ACTIVATING nav=ACTIVATION_SUCCESS hvac=ACTIVATING seat=UPDATE_SUCCESS radio=UPDATE_SUCCESS",
    "ACTIVATING nav=ACTIVATION_SUCCESS hvac=ACTIVATION_SUCCESS seat=ACTIVATING radio=UPDATE_SUCCESS",
    "ACTIVATION_SUCCESS nav=ACTIVATION_SUCCESS hvac=ACTIVATION_SUCCESS seat=ACTIVATION_SUCCESS radio=UPDATE_SUCCESS",
    "CLEANUP_SUCCESS nav=ACTIVATION_SUCCESS hvac=ACTIVATION_SUCCESS seat=ACTIVATION_SUCCESS radio=REMOVAL_SUCCESS",
    "COMPLETED nav=ACTIVATION_SUCCESS hvac=ACTIVATION_SUCCESS seat=ACTIVATION_SUCCESS radio=REMOVAL_SUCCESS",
]


def prepare(folder: Path, port: int) -> Path:
    """The state directory of a device that is as before."""
    device, manager = Device(folder, port, client="before"), Manager(port)
    try:
        device.start()
        manager.wait_for_agent()
        assert manager.drive("before", asking(*BEFORE))[-1].status == "COMPLETED"
        until(device.is_settled)
        device.stop()
    finally:
        device.close()
        manager.close()
    return device.state


class Course:
    """One run. `disturb` is told everything that is said before it is answered."""

    def __init__(self, folder: Path, before: Path, port: int, name: str, *, manager_port: int = 0) -> None:
        """`manager_port`: where the Update Manager finds the broker, if that is another one."""
        shutil.copytree(before, folder / "state")
        self.device = Device(folder, port, domain=name, client=name)
        self.manager = Manager(manager_port or port, name)
        self._over = threading.Event()

    def close(self) -> None:
        self._over.set()
        self.device.close()
        self.manager.close()

    def run(self, disturb: Callable[[Said], None] = lambda said: None, *, dying: int = 0) -> None:
        """Start the controller, and again whenever it died by itself; AssertionError when something is not as it should."""
        keeper = threading.Thread(target=self._keep, args=(dying,))
        keeper.start()
        try:
            self.manager.wait_for_agent()

            def on(said: Said) -> None:
                self._judge(said)
                disturb(said)

            said = self.manager.drive("all", asking(*AFTER, domain=self.manager.prefix.removesuffix("update")), on)
            assert told(said) == EXPECTED
            until(lambda: self._holds() == {name: (image, True) for name, image in TARGET.items()}, what="the world")
        finally:
            self._over.set()
            keeper.join()

    def _keep(self, dying: int) -> None:
        self.device.start(dying=dying)
        while not self._over.wait(0.02):
            if not self.device.runs:
                self.device.start()

    # ── truth ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _world(self) -> MemoryEngine:
        with _READING:
            return MemoryEngine(store=self.device.state / MEMORY_STORE)

    def _holds(self) -> dict[str, tuple[str, bool]]:
        """Image and whether it runs, by name in the engine."""
        engine = self._world()
        running, kept = engine.running(), engine.world.containers.values()
        return {
            each.engine_name: (each.container.image, each.engine_name in running) for each in kept if each.container
        }

    def _judge(self, said: Said) -> None:
        """Between the end of one phase and the next command the world stands still: it is as it was said to be."""
        found = self._holds()
        images = {image.rpartition("/")[2]: runs for image, runs in found.values()}
        match said.status:
            case "IDENTIFIED":
                assert images == {"hvac:1": True, "seat:1": True, "radio:1": True}
            case "DOWNLOAD_SUCCESS":
                assert images == {"hvac:1": True, "seat:1": True, "radio:1": True, "hvac:2": False, "nav:1": False}
            case "UPDATE_SUCCESS":
                assert images == {"hvac:1": False, "seat:1": True, "radio:1": False, "hvac:2": False, "nav:1": False}
                assert self._memory_of_seat() == 96 * _MIB
            case "ACTIVATION_SUCCESS":
                assert {image for image, runs in images.items() if runs} == {"hvac:2", "seat:1", "nav:1"}
            case "CLEANUP_SUCCESS" | "COMPLETED":
                assert found == {name: (image, True) for name, image in TARGET.items()}
            case status:
                assert status not in ENDS, said

    def _memory_of_seat(self) -> int | None:
        seats = [kept.container for kept in self._world().world.containers.values() if kept.engine_name == "seat"]
        assert seats[0] is not None
        return seats[0].resources.memory
