"""The real command, a real Docker and a registry, and a double of Azure: from three spec files on a device that has nothing to
a connector that runs with its certificate, then a rollover, and an id scope that is wrong."""

from __future__ import annotations

import json
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.controller.cli.command import in_conversation, on_a_terminal, spec
from tests.controller.drivers.provisioning import openssl
from tests.engines.azure_double import PORT, SCOPE, Azure
from tests.engines.dbus import private_bus
from tests.engines.dockerd import Dockerd
from tests.engines.identities import Issued
from tests.engines.images import sleeper
from tests.engines.machine import alone
from tests.engines.registry import Registry
from tests.engines.systemd_double import FakeUnit, Systemd
from tests.until import until

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


def answer(said: str) -> str:
    """An answer without what is told while somebody waits: the engine of a busy machine is slow."""
    return "".join(line for line in said.splitlines(keepends=True) if not line.startswith("waiting for "))


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
    assert "cannot be created" not in run("plan", ok=2), "the identity makes what the connector mounts"
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
    assert answer(run("plan")) == "Nothing to do.\n"
    # A rollover: the connector begins anew, once, with the new certificate.
    vehicle.ask(days=62, renew=61)
    run("apply", "--yes")
    second = vehicle.certificate()
    assert second != first
    assert vehicle.shown() == (second, f"{ID} at {azure.hub}", 2)
    assert len(list((vehicle.pairs / "pairs").iterdir())) == 1
    assert answer(run("plan")) == "Nothing to do.\n"
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


# ── values of an identity in the environment of a container (provisioning.md §6) ────────────────────────────────────────


class Lamp:
    """A device that its hub knows by a key, Leda's cloud connector with values of the identity, and two containers beside it:
    one with a value that does not change, and one with none."""

    KEYS = "Zmlyc3Qga2V5IG9mIGEgbGFtcA==", "c2Vjb25kIGtleSBvZiBhIGxhbXA=", "d3Jvbmcga2V5IG9mIGEgbGFtcA=="

    def __init__(self, folder: Path, device: DockerDevice, azure: Azure) -> None:
        self.folder, self.device, self.azure, self.log = folder, device, azure, folder / "events.jsonl"
        self.pairs, self.file, self.ca = folder / "pairs", folder / "connection", folder / "azure.crt"
        self.ca.write_bytes(azure.authority.certificate)
        self.file.touch(mode=0o600)
        device.settings(events={"file": str(self.log)}, log={"level": "debug", "format": "json"})

    def connection(self, key: str) -> str:
        return f"HostName={self.azure.hub};DeviceId={ID};SharedAccessKey={key}"

    def ask(self) -> None:
        def value(name: str) -> str:
            return f"{{valueFrom: {{provisioning: azure, value: {name}}}}}"

        handed = {"CERT_FILE": "certificateFile", "KEY_FILE": "keyFile", "CONNECTION_STRING": "connectionString"}
        env = "".join(f"  {name}: {value(of)}\n" for name, of in {**handed, "CA_CERT_PATH": "caFile"}.items())
        env += "".join(f"  {name}: {json.dumps(text)}\n" for name, text in PLAIN.items())
        mounts = f"mounts: ['{self.pairs}:{self.pairs}:ro', '{self.ca}:{self.ca}:ro']\n"
        self.device.write(
            "apiVersion: evenkeel/v1\nkind: Provisioning\nmetadata: {name: azure}\nspec:\n"
            f"  folder: {self.pairs}\n  deviceId: {{value: {ID}}}\n  certificate: {{mode: selfSigned}}\n"
            f"  azure: {{connectionString: {self.file}, ca: {self.ca}}}\n",
            spec("cloudconnector", "sleeper:1", f"env:\n{env}{mounts}{QUICK}"),
            spec("named", "sleeper:1", f"env: {{NAME: {value('hubDeviceId')}}}\n{QUICK}"),
            spec("other", "sleeper:1", QUICK),
        )

    def environment(self, name: str = "cloudconnector") -> dict[str, str]:
        """The variables of a container that runs, as Docker tells them."""
        (found,) = instances(self.device.dockerd)[name]
        assert found["State"]["Running"]
        return dict(each.split("=", 1) for each in found["Config"]["Env"])

    def runs(self) -> dict[str, tuple[str, str]]:
        """The containers by name: which one it is, and since when it runs."""
        found = instances(self.device.dockerd)
        return {name: (one["Id"], one["State"]["StartedAt"]) for name, (one,) in found.items()}

    def besides(self) -> Iterator[tuple[str, str]]:
        """All that is to have no secret, with its place: what Docker tells but variables, and files; those that are to have one
        are for their owner alone."""
        for name, (found,) in instances(self.device.dockerd).items():
            found["Config"].pop("Env")
            yield name, json.dumps(found)
        yield "the journal", self.device.kept()
        for path in (self.log, *self.device.state.rglob("*")):
            if path.is_file() and path.name not in ("values.json", "key"):
                yield str(path), path.read_bytes().decode(errors="replace")


