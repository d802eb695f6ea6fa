"""`evenkeel doctor` over everything that names a file: settings, and documents of each kind. The host is real, the engine away.

Certificates are in force, end soon, have ended, or wait for their turn; identities are broken in each way that a remedy tells.
"""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from tests.controller.drivers.provisioning import openssl
from tests.engines.identities import Authority, Issued, self_signed
from tests.engines.machine import free_port
from tests.engines.registry import Registry
from tests.places import let_all_in

from .command import Device
from .test_doctor import examined
from .test_registry import piped

pytestmark = pytest.mark.e2e

ID = "vehicle-7"


class Lab:
    """The device, and a folder with files of everybody."""

    def __init__(self, device: Device, folder: Path) -> None:
        self.device, self.folder, self.documents = device, folder, list[str]()

    def file(self, name: str, content: bytes = b"hunter2") -> str:
        """A file that everybody may read and write."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o666)
        return str(path)

    def ask(self, kind: str, name: str, **spec: Any) -> None:
        document = {"apiVersion": "evenkeel/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        self.documents.append(json.dumps(document) + "\n")

    def identity(self, name: str, certificate: dict[str, Any] | None, **spec: Any) -> Path:
        """A document, and its folder."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        more = {"certificate": certificate} if certificate is not None else {}
        self.ask("Provisioning", name, folder=str(folder), deviceId={"value": ID}, **more, **spec)
        return folder

    def pair(self, folder: Path, role: str, issued: Issued) -> None:
        """A pair as evenkeel has made it, in a role, with a key that everybody may read and write."""
        at = folder / "pairs" / f"{role:0<16}"
        at.mkdir(parents=True)
        (at / "device.crt").write_bytes(issued.certificate)
        (at / "device.key").write_bytes(issued.key)
        (at / "device.key").chmod(0o666)
        (folder / role).symlink_to(f"pairs/{at.name}")
        if role == "current":
            for each in ("device.crt", "device.key"):
                (folder / each).symlink_to(f"current/{each}")

    def examined(self) -> dict[str, Any]:
        self.device.write(*self.documents)
        return examined(self.device, ok=1)


