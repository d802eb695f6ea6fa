"""`sdv-provision` with evenkeel behind it, where it differs from the original (docs/compatibility.md): on a simulated host, and
with real keys below a folder that stands for `/`. The conversation itself is in test_provision.py."""

from __future__ import annotations

import json
import stat
import tempfile
from pathlib import Path

import pytest
from tests.controller.drivers.provisioning import openssl

from evenkeel.controller import provisioning_wiring
from evenkeel.controller.drivers.provisioning import maker
from evenkeel.controller.drivers.provisioning.certificates import Certificates
from evenkeel.controller.drivers.provisioning.host import Host
from evenkeel.specs.provisioning.provisioning import Azure

from .command import Device, in_conversation
from .inside import run_inside
from .test_provision import (
    BY_CERTIFICATE,
    BY_KEY,
    FOLDER,
    HUB,
    ID,
    KEY,
    OF_A_SERVICE,
    SCOPE,
    documents,
    everything,
    secret,
    shown,
)

pytestmark = pytest.mark.e2e

COMMAND = ("compat", "sdv-provision")
MANIFEST = "data/var/containers/manifests/cloudconnector.json"
LEDAS_ID = "525400123402"
"""As Leda's image writes it, without dashes (provisioning.md §2.5)."""


class Run:
    """One run, with the answers that it gets."""

    def __init__(self, device: Device, *answers: str, more: tuple[str, ...] = (), ok: int = 0) -> None:
        given = "".join(f"{each}\n" for each in answers)
        done = run_inside([*COMMAND, *more], device.environment(), given)
        assert done.returncode == ok, done.stdout + done.stderr
        assert KEY not in done.stdout + done.stderr
        self.lines, self.errors = done.stdout.splitlines(), done.stderr.splitlines()

    def after(self, beginning: str) -> str:
        """The rest of the only line that begins so."""
        (found,) = (each.removeprefix(beginning) for each in self.lines if each.startswith(beginning))
        return found


def put(root: Path, path: str, content: str) -> Path:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file


@pytest.fixture
def root(device: Device) -> Path:
    """The simulated host."""
    return device.state / "memory-host"


def test_the_id_that_is_there_counts_and_is_kept_with_the_certificates(device: Device, root: Path) -> None:
    put(root, "/etc/deviceid", f"{LEDAS_ID}\n")
    manifest = put(root, MANIFEST, '{"config": {"env": []}}')
    run = Run(device, "d", SCOPE, more=("--frobnicate", "now"))
    assert f"- Device ID: {LEDAS_ID}" in run.lines
    assert not [each for each in run.lines if "network device" in each or "to be created: /etc" in each]
    assert (root / f"{FOLDER}/deviceid".lstrip("/")).read_text() == f"{LEDAS_ID}\n"
    assert manifest.read_text() == '{"config": {"env": []}}'
    assert run.errors[0] == "Note: `evenkeel provision` does this, with options, too, and connects"
    assert run.errors[1] == "Note: sdv-provision has no options; all of them are passed over"
    assert run.lines[-1] == "Once this is entered, `evenkeel provision` connects."


def test_a_pair_that_is_lost_is_made_anew_and_the_other_one_stays(device: Device, root: Path) -> None:
    Run(device, "d", SCOPE)
    device.run("provision", "--yes")
    before = shown(device)
    (root / f"{FOLDER}/device2.crt".lstrip("/")).unlink()
    run, after = Run(device), shown(device)
    assert "- Some certificates are missing: they are made" in run.lines
    assert run.after("- Primary thumbprint: ") == before["certificate"]["thumbprint"]
    assert run.after("- Secondary thumbprint: ") == after["second"]["thumbprint"] != before["second"]["thumbprint"]
    assert after["certificate"] == before["certificate"]


def test_a_connection_string_is_not_shown_while_it_is_typed(device: Device) -> None:
    answers = [("Choose:", "h"), ("Azure IoT Hub:", OF_A_SERVICE), ("Azure IoT Hub:", BY_KEY)]
    code, said = in_conversation(device, answers, *COMMAND)
    assert code == 0, said
    assert KEY not in said
    assert HUB not in said
    assert secret(device).read_text() == f"{BY_KEY}\n"


def test_no_certificate_is_made_beside_a_key_and_nothing_is_to_be_entered(device: Device, root: Path) -> None:
    run = Run(device, "h", BY_KEY)
    assert "- No certificate is needed: the device has a key" in run.lines
    assert run.lines[-1] == "Now `evenkeel provision` connects."
    assert not [each for each in run.lines if "humbprint" in each or "entered" in each]
    assert not list(root.rglob("*.crt"))
    device.run("provision", "--yes")
    assert shown(device)["proven"]


def test_both_files_of_the_original_are_told_and_the_connection_string_counts(device: Device, root: Path) -> None:
    put(root, f"{FOLDER}/azure.idscope", f"{SCOPE}\n")
    one = Run(device)
    assert f"- Id Scope file found: {FOLDER}/azure.idscope" in one.lines
    assert not [each for each in one.lines if "WARNING" in each]
    (device.specs / "provisioning.yaml").unlink()
    file = put(root, f"{FOLDER}/azure.connectionstring", f"{BY_CERTIFICATE}\n")
    both = Run(device)
    path = f"{FOLDER}/{file.name}"
    text = f"WARNING: Both Id Scope file and Connection String files are present; {path} counts."
    assert {text, f"- ConnectionString file found: {path}"} <= {*both.lines}
    azure = documents(device)["device"].azure
    assert azure is not None
    assert (azure.connection_string, azure.id_scope_file) == (path, "")