PLAIN = {
    "LOCAL_ADDRESS": "tcp://mosquitto:1883",
    "LOG_FILE": "",
    "LOG_LEVEL": "INFO",
    "MESSAGE_MAPPER_CONFIG": "/app/message-mapper-config.json",
}
QUICK = "stop: {timeout: 1s}"
PRINTED = (
    *((*command, "-o", form) for command in (("plan",), ("status",), ("events",)) for form in ("text", "json")),
    *(
        ("describe", kind, name, "-o", "json")
        for kind, name in (("container", "cloudconnector"), ("identity", "azure"))
    ),
    ("get", "containers", "-o", "yaml"),
    ("logs", "cloudconnector"),
)


def test_a_connector_has_the_values_of_an_identity_and_nobody_else_is_told(
    device: DockerDevice, azure: Azure, tmp_path: Path
) -> None:
    lamp, said = Lamp(tmp_path, device, azure), list[tuple[str, str]]()

    def run(*command: str, ok: int | None = 0) -> str:
        done = device.run(*command, ok=ok, SSL_CERT_FILE=str(lamp.ca), SSL_CERT_DIR=str(tmp_path / "none"))
        said.append((" ".join(command), done.stdout + done.stderr))
        return said[-1][1]

    first, second, wrong = lamp.KEYS
    azure.enter(ID, key=first)
    lamp.file.write_text(lamp.connection(first))
    lamp.ask()
    said.append(("--show-values", on_a_terminal(device, "plan", "--show-values")))
    assert "cloudconnector" in said[0][1]
    assert "cannot be created" not in said[0][1], "the identity makes the folder"
    run("apply", "--yes", "--verbose")
    paths = {name: f"{lamp.pairs}/device.{end}" for name, end in (("CERT_FILE", "crt"), ("KEY_FILE", "key"))}
    asked = {**PLAIN, **paths, "CA_CERT_PATH": str(lamp.ca), "CONNECTION_STRING": lamp.connection(first)}
    found = lamp.environment()
    assert {name: found.get(name) for name in asked} == asked
    assert lamp.environment("named")["NAME"] == ID
    assert answer(run("plan")) == "Nothing to do.\n"
    # Another key at the hub: the connector begins anew with it, and nobody else does.
    before = lamp.runs()
    azure.enter(ID, key=second)
    lamp.file.write_text(lamp.connection(second))
    run("apply", "--yes", "--verbose")
    after = lamp.runs()
    assert {name for name, each in after.items() if each != before[name]} == {"cloudconnector"}
    found = lamp.environment()
    assert {name: found.get(name) for name in asked} == {**asked, "CONNECTION_STRING": lamp.connection(second)}
    assert answer(run("plan")) == "Nothing to do.\n"
    # A key that the hub does not know reaches no container.
    lamp.file.write_text(lamp.connection(wrong))
    assert "does not let this device in" in run("apply", "--yes", "--verbose", "--timeout", "1.5", ok=1)
    assert (lamp.runs(), lamp.environment()) == (after, found)
    for command in PRINTED:
        run(*command, ok=None)
    said.extend(lamp.besides())
    lamp.file.write_text(lamp.connection(second))
    run("apply", "--yes")
    assert lamp.runs() == after
    for secret in (*(key.rstrip("=") for key in lamp.KEYS), "SharedAccessKey=", "sig=", "PRIVATE KEY"):
        assert [place for place, text in said if secret in text] == [], secret
    assert {stat.S_IMODE(path.stat().st_mode) for path in device.state.rglob("values.json")} == {0o600}
    told = dict(said)
    for place in ("describe container cloudconnector -o json", "events -o json", "the journal", str(lamp.log)):
        assert "CONNECTION_STRING" in told[place], place