@pytest.fixture
def lab(device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/system_bus_socket")
    return Lab(device, tmp_path)


def rows(check: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {each["name"]: (each["state"], each["evidence"]) for each in check["details"]}


def test_every_secret_that_anything_names_is_looked_at(lab: Lab) -> None:
    secrets = {
        name: lab.file(name)
        for name in (
            *("mqtt-user", "mqtt-password", "mqtt key", "registry-user", "registry-password", "registry-key"),
            *("os-credentials", "os-key", "source", "string", "shared", "group", "ca-key"),
        )
    }
    ended, soon, fine = (self_signed(ID, begins=-99, ends=days).certificate for days in (-1, 20, 300))
    lab.device.settings(
        engine={"kind": "docker", "address": f"unix://{lab.folder}/gone.sock"},
        slots={"engine": "rauc"},
        mqtt={
            "broker": "ssl://127.0.0.1:1",
            "usernameFile": secrets["mqtt-user"],
            "passwordFile": secrets["mqtt-password"],
            "tls": {"clientKey": secrets["mqtt key"], "clientCert": lab.file("mqtt.crt", ended)},
        },
    )
    port = free_port()
    lab.ask(
        "Registry",
        "lab",
        host=f"127.0.0.1:{port}",
        credentials={"userFile": secrets["registry-user"], "passwordFile": secrets["registry-password"]},
        tls={"certificate": lab.file("registry.crt", soon), "key": secrets["registry-key"]},
    )
    lab.ask(
        "OperatingSystem",
        "os",
        version="2",
        bundle=f"https://127.0.0.1:{port}/x.raucb",
        credentials=secrets["os-credentials"],
        clientCert=lab.file("os.crt", fine),
        clientKey=secrets["os-key"],
        ca=lab.file("os-ca.crt", b"none"),
    )
    lab.ask("File", "token", path=f"{lab.folder}/copy", source=secrets["source"], secret=True)
    lab.ask("File", "page", path=f"{lab.folder}/page", source=lab.file("page-source"))
    authority = {"certificate": lab.file("ca.crt", Authority().certificate), "key": secrets["ca-key"]}
    waits = lab.identity("by-service", {"mode": "caSigned", "authority": authority})
    lab.pair(waits, "next", self_signed(ID))
    lab.identity("by-string", None, azure={"connectionString": secrets["string"]})
    dps = {"idScope": "0ne00AB12CD", "host": "127.0.0.1:1"}
    out = lab.file("output")
    lab.identity(
        "by-key",
        None,
        azure={"dps": {**dps, "sharedKey": secrets["shared"]}},
        outputs=[{"path": out, "template": "x"}],
    )
    lab.identity("by-group", None, azure={"dps": {**dps, "groupKey": secrets["group"]}})
    let_all_in(lab.folder)
    closed = Path(lab.file("closed/key"))
    closed.parent.chmod(0o700)
    keyless = lab.file("keyless", f"HostName=h.azure-devices.net;DeviceId={ID}".encode())
    given = {"certificate": lab.file("given.crt", fine), "key": str(closed)}
    lab.identity("in-closed", {"mode": "files", "files": given})
    by_key = f"HostName=h.azure-devices.net;DeviceId={ID};SharedAccessKey=aHVudGVyMg=="
    opened = lab.file("opened", by_key.encode())
    Path(opened).chmod(0o644)
    template = {"path": opened, "templateFile": lab.file("template", b"{{ connectionString }}"), "mode": "0644"}
    string = lab.file("keyed", by_key.encode())
    lab.identity("in-the-open", None, azure={"connectionString": string}, outputs=[template])
    lab.identity("by-certificate", None, azure={"connectionString": keyless})
    found = lab.examined()
    assert found["specs"]["state"] != "failed", found["specs"]
    told = rows(found["permissions"])
    for path in (*secrets.values(), out, str(waits / "next" / "device.key")):
        assert told[path] == ("failed", "everybody may read and write it (mode 0666)")
    assert told[str(closed)] == ("ok", "mode 0666, in a folder that lets nobody else in")
    assert keyless not in told
    assert told[opened] == ("failed", "everybody may read it (mode 0644)")
    (quoted,) = (each["remedy"] for each in found["permissions"]["details"] if each["name"] == secrets["mqtt key"])
    assert quoted == f"`chmod o-rw '{secrets['mqtt key']}'`"
    assert not [path for path in told if "page" in path or path == str(waits / "device.key")]
    certificates = {name: state for name, (state, _) in rows(found["certificates"]).items()}
    assert certificates == {
        "mqtt.tls.clientCert": "failed",
        "registry lab": "warning",
        "operating system os": "failed",
        "identity by-service": "warning",
    }
    assert {f"127.0.0.1:{port}", "127.0.0.1:1"} <= set(rows(found["hosts"]))
    assert not [each for each in ("hunter2", "aHVudGVyMg") if each in json.dumps(found)]


def test_identities_that_end_wait_or_are_broken_have_the_remedy_that_helps(lab: Lab) -> None:
    """evenkeel renews its own pairs, and never writes those of others: rotating them was told, and is refused."""
    lab.device.settings(engine={"kind": "docker", "address": f"unix://{lab.folder}/gone.sock"})
    own = {"mode": "selfSigned", "renewBeforeDays": 10}
    lab.pair(lab.identity("a-early", own), "current", self_signed(ID, ends=20))
    lab.pair(lab.identity("b-due", own), "current", self_signed(ID, ends=5))
    lab.pair(lab.identity("c-ended", own), "current", self_signed(ID, begins=-20, ends=-1))
    lab.identity("d-none", own)
    given = openssl.leaf(lab.folder, "-days", "20", subject=f"/CN={ID}")
    files = {"certificate": lab.file("given.crt", given.certificate), "key": lab.file("given.key", given.key)}
    lab.identity("e-given", {"mode": "files", "files": files})
    folder = lab.folder / "f-csr"
    csr = {"mode": "csr", "request": f"{folder}/request.csr", "chain": f"{folder}/signed.crt"}
    lab.pair(lab.identity("f-csr", csr), "current", Authority().device(ID, ends=20))
    lab.identity("g-lacks", None, azure={"connectionString": f"{lab.folder}/none"})
    found = lab.examined()
    assert found["specs"]["state"] != "failed", found["specs"]
    assert found["identities"]["details"], found["identities"]
    told: dict[str, list[tuple[str, str, str]]] = {}
    for each in found["identities"]["details"]:
        told.setdefault(each["name"], []).append((each["state"], each["evidence"], each["remedy"]))
    by_itself = "evenkeel renews it by itself; `evenkeel status` tells what it waits for"
    assert told["a-early"][0][0] == "ok"
    assert (told["b-due"][0][0], told["b-due"][0][2]) == ("warning", by_itself)
    assert (told["c-ended"][0][0], told["c-ended"][0][2]) == ("failed", f"{by_itself}; look at the clock, too")
    assert [state for state, *_ in told["d-none"]] == ["failed"]
    replace = f"replace {files['certificate']} and {files['key']}; evenkeel never writes them"
    assert [(state, remedy) for state, _, remedy in told["e-given"]][:2] == [("warning", replace)] * 2
    assert told["f-csr"][0][0] == "warning"
    assert f"have {folder}/request.csr signed" in told["f-csr"][0][2]
    assert f"into {folder}/signed.crt" in told["f-csr"][0][2]
    assert any(state == "failed" and "none" in evidence for state, evidence, _ in told["g-lacks"])
    assert not [remedy for each in told.values() for state, _, remedy in each if state != "ok" and not remedy]


def test_the_first_secret_makes_no_state_directory_that_everybody_looks_into(lab: Lab) -> None:
    """It is made before the controller has locked, and made, the state directory."""
    piped(lab.device, "registry", "add", "r.example", "--user", "ci", "--password-stdin", "--yes", given="hunter2\n")
    assert stat.S_IMODE(lab.device.state.stat().st_mode) == 0o750
    assert stat.S_IMODE((lab.device.state / "secrets" / "registries").stat().st_mode) == 0o700


def test_a_login_that_a_real_registry_refuses(lab: Lab) -> None:
    (lab.folder / "registry").mkdir()
    registry = Registry(lab.folder / "registry")
    try:
        registry.start()
        lab.device.settings(engine={"kind": "docker", "address": f"unix://{lab.folder}/gone.sock"})
        for name, password in (("right", registry.password), ("wrong", "hunter2")):
            file = lab.file(name, password.encode())
            credentials = {"user": registry.user, "passwordFile": file}
            lab.ask(
                "Registry", name, host=f"{registry.host}/{name}", credentials=credentials, tls={"ca": str(registry.ca)}
            )
        found = lab.examined()["registries"]
    finally:
        registry.close()
    told = {each["name"]: each for each in found["details"]}
    assert told["right"]["state"] == "ok", told
    assert (told["wrong"]["state"], "refused" in told["wrong"]["evidence"]) == ("failed", True), told
    assert "tls.ca" not in told["wrong"]["remedy"], "it was trusted"
