"""A vehicle whose update manager is `evenkeel run`: a real RAUC on file slots, a real engine, a real broker.

The program has the boot id and the system of its device. A reboot ends it as systemd would, and starts it again with the
slot that was booted; logind is a double on the bus of the device.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from tests.e2e.vehicle import ON_THE_DEVICE
from tests.engines.broker import Broker, leave
from tests.engines.bundle_server import BundleServer
from tests.engines.dockerd import Dockerd
from tests.engines.rauc import Rauc
from tests.engines.systemd_double import Logind
from tests.reconcilers.operations.agents import Agent
from tests.until import PATIENCE_S, until

from .commanding import Manager, combined
from .control_unit import ControlUnit
from .rig import Device

ECU = "safety-ecu"


class World(NamedTuple):
    """What is there: the version that is booted and boots next, containers with their images (of Docker's library the short
    names; "" for one that does not run), and the version of the control unit."""

    os: str
    containers: Mapping[str, str]
    ecu: str


def world(os: str, image: str, ecu: str) -> World:
    """One with the container of the seed's message alone."""
    return World(os, {"hello-world": image}, ecu)


class Vehicle:
    """A device that runs 1.4.2 and no container, and a control unit beside it. `backend`: who commands and hears."""

    def __init__(self, folder: Path, broker: Broker, rauc: Rauc, dockerd: Dockerd) -> None:
        self.broker, self.rauc, self.dockerd = broker, rauc, dockerd
        self.logind = Logind(rauc.bus.address, goes_down=self._goes_down)
        self.server = BundleServer(b"")
        self.device = Device(folder, broker.port, client="vehicle")
        self.device.inside = self._inside
        self._falling = threading.Lock()
        self.backend = Manager(broker.port, "vehicle")
        self.ecu = ControlUnit(broker.port, Agent(ECU, "evenkeel"))
        self.settings()

    def settings(self, consent: Sequence[str] = (), docker_config: str = "") -> None:
        """Other settings from the next start on."""
        self.device.settings(
            engine={"kind": "docker", "address": self.dockerd.address, "dockerConfig": docker_config},
            slots={"engine": "rauc", "bus": self.rauc.bus.address},
            updateAgent={"enable": True, "reportDebounce": "100ms"},
            selfUpdateAgent={"enable": True, "allow": ["http"], "reportDebounce": "100ms"},
            updateManager={
                "enable": True,
                "agents": {ECU: {}},
                "reboot": {"after": "0s"},
                "reportFeedbackInterval": "100ms",
                "currentStateDelay": "100ms",
                "ownerConsent": {"commands": list(consent)},
            },
        )

    def _inside(self) -> Sequence[str]:
        boot = self.device.folder / "boot"
        boot.write_text(self.rauc.boot)
        files = (str(boot), str(self.rauc.os_release), str(self.rauc.configuration))
        return ("unshare", "--mount", "sh", "-c", ON_THE_DEVICE, *files)

    def close(self) -> None:
        with self._falling:
            self.ecu.close()
            self.backend.close()
            self.device.close()

    # ── what happens to it ─────────────────────────────────────────────────────────────────────────────────────────

    def _goes_down(self) -> None:
        with self._falling:
            self.device.stop()
            self.rauc.reboot()
            self.device.start()

    def kill(self) -> None:
        """SIGKILL to evenkeel; systemd starts it again."""
        with self._falling:
            self.device.restart()

    def wait_for_manager(self) -> None:
        """Until the update manager has reported: then it hears what is sent."""

        def look() -> bool:
            assert self.device.runs, self.device.tail()
            return bool(self.backend.states())

        until(look, 60, "the first report")

    # ── messages ───────────────────────────────────────────────────────────────────────────────────────────────────

    def message(self, version: str = "", image: str = "", *, panics: bool = False, ecu: bool = False) -> dict[str, Any]:
        """The seed's combined message with another bundle, which is put on the server, and another image."""
        if version:
            self.server.files[f"/{version}.raucb"] = self.rauc.bundles.make(version, panics=panics).path.read_bytes()
        payload = combined(image, version, f"http://localhost:{self.server.port}/{version}.raucb")
        if ecu:
            payload["domains"].append({"id": ECU, "components": [{"id": "app", "version": "2"}]})
        return payload

    def update(self, activity: str, payload: dict[str, Any]) -> tuple[str, str]:
        """An operation to its end: the status, and the message."""
        self.backend.ask(activity, payload)
        return self.ended(activity)

    def ended(self, activity: str) -> tuple[str, str]:
        """The end of an operation as the backend hears it."""
        ends = ("COMPLETED", "INCOMPLETE", "IDENTIFICATION_FAILED", "SUPERSEDED")

        def look() -> Any:
            return [said for said in self.backend.said(activity) if said.status in ends]

        try:
            said = self.backend.until(look, f"the end of {activity}", 120)[0]
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.device.tail(30)}") from error
        return said.status, said.message

    def stored_end(self, activity: str) -> str:
        """The end of an operation as `evenkeel status` tells it, whoever may have heard it."""

        def look() -> list[str]:
            found = self.device.status()["conditions"]
            told = [each["message"] for each in found if each["name"] == "OperationCompleted"]
            return [text for text in told if text.startswith(f"operation {activity}: ")]

        try:
            return until(look, 120, f"the end of {activity}")[0].removeprefix(f"operation {activity}: ")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.device.tail(30)}") from error

    @contextmanager
    def hearing(self, hears: Callable[[str, str], object]) -> Iterator[None]:
        """`hears` is called with the topic's first part, and the status or command, of everything that agents are told and
        tell."""
        up = threading.Event()
        client = mqtt.Client(CallbackAPIVersion.VERSION2, "spy")

        def on_message(client: object, user: object, message: mqtt.MQTTMessage) -> None:
            payload = json.loads(message.payload)["payload"]
            hears(message.topic.partition("/")[0], payload.get("status") or payload.get("command") or "asked")

        def on_connect(client: mqtt.Client, *_: object) -> None:
            client.subscribe([("+/desiredstatefeedback", 1), ("+/desiredstate/command", 1)])

        client.on_message, client.on_connect = on_message, on_connect
        client.on_subscribe = lambda *_: up.set()
        client.connect("127.0.0.1", self.broker.port, 60)
        client.loop_start()
        assert up.wait(PATIENCE_S)
        try:
            yield
        finally:
            leave(client)

    # ── what there is ──────────────────────────────────────────────────────────────────────────────────────────────

    def world(self) -> World:
        containers, rauc = dict[str, str](), self.rauc
        for name, state in self.dockerd.containers().items():
            image = self.dockerd.inspect(name)["Config"]["Image"].removeprefix("docker.io/library/")
            containers[name] = image if state == "running" else ""
        version = rauc.content(rauc.booted) if rauc.next_boot() == rauc.booted else "two versions"
        return World(version, containers, self.ecu.agent.runs)

    def container(self) -> tuple[str, str]:
        """The id of the container, and since when it runs."""
        found = self.dockerd.inspect("hello-world")
        return found["Id"], found["State"]["StartedAt"]


@contextmanager
def serving(vehicle: Vehicle) -> Iterator[Vehicle]:
    """It runs `web:1` and is at work."""
    vehicle.server.start()
    vehicle.logind.double.start()
    try:
        vehicle.device.start()
        vehicle.wait_for_manager()
        assert vehicle.update("before", vehicle.message(image="web:1")) == ("COMPLETED", "")
        yield vehicle
    finally:
        vehicle.logind.double.close()
        vehicle.server.close()
        vehicle.close()