# ── a unit that hears of an output (provisioning.md §5.1) ───────────────────────────────────────────────────────────────

CONNECTOR_UNIT = "azure-connector.service"


@pytest.fixture
def unit() -> Iterator[tuple[FakeUnit, str]]:
    """The unit of Kanto's azure-connector, and the address of the bus on which systemd tells of it."""
    unit = FakeUnit()
    with private_bus() as bus:
        double = Systemd(bus.address, {CONNECTOR_UNIT: unit}).double
        double.start()
        yield unit, bus.address
        double.close()


def test_a_unit_begins_anew_once_with_its_output_also_after_a_kill(
    device: DockerDevice, azure: Azure, unit: tuple[FakeUnit, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (connector, bus), config = unit, tmp_path / "config.json"
    string, ca = tmp_path / "connection", tmp_path / "azure.crt"
    ca.write_bytes(azure.authority.certificate)
    azure.enter(ID, key=Lamp.KEYS[0])
    string.write_text(f"HostName={azure.hub};DeviceId={ID};SharedAccessKey={Lamp.KEYS[0]}")
    string.chmod(0o600)
    here = ("DBUS_SYSTEM_BUS_ADDRESS", bus), ("SSL_CERT_FILE", str(ca)), ("SSL_CERT_DIR", str(tmp_path / "none"))
    for name, value in here:
        monkeypatch.setenv(name, value)

    def ask(tenant: str) -> str:
        """What is asked for; the content of the file then."""
        template = f'{{"tenantId": "{tenant}", "connectionString": "{{{{ connectionString }}}}"}}'
        device.write(
            "apiVersion: evenkeel/v1\nkind: Provisioning\nmetadata: {name: azure}\nspec:\n"
            f"  folder: {tmp_path}/pairs\n  deviceId: {{value: {ID}}}\n"
            f"  azure: {{connectionString: {string}, ca: {ca}}}\n"
            f"  outputs: [{{path: {config}, template: '{template}', notify: [{{unit: {CONNECTOR_UNIT}}}]}}]\n"
        )
        return template.replace("{{ connectionString }}", string.read_text())

    def applied(content: str, jobs: int) -> None:
        """All is there, and the unit has begun anew so often."""
        for _ in range(2):
            device.run("apply", "--yes")
            assert (config.read_text(), connector.jobs) == (content, ["restart"] * jobs)
        assert device.run("plan").stdout == "Nothing to do.\n"

    def killed(when: Callable[[], object]) -> None:
        process = device.start("apply", "--yes")
        until(when)
        assert process.poll() is None
        process.kill()
        process.wait()

    applied(ask("one"), jobs=1)
    # Written, and not yet proven: the hub says nothing when the power goes.
    azure.is_silent = True
    content = ask("two")
    killed(lambda: config.read_text() == content)
    assert connector.jobs == ["restart"]
    azure.is_silent = False
    applied(content, jobs=2)
    # Told, and the power goes before systemd has said how that ended: it is told again.
    connector.hangs, content = True, ask("three")
    killed(lambda: len(connector.jobs) == 3)
    connector.hangs = False
    applied(content, jobs=4)


# ── `evenkeel provision`, against a hub and a service ───────────────────────────────────────────────────────────────────


class Person:
    """A person who gives this device its identity by the command, in a folder of the test's own."""

    def __init__(self, folder: Path, device: DockerDevice, azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.device, self.azure, self.pairs = folder, device, azure, folder / "pairs"
        self.ca = folder / "azure.crt"
        self.ca.write_bytes(azure.authority.certificate)
        for name, path in (("SSL_CERT_FILE", self.ca), ("SSL_CERT_DIR", folder / "none")):
            monkeypatch.setenv(name, str(path))

    def provision(self, *options: str, ok: int = 0) -> str:
        done = self.device.run("provision", *options, ok=ok)
        return done.stdout + done.stderr

    def identity(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.device.run("identity", "show", "-o", "json").stdout)
        return found

    def files(self) -> dict[str, tuple[int, bytes]]:
        """All that the command has written, with the time of the last change."""
        places = (self.device.specs, self.pairs, self.device.state / "secrets", self.device.state / "provisioning")
        files = [ANNOUNCED, *(each for place in places for each in place.rglob("*") if each.is_file())]
        return {str(each): (each.stat().st_mtime_ns, each.read_bytes()) for each in files}


@pytest.fixture
def person(device: DockerDevice, azure: Azure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(tmp_path, device, azure, monkeypatch)


def test_the_conversation_leads_to_a_hub_that_lets_the_device_in(person: Person, azure: Azure) -> None:
    begin = [("Choose:", "h"), ("Azure IoT Hub:", f"HostName={azure.hub};DeviceId={ID}"), ("Choose [s]:", "s")]
    answers = [*begin, ("[Y/n]", "n"), ("Do it?", "y"), ("Entered?", "n")]
    here = ("provision", "--device-id", ID, "--folder", str(person.pairs))
    code, said = in_conversation(person.device, answers, *here)
    assert code == 2, said
    assert azure.visits == [], "nobody is asked before it is entered"
    made = Issued(*((person.pairs / f"next/device.{end}").read_bytes() for end in ("crt", "key")))
    thumbprint = azure.trusted(made)
    assert thumbprint in said
    azure.enter(ID, shown=made)
    code, said = in_conversation(person.device, [("Entered?", ""), ("Do it?", "y")], "provision")
    assert code == 0, said
    one = person.identity()
    assert (one["proven"], one["azure"]["hub"], one["certificate"]["thumbprintSha256"]) == (True, azure.hub, thumbprint)
    assert {(each.host, each.client_id) for each in azure.visits} == {(azure.hub, ID)}
    before, visits = person.files(), list(azure.visits)
    assert "Nothing is left to do" in person.provision()
    assert (person.files(), azure.visits) == (before, visits)


def test_options_lead_to_a_registration_and_a_wrong_scope_takes_nothing_back(
    person: Person, device: DockerDevice, azure: Azure
) -> None:
    """The document of a fleet says where the service is; who sets the device up says all else."""
    lab = openssl.authority(person.folder, "Lab")
    azure.tls.load_verify_locations(cadata=lab.certificate.decode())
    azure.retry_after_s = 1
    known = azure.enrol(ID)
    device.write(
        "apiVersion: evenkeel/v1\nkind: Provisioning\nmetadata: {name: azure}\nspec:\n"
        f"  certificate: {{mode: selfSigned}}\n  azure:\n    ca: {person.ca}\n"
        f"    dps: {{idScopeFile: {person.folder}/scope, host: '{azure.dps}:{PORT}'}}  # the fleet's\n"
    )
    by_lab = ("--authority", f"{person.folder}/Lab.crt", "--authority-key", f"{person.folder}/Lab.key")
    options = ("--id-scope", SCOPE, "--device-id", ID, "--folder", str(person.pairs), *by_lab, "--yes")
    assert f"assigned to {azure.hub} as {ID}" in person.provision(*options)
    one = person.identity()
    assert (one["proven"], one["deviceId"], one["azure"]["hub"]) == (True, ID, azure.hub)
    assert azure.devices == {(azure.hub, ID): known}
    assert [each.host for each in azure.visits] == [azure.dps, azure.hub, azure.hub]
    assert "# the fleet's" in (device.specs / "10-apps.yaml").read_text()
    before, visits = person.files(), list(azure.visits)
    assert "Nothing is left to do" in person.provision(*options)
    assert (person.files(), azure.visits) == (before, visits)
    wrong = person.provision("--id-scope", "0neWRONG", "--yes", ok=1)
    assert "the provisioning service does not let this device in" in wrong
    document = str(device.specs / "10-apps.yaml")
    after = person.files()
    assert {name: each for name, each in after.items() if each != before[name]}.keys() == {document}
    assert azure.visits == visits
    person.provision("--id-scope", SCOPE, "--yes")
    assert person.identity() == one
    assert person.files().keys() == before.keys()
    assert (azure.devices, azure.visits[:3]) == ({(azure.hub, ID): known}, visits)
