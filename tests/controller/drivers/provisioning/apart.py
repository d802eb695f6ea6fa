"""Stories of an identity on a real disk, for this process or one of its own, which dies at a call of the system.

A folder has all of a device: `root`, `state`, and what evenkeel remembers, which a journal would keep."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from evenkeel.controller.drivers.provisioning.azure.simulated import SimulatedCloud
from evenkeel.controller.drivers.provisioning.certificates import Certificates
from evenkeel.controller.drivers.provisioning.engine import ProvisioningEngine
from evenkeel.controller.drivers.provisioning.host import Host
from evenkeel.controller.drivers.provisioning.simulated import SimulatedMaker
from evenkeel.controller.units import SimulatedUnits
from evenkeel.specs.codec import decode, encode
from evenkeel.specs.plan import Outcome, Step
from evenkeel.specs.provisioning.memory import ProvisioningMemory
from evenkeel.specs.provisioning.pair import Subject
from evenkeel.specs.provisioning.provisioning import Azure, Certificate, Output, Provisioning

from .device import FOLDER, Device
from .killing import CHANGES
from .openssl import DAY_S, DEVICE

OUTPUT, REQUEST, CHAIN = "/etc/connector/config.json", "/data/device.csr", "/data/signed.crt"
THEIRS = "somebody's"
LATER_S = 340 * DAY_S
"""Then a pair for a year is due."""
_AZURE = Azure(id_scope="0neABC")
_OUTPUT = Output(OUTPUT, "{{ thumbprint }} {{ connectionString }}", overwrite=True)
WANTED = Provisioning("azure", FOLDER, certificate=Certificate("selfSigned"), azure=_AZURE, outputs=(_OUTPUT,))
REQUESTED = Provisioning(
    "azure", FOLDER, certificate=Certificate("csr", request=REQUEST, chain=CHAIN), azure=_AZURE, outputs=(_OUTPUT,)
)


class Box(Device):
    """The device of a folder. `is_real`: its keys are. `at_broker`: evenkeel shows its pair to a broker."""

    def __init__(self, folder: Path, *, is_real: bool = False, later_s: float = 0.0, at_broker: bool = False) -> None:
        self.later_s, self._folder = later_s, folder
        maker = Certificates() if is_real else SimulatedMaker()

        def begin() -> ProvisioningEngine:
            host, now = Host(folder / "root", is_simulated=not is_real), lambda: time.time() + self.later_s
            cloud, units = SimulatedCloud(), SimulatedUnits()
            return ProvisioningEngine(host, folder / "state", maker, cloud, units, now, at_broker=at_broker)

        super().__init__(folder / "root", begin)
        if (folder / "memory").exists():
            self.memory = decode((folder / "memory").read_bytes(), ProvisioningMemory)

    def _keep(self) -> None:
        (self._folder / "memory").write_bytes(encode(self.memory))

    def begins(self, step: Step) -> None:
        super().begins(step)
        self._keep()

    def ended(self, step: Step, outcome: Outcome) -> None:
        super().ended(step, outcome)
        self._keep()

    def read(self) -> tuple[bytes, bytes, bytes]:
        """The certificate, its key and the output, as any program reads them."""
        paths = (f"{FOLDER}/device.crt", f"{FOLDER}/device.key", OUTPUT)
        found = [self.at(path).read_bytes() if self.at(path).exists() else b"" for path in paths]
        return found[0], found[1], found[2]


class Story(NamedTuple):
    """How it begins, and what is asked for then, so much later. `pair`: the one that is in force at the end; `least`: it has
    more moments than so many."""

    begin: Callable[[Box], object]
    wanted: tuple[Provisioning, ...]
    pair: Literal["new", "kept", "none"]
    later_s: float = 0.0
    least: int = 40


def _plain(box: Box) -> None:
    pair = SimulatedMaker().self_signed("ec-p256", Subject(DEVICE, 0.0, time.time() + 90 * DAY_S))
    for path, content in ((f"{FOLDER}/device.crt", pair.certificate), (f"{FOLDER}/device.key", pair.key)):
        box.put(path, content)
    box.put(OUTPUT, THEIRS)


def _settled(box: Box) -> None:
    box.put(OUTPUT, THEIRS)
    box.settle(WANTED)


def _requested(box: Box) -> None:
    asyncio.run(box.follow(REQUESTED))
    request = box.at(REQUEST).read_bytes()
    box.put(CHAIN, signed("Lab", request))


def signed(issuer: str, request: bytes, days: float = 60) -> bytes:
    """The certificate for the request of a made-up key."""
    ends_s = time.time() + days * DAY_S
    value = {"issuer": issuer, "kind": "ec-p256", "starts_s": 0.0, "ends_s": ends_s}
    return request.replace(b"REQUEST", b"CERTIFICATE").replace(b"{", json.dumps(value)[:-1].encode() + b", ", 1)


STORIES = {
    "first": Story(lambda box: None, (WANTED,), "new"),
    "plain": Story(_plain, (WANTED,), "kept"),
    "request": Story(lambda box: None, (REQUESTED,), "none", least=10),
    "signed": Story(_requested, (REQUESTED,), "new"),
    "rollover": Story(_settled, (WANTED,), "new", LATER_S),
    "withdrawn": Story(_settled, (), "kept", least=5),
}


def main(folder: Path, last: int) -> None:
    """The rollover, with real keys, up to that change."""
    box, left = Box(folder, is_real=True, later_s=LATER_S), [last]

    def dying(name: str) -> Callable[..., object]:
        real = getattr(os, name)

        def call(*given: object, **named: object) -> object:
            reads = name == "open" and not (len(given) > 1 and isinstance(given[1], int) and given[1] & os.O_CREAT)
            left[0] -= not reads
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*given, **named)

        return call

    for name in CHANGES:
        setattr(os, name, dying(name))
    box.settle(WANTED)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
