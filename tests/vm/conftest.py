"""One factory for all tests of this folder, and a new device for each.

`make vm-test` runs them; `make test` does not (`norecursedirs` in pyproject.toml), because they take minutes and need QEMU.
"""

from __future__ import annotations

import functools
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.e2e_mqtt.commanding import Manager
from tests.engines.broker import Broker
from tests.vm.device import Device, new_disk
from tests.vm.disk import Factory, make
from tests.vm.guest import BROKER, SERVER, Guest

_ON_DISK = "/var/tmp"
"""Images have gigabytes, and /tmp may be in memory."""


class _Answer(SimpleHTTPRequestHandler):
    """Files of a folder. With Nagle's algorithm a download through the guest's network takes three times as long."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 18

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture(scope="session")
def factory() -> Iterator[Factory]:
    with tempfile.TemporaryDirectory(prefix="ek-vm-", dir=_ON_DISK) as folder:
        yield make(Path(folder))


@pytest.fixture(scope="session")
def port(factory: Factory) -> Iterator[int]:
    """Of the server of bundles."""
    answer = functools.partial(_Answer, directory=str(factory.served))
    with ThreadingHTTPServer(("127.0.0.1", 0), answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def device(factory: Factory, port: int, request: pytest.FixtureRequest) -> Iterator[Device]:
    """A device from the factory, switched off: 1.0.0 in both slots, and nothing that asks for a system."""
    with _device(factory, {SERVER: port}, request.node.name) as it:
        yield it


@pytest.fixture
def broker() -> Iterator[Broker]:
    with tempfile.TemporaryDirectory(prefix="ek-vm-") as folder:
        it = Broker(Path(folder))
        it.start()
        yield it
        it.close()


@pytest.fixture
def backend(broker: Broker) -> Iterator[Manager]:
    """It commands the update manager of a vehicle."""
    it = Manager(broker.port, "vehicle")
    yield it
    it.close()


@pytest.fixture
def vehicle(factory: Factory, port: int, broker: Broker, request: pytest.FixtureRequest) -> Iterator[Device]:
    """As `device`, and it reaches the broker."""
    with _device(factory, {SERVER: port, BROKER: broker.port}, request.node.name) as it:
        yield it


@contextmanager
def _device(factory: Factory, reaches: Mapping[str, int], test: str) -> Iterator[Device]:
    with tempfile.TemporaryDirectory(prefix="ek-vm-", dir=_ON_DISK) as folder:
        disk = Path(folder) / "disk.qcow2"
        new_disk(factory, disk)
        guest = Guest(disk, Path(folder), reaches)
        yield Device(guest, disk)
        guest.cut()
        print(f"\n── console of {test} ──\n{guest.console}")  # pytest shows it when the test failed