def test_an_answer_is_text_and_needs_no_manifest(device: Device, root: Path) -> None:
    """The original edits one by a program made of the answer, and looks for the answer as for a pattern (provisioning.md §2.4).
    Today's images have no manifest of that name."""
    put(root, "/etc/deviceid", "a.b\n")
    key = "+/+/c2VjcmV0IGtleQ=="
    text = f"HostName={HUB};DeviceId=a.b;SharedAccessKey={key}"
    env = [f"CONNECTION_STRING={text.replace('a.b', 'aXb')}", f"ID_SCOPE={SCOPE}1"]
    disabled = put(root, f"{MANIFEST}.disabled", json.dumps({"config": {"env": env}}))
    before = disabled.read_bytes()
    run = Run(device, "d", f'{SCOPE}" | halt_error | "', f"  {SCOPE} ")
    assert "- Neither Id Scope file nor ConnectionString found, needs manual configuration" in run.lines
    assert documents(device)["device"].azure == Azure(id_scope=SCOPE)
    (device.specs / "provisioning.yaml").unlink()
    run = Run(device, "h", f"\t{text}  ")
    assert key not in "\n".join((*run.lines, *run.errors))
    assert secret(device).read_text() == f"{text}\n"
    assert f"- ConnectionString file found: {secret(device)}" in Run(device).lines
    device.run("provision", "--yes")
    assert shown(device)["proven"]
    assert json.dumps(text) in (device.state / "provisioning/values.json").read_text()
    assert [each.name for each in disabled.parent.iterdir()] == [disabled.name]
    assert disabled.read_bytes() == before


def test_of_several_identities_it_is_about_the_first(device: Device) -> None:
    spec = "{folder: /data/NAME, certificate: {mode: selfSigned}}"
    document = f"apiVersion: evenkeel/v1\nkind: Provisioning\nmetadata: {{name: NAME}}\nspec: {spec}\n"
    device.write(*(document.replace("NAME", name) for name in ("b", "a")))
    run = Run(device, ok=1)
    assert "Usage" not in "".join(run.errors)
    assert "- To be created: /data/a" in run.lines
    assert "/data/a/device.key" in device.run("compat", "sdv-device-info").stdout


def test_real_keys_stay_where_they_belong(device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real host, below a folder. Nothing is simulated, and nobody is let in."""
    root, temporary = tmp_path / "root", tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(Host.__init__, "__defaults__", (root,))
    monkeypatch.setattr(provisioning_wiring, "host_path", lambda settings, path: root / path.lstrip("/"))
    monkeypatch.setattr(maker, "MakerApart", Certificates)  # no process for each call: that is not the point here
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    device.settings(
        engine={"kind": "docker", "address": f"unix://{tmp_path}/none.sock"}, mqtt={"broker": "tcp://127.0.0.1:9"}
    )
    put(root, "/etc/deviceid", f"{ID}\n")
    manifest = put(root, MANIFEST, "{}")
    there = root / str(device.state).lstrip("/")  # the documents name files in the state directory
    there.parent.mkdir(parents=True)
    there.symlink_to(device.state)
    run = Run(device, "h", BY_CERTIFICATE)
    assert not [each for each in run.errors if "simulates" in each]
    for word, path in (
        ("Primary", run.after("- Primary device certificate: ")),
        ("Secondary", f"{FOLDER}/device2.crt"),
    ):
        file = root / path.lstrip("/")
        text = openssl.text(file.read_bytes())
        for each in ("Version: 3", "NIST CURVE: P-256", "TLS Web Client Authentication", f"Subject: CN = {ID}"):
            assert each in text
        digest = openssl.run("x509", "-noout", "-fingerprint", "-sha1", "-in", file).rpartition("=")[2]
        assert run.after(f"- {word} thumbprint: ") == digest.replace(":", "").strip()
    keys = [each for each in tmp_path.rglob("*") if each.is_file() and b"PRIVATE KEY" in each.read_bytes()]
    assert keys
    real = {each.resolve() for each in keys}
    assert {stat.S_IMODE(each.stat().st_mode) for each in real} == {0o600}
    assert all(each.is_relative_to(root / FOLDER.lstrip("/") / "pairs") for each in real)
    assert (len(real), list(temporary.iterdir())) == (2, [])
    assert manifest.read_text() == "{}"
    assert (root / f"{FOLDER}/deviceid".lstrip("/")).read_text() == f"{ID}\n"
    before = everything(device)
    said = device.run("provision", ok=2)
    assert "Nobody can be asked here whether that is done" in said.stderr
    one = json.loads(device.run("identity", "show", "-o", "json").stdout)
    for key in ("next", "second"):
        assert one[key]["thumbprint"] in said.stdout
        assert one[key]["thumbprint"] in "\n".join(run.lines)
    assert (one["proven"], one["certificate"]) == (False, None)
    assert everything(device) == before
