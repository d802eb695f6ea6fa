"""The real command, a real Docker and a registry, and a double of Azure: from three spec files on a device that has nothing to
a connector that runs with its certificate, then a rollover, and an id scope that is wrong."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.controller.cli.command import spec
from tests.controller.drivers.provisioning import openssl
from tests.engines.azure_double import PORT, SCOPE, Azure
from tests.engines.dockerd import Dockerd
from tests.engines.images import sleeper
from tests.engines.machine import alone
from tests.engines.registry import Registry

from .device import DockerDevice, instances

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

ID = "vehicle-7"
ANNOUNCED = Path("/etc/deviceid")
CONNECTOR = "cat /pair/device.crt > /out/shown; cat /config.json > /out/config; echo >> /out/starts; exec /bin/sleeper"


@pytest.fixture
def private(registry: Registry, dockerd: Dockerd) -> Iterator[Registry]:
    """A registry of the test's own, which dockerd does not trust yet. The other one keeps the folder of certificates there."""
    it = Registry(Path(tempfile.mkdtemp(prefix="ek-registry-")), f"{dockerd.net}.128.1")
    try:
        it.start()
        it.push("connector", "1", sleeper("connector-1"))
        yield it
    finally:
        it.close()


@pytest.fixture
def device(clean_dockerd: Dockerd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerDevice]:
    """The id is told to other programs of this machine: one test at a time does that, and takes it back."""
    it = DockerDevice(tmp_path, clean_dockerd)
    with alone("deviceid"):
        before = ANNOUNCED.read_bytes() if ANNOUNCED.exists() else None
        yield it
        it.write()
        it.close()
        ANNOUNCED.unlink(missing_ok=True)
        if before is not None:
            ANNOUNCED.write_bytes(before)
    (clean_dockerd.folder / "daemon.json").write_text("{}")


class Vehicle:
    """The documents, and what they name."""

    def __init__(self, folder: Path, device: DockerDevice, private: Registry, azure: Azure) -> None:
        self.device, self.private, self.azure = device, private, azure
        self.folder, self.pairs, self.config, self.out = (
            folder,
            folder / "pairs",
            folder / "config.json",
            folder / "out",
        )
        self.out.mkdir()
        lab = openssl.authority(folder, "Lab")
        azure.tls.load_verify_locations(cadata=lab.certificate.decode())
        (folder / "azure.crt").write_bytes(azure.authority.certificate)
        (folder / "password").write_text(private.password)

    def ask(self, scope: str = SCOPE, days: int = 60, renew: int = 30) -> None:
        at = self.folder
        registry = (
            "apiVersion: evenkeel/v1\nkind: Registry\nmetadata: {name: private}\nspec:\n"
            f"  host: {self.private.host}\n  tls: {{ca: {self.private.ca}}}\n"
            f"  credentials: {{user: {self.private.user}, passwordFile: {at}/password}}\n"
        )
        identity = (
            "apiVersion: evenkeel/v1\nkind: Provisioning\nmetadata: {name: azure}\nspec:\n"
            f"  folder: {self.pairs}\n  deviceId: {{value: {ID}}}\n  notify: [connector]\n"
            f"  certificate:\n    mode: caSigned\n    validityDays: {days}\n    renewBeforeDays: {renew}\n"
            f"    authority: {{certificate: {at}/Lab.crt, key: {at}/Lab.key}}\n"
            f"  azure: {{dps: {{idScope: {scope}, host: '{self.azure.dps}:{PORT}'}}, ca: {at}/azure.crt}}\n"
            f"  outputs: [{{path: {self.config}, template: '{{{{ hubDeviceId }}}} at {{{{ hub }}}}'}}]\n"
        )
        mounts = f"mounts: ['{self.pairs}:/pair:ro', '{self.config}:/config.json:ro', '{self.out}:/out']"
        command = f"command: [/bin/sh, -c, '{CONNECTOR}']\nstop: {{timeout: 1s}}"
        image = self.private.reference("connector", "1")
        self.device.write(registry, identity, spec("connector", image, f"{mounts}\n{command}"))

    def certificate(self) -> bytes:
        return (self.pairs / "device.crt").read_bytes()

    def shown(self) -> tuple[bytes, str, int]:
        """The certificate and the configuration that the connector has read at its last start, and how often it has started."""
        read = (self.out / "shown").read_bytes(), (self.out / "config").read_text()
        return *read, len((self.out / "starts").read_bytes())

    def runs(self) -> tuple[str, str]:
        """The connector, and since when it runs."""
        (found,) = instances(self.device.dockerd)["connector"]
        assert found["State"]["Running"]
        return found["Id"], found["State"]["StartedAt"]


def test_from_three_files_to_a_connector_and_its_rollover(
    device: DockerDevice,
    dockerd: Dockerd,
    private: Registry,
    azure: Azure,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vehicle = Vehicle(tmp_path, device, private, azure)
    known = azure.enrol(ID)

    def run(*command: str, ok: int = 0) -> str:
        # The system's authorities are few: reading all of a machine's would be most of the work.
        done = device.run(*command, ok=ok, SSL_CERT_FILE=str(private.ca), SSL_CERT_DIR=str(tmp_path / "none"))
        return done.stdout + done.stderr

    vehicle.ask()
    run("apply", "--yes")
    first = vehicle.certificate()
    assert vehicle.shown() == (first, f"{ID} at {azure.hub}", 1)
    assert openssl.run("verify", "-CAfile", tmp_path / "Lab.crt", vehicle.pairs / "device.crt").endswith(": OK\n")
    assert [visit.host for visit in azure.visits] == [azure.dps, azure.hub, azure.hub]
    assert device.kinds().count("revision-good") == 1
    done = [entry.message for entry in device.said() if entry.kind == "step-started"]
    order = ("let pulls use", "pull", "register", "connect", "put the certificate", "write", "create", "start")
    places = [next(at for at, each in enumerate(done) if each.startswith(f"{begin} ")) for begin in order]
    assert places.index(max(places)) == len(places) - 1, "the container starts last"
    assert places[0] < places[1]
    assert places[2:] == sorted(places[2:])
    assert run("plan") == "Nothing to do.\n"
    # A rollover: the connector begins anew, once, with the new certificate.
    vehicle.ask(days=62, renew=61)
    run("apply", "--yes")
    second = vehicle.certificate()
    assert second != first
    assert vehicle.shown() == (second, f"{ID} at {azure.hub}", 2)
    assert len(list((vehicle.pairs / "pairs").iterdir())) == 1
    assert run("plan") == "Nothing to do.\n"
    # A wrong id scope disturbs nothing.
    before = vehicle.runs(), vehicle.shown(), vehicle.config.stat()
    vehicle.ask(scope="0neWRONG", days=62, renew=61)
    assert "does not let this device in" in run("apply", "--yes", ok=1)
    assert (vehicle.runs(), vehicle.shown(), vehicle.config.stat()) == before
    assert vehicle.certificate() == second
    assert known.hub == azure.hub
    vehicle.ask(days=62, renew=61)
    run("apply", "--yes")
    assert (vehicle.runs(), vehicle.shown()) == before[:2]
