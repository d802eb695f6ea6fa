"""Identities on the command line: the first set-up in each way, its refusals, its rotation, and what is told of it."""

from __future__ import annotations

import json
import re
import shlex
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.controller.drivers.provisioning.openssl import authority
from tests.controller.drivers.provisioning.openssl import run as by_openssl
from tests.e2e_mqtt.connector import Connector
from tests.engines.broker import Broker
from tests.until import PATIENCE_S, until

from evenkeel.controller.cli import identity
from evenkeel.controller.cli.options import NO_DEVICE
from evenkeel.controller.cli.provision import carrying
from evenkeel.controller.drivers.provisioning.simulated import SIMULATED_MARK as MARK
from evenkeel.specs.provisioning.provisioning import Azure, Certificate, Provisioning
from evenkeel.specs.settings.settings import Settings
from evenkeel.templates.provisioning_described import Identity

from .command import Device, ended, in_conversation, on_a_terminal, spec
from .inside import DeviceInside

pytestmark = pytest.mark.e2e

ID, FOLDER = "52-54-00-12-34-02", "/data/var/certificates"
HUB, SCOPE = "h.azure-devices.net", "0ne00AB12CD"
BY_CERTIFICATE = f"HostName={HUB};DeviceId={ID}"
KEY = "c2VjcmV0IGtleSBvZiBhIGRldmljZQ=="
BY_KEY = f"{BY_CERTIFICATE};SharedAccessKey={KEY}"
OF_A_SERVICE = f"HostName={HUB};SharedAccessKeyName=owner;SharedAccessKey={KEY}"


def piped(device: Device, *arguments: str, given: str, ok: int = 0) -> str:
    return device.piped(*arguments, given=given, secret=KEY, ok=ok)


def documents(device: Device) -> dict[str, Provisioning]:
    return device.asked(Provisioning)


def shown(device: Device) -> Any:
    return json.loads(device.run("identity", "show", "-o", "json").stdout)


def secret(device: Device, name: str = "device") -> Path:
    return device.state / "secrets" / "provisioning" / name


def everything(device: Device) -> dict[str, tuple[int, bytes]]:
    """What a person would miss: spec files, secrets and the files of the identity."""
    places = (device.specs, device.state / "secrets", device.state / "memory-host")
    files = (each for place in places for each in place.rglob("*") if each.is_file())
    return {str(each): (each.stat().st_mtime_ns, each.read_bytes()) for each in files}


# --- the ways of the seed document (leda-device-provisioning.txt §§1, 2) ------------------------------------------------


def test_the_conversation_of_sdv_provision(device: Device) -> None:
    said = piped(device, "compat", "sdv-provision", given=f"x\nh\n{OF_A_SERVICE}\n{BY_CERTIFICATE}\n")
    lines = said.splitlines()
    assert [each.strip() for each in lines if each in SEED] == SEED
    assert f"- Device ID: {ID}" in lines
    assert "Please answer with 'd' for Azure Device Provisioning Service (DPS) or 'h' for Azure IoT Hub." in lines
    assert "the connection string is one of a service" in said
    file = secret(device)
    certificate = Certificate("selfSigned", second=True)
    assert documents(device) == {
        "device": Provisioning("device", FOLDER, certificate=certificate, azure=Azure(connection_string=str(file)))
    }
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == (f"{BY_CERTIFICATE}\n", 0o600)
    one = shown(device)
    assert (one["deviceId"], one["azure"]["hub"], one["proven"]) == (ID, HUB, False)
    assert f"- Primary thumbprint: {one['next']['thumbprint']}" in lines
    assert f"- Secondary thumbprint: {one['second']['thumbprint']}" in lines
    told = device.run("compat", "sdv-device-info").stdout
    prints = [f"  * Fingerprint {at}:          : {one[key]['thumbprint']}" for at, key in ((1, "next"), (2, "second"))]
    assert told.splitlines()[-2:] == prints
    assert f"  * Key file:               : {FOLDER}/next/device.key" in told
    assert "not found" not in told
    device.run("provision", "--yes")
    then = shown(device)
    assert (then["proven"], then["certificate"]["thumbprint"]) == (True, one["next"]["thumbprint"])
    before = everything(device)
    again = piped(device, "compat", "sdv-provision", given="")
    assert "- All device certificates are present" in again
    assert f"- Primary thumbprint: {one['next']['thumbprint']}" in again
    assert "Nothing is left to do" in device.run("provision").stdout
    assert everything(device) == before


SEED = [
    "Checking Eclipse Leda Device Provisioning configuration...",
    "Checking Device ID",
    "Checking whether either IdScope or ConnectionString is configured",
    "- Neither Id Scope file nor ConnectionString found, needs manual configuration",
    (
        "Do you want to use the global Azure IoT Device Provisioning Service (DPS) by using an Id Scope, or do you want to use"
        " a direct connection to a specific Azure IoT Hub using a Connection String?"
    ),
    "d) Azure IoT Device Provisioning Service (DPS) with Id Scope",
    "h) Azure IoT Hub with Connection String",
    "Checking device certificates",
    "Fingerprints (add these to the Azure IoT Hub Device)",
]


def test_sdv_provision_without_an_answer_changes_nothing(device: Device) -> None:
    before = everything(device)
    said = piped(device, "compat", "sdv-provision", given="d\n\nno scope\n", ok=1)
    assert f"- To be created: {FOLDER}" in said.splitlines()
    assert "- File does not exist, to be created: /etc/deviceid" in said.splitlines()
    assert said.endswith("error: standard input: it has ended without an answer, and nothing was changed\n")
    assert "Usage" not in said
    other = BY_CERTIFICATE.replace(ID, "another")
    said = piped(device, "compat", "sdv-provision", given=f"h\n{other}\n", ok=1)
    assert (
        f"the connection string is for the device another, and this one is {ID}; `evenkeel provision --device" in said
    )
    assert everything(device) == before


def test_the_manual_way_with_a_certificate_of_openssl(device: Device, tmp_path: Path) -> None:
    cert, key, string = tmp_path / "device.crt", tmp_path / "device.key", tmp_path / "string"
    string.write_text(BY_CERTIFICATE)
    make = (
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -keyout {key} -out {cert}"
    )
    given = ("--cert", str(cert), "--key", str(key), "--connection-string-file", str(string), "--yes")
    openssl(f"{make} -subj /CN=somebody")
    said = device.run("provision", *given, ok=1).stderr
    assert f"its certificate is for somebody, and the device id is {ID}" in said
    assert documents(device) == {}
    authority(tmp_path, "root")
    below = authority(tmp_path, "below", by="root")
    request = openssl(f"{make.replace('-x509', '').partition(' -out')[0]} -subj /CN={ID}")
    signer = ("-CA", tmp_path / "below.crt", "-CAkey", tmp_path / "below.key", "-CAcreateserial")
    (tmp_path / "client.ext").write_text("extendedKeyUsage=clientAuth\n")
    rules = ("-days", "30", "-extfile", tmp_path / "client.ext")
    own = by_openssl("x509", "-req", *signer, *rules, stdin=request.encode()).encode()
    cert.write_bytes(below.certificate + own)
    first = "the key belongs to certificate 2 of the file; that one has to be the first"
    assert first in device.run("provision", *given, ok=1).stderr
    cert.write_bytes(own)
    device.run("provision", *given)
    assert f"append the certificate of below to {cert}" in shown(device)["certificate"]["remarks"][0]
    cert.write_bytes(own + below.certificate)
    digest = openssl(f"openssl x509 -in {cert} -noout -fingerprint -sha256").partition("=")[2].replace(":", "").strip()
    one = shown(device)
    assert (one["proven"], one["mode"], one["certificate"]["thumbprintSha256"]) == (True, "files", digest)
    assert (one["certificate"]["certificateFile"], one["certificate"]["issuer"]) == (str(cert), "below")
    assert one["certificate"]["remarks"] == []
    before = everything(device)
    assert "Nothing is left to do" in device.run("provision", *given).stdout
    assert everything(device) == before
    assert "replace" in device.run("provision", "--rotate", "--yes", ok=1).stderr


def openssl(command: str) -> str:
    done = subprocess.run(shlex.split(command), text=True, capture_output=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_ledas_tool_has_left_is_followed(device: Device) -> None:
    folder = device.state / "memory-host" / FOLDER.lstrip("/")
    folder.mkdir(parents=True)
    (folder / "azure.idscope").write_text(f"{SCOPE}\n")
    assert shown(device)["azure"]["idScope"] == SCOPE
    assert f"{FOLDER}/azure.idscope is there" in device.run("provision", "--yes").stdout
    assert documents(device)["device"].azure == Azure(id_scope_file=f"{FOLDER}/azure.idscope")
    assert shown(device)["proven"]


@pytest.mark.parametrize(("cloud", "missing"), [("--no-cloud", ""), (f"--id-scope {SCOPE}", "device2.key")])
def test_pairs_of_ledas_tool_are_rotated(device: Device, cloud: str, missing: str) -> None:
    folder = device.state / "memory-host" / FOLDER.lstrip("/")
    folder.mkdir(parents=True)
    for name in ("device", "device2"):
        at = f"-keyout {folder}/{name}.key -out {folder}/{name}.crt"
        openssl(
            f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 {at} -subj /CN={ID}"
        )
    device.run("provision", *cloud.split(), "--yes")
    before = shown(device)
    if missing:  # as Leda's tool asks for, to get new ones
        (folder / missing).unlink()
    device.run("provision", "--rotate", "--yes")
    after = shown(device)
    thumbprints = {each["thumbprint"] for one in (before, after) for each in (one["certificate"], one["second"])}
    is_followed = before["second"]["thumbprint"] == after["certificate"]["thumbprint"]
    assert (is_followed, len(thumbprints)) == ((False, 4) if missing else (True, 3))
    assert (after["proven"], after["next"]) == (True, None)
    assert "Nothing is left to do" in device.run("provision").stdout


# --- the conversation and the options ------------------------------------------------------------------------------------


def test_the_conversation_on_a_terminal(device: Device) -> None:
    answers = [
        ("Choose:", "h"),
        ("Azure IoT Hub:", OF_A_SERVICE),
        ("Azure IoT Hub:", BY_CERTIFICATE),
        ("Choose [s]:", "s"),
        ("[Y/n]", "n"),
        ("Do it?", "y"),
        ("Entered?", "n"),
    ]
    code, said = in_conversation(device, answers, "provision")
    assert code == 2, said
    assert KEY not in said
    assert BY_CERTIFICATE not in said
    assert said.index(f"Device ID: {ID}") < said.index("Choose:")
    one = shown(device)
    for text in (f"IoT Hub {HUB}", "X.509 self-signed", one["next"]["thumbprint"], one["next"]["thumbprintSha256"]):
        assert text in said
    assert not documents(device)["device"].certificate.second  # type: ignore[union-attr]
    code, said = in_conversation(device, [("Entered?", ""), ("Do it?", "y")], "provision")
    assert code == 0, said
    assert shown(device)["proven"]


def test_a_change_of_the_spec_file_while_the_user_is_asked_is_kept(device: Device) -> None:
    file = device.specs / "provisioning.yaml"

    def change() -> str:
        file.write_text(spec("web"))
        return "y"

    code, said = in_conversation(device, [("Do it?", change)], "provision", "--no-cloud", "--mode", "csr")
    assert code == 1
    assert "was changed by somebody else meanwhile" in said
    assert file.read_text() == spec("web")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("", "which way to the cloud? Give one of --id-scope ID"),
        (f"--id-scope {SCOPE} --no-cloud", "--id-scope and --no-cloud are several"),
        ("--no-cloud --shared-key-file /k", "--shared-key-file goes with the provisioning service"),
        (f"--id-scope {SCOPE} --shared-key-file /k --group-key-file /g", "are two keys"),
        ("--no-cloud --cert /c", "--cert and --key belong together"),
        ("--no-cloud --mode caSigned", "--mode caSigned needs --authority and --authority-key"),
        ("--no-cloud --mode csr --cert /c --key /k", "--cert goes with --mode files"),
        ("--no-cloud --mode csr --second", "--second goes with --mode selfSigned"),
        ("--rotate --no-cloud", "--rotate changes no document"),
        ("--rotate", "no document asks for one"),
        ("--prove --rotate", "leave --prove out"),
        ("--prove --no-cloud", "--prove changes no document"),
        ("--prove", "no document asks for one"),
        ("--id-scope 0ne --yes", "expected letters and digits, as `0ne00AB12CD`"),
        ("--no-cloud --device-id A/B --yes", "spec.deviceId.value"),
        ("--no-cloud --file /tmp/elsewhere.yaml --yes", "is not one of the specs"),
        ("--no-cloud --yes --device-id=", "'--device-id': expected a text that is not empty"),
        ("--no-cloud --yes --folder=", "'--folder': expected a text that is not empty"),
        ("--no-cloud --yes --cert= --key=", "'--cert': expected a text that is not empty"),
        ("--yes --id-scope=", "'--id-scope': expected a text that is not empty"),
        ("--no-cloud --yes --specs=", "'--specs': expected a text that is not empty"),
        ("--no-cloud", "nobody can be asked here; --yes does it without asking"),
    ],
)
def test_options_that_cannot_be_are_told_and_nothing_is_written(device: Device, options: str, said: str) -> None:
    before = everything(device)
    assert said in device.run("provision", *options.split(), ok=1).stderr
    assert everything(device) == before


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (OF_A_SERVICE, (), "one of a service"),
        (
            BY_KEY.replace(ID, "another"),
            (),
            f"for the device another, and this one is {ID}; `evenkeel provision --device-id a",
        ),
        (BY_CERTIFICATE, ("--mode", "none"), "has no key, so that a certificate is needed"),
        (KEY, (), "part 1 of the connection string has an unknown name"),
    ],
)
def test_a_connection_string_that_cannot_be_is_written_nowhere(
    device: Device, text: str, options: tuple[str, ...], said: str
) -> None:
    before = everything(device)
    assert said in piped(device, "provision", "--connection-string-stdin", "--yes", *options, given=text, ok=1)
    assert everything(device) == before


def test_a_document_keeps_its_comments_and_another_way_removes_the_secret(device: Device) -> None:
    file = device.specs / "cloud.yaml"
    head = "# ours\napiVersion: evenkeel/v1\nkind: Provisioning\nmetadata: {name: car}\nspec:\n"
    file.write_text(f"{head}  certificate: {{mode: selfSigned, keyType: rsa-2048}}  # as the fleet\n")
    piped(device, "provision", "--connection-string-stdin", "--yes", given=BY_CERTIFICATE)
    assert file.read_text().startswith(
        f"{head}  certificate: {{mode: selfSigned, keyType: rsa-2048}}  # as the fleet\n"
    )
    assert secret(device, "car").read_text() == f"{BY_CERTIFICATE}\n"
    said = device.run("provision", "car", "--id-scope", SCOPE, "--yes").stdout
    assert f"{secret(device, 'car')}: removed" in said
    assert not secret(device, "car").exists()
    assert documents(device)["car"].azure == Azure(id_scope=SCOPE)
    assert "no document of kind Provisioning" in device.run("identity", "show", "cart", ok=1).stderr


# --- rotation ------------------------------------------------------------------------------------------------------------


def test_rotation_takes_the_second_pair_and_makes_another_one(device: Device) -> None:
    device.run("provision", "--id-scope", SCOPE, "--yes")
    before = shown(device)
    said = device.run("provision", "--rotate", "--yes").stdout
    after = shown(device)
    assert after["certificate"]["thumbprint"] == before["second"]["thumbprint"]
    assert after["second"]["thumbprint"] not in (before["second"]["thumbprint"], before["certificate"]["thumbprint"])
    assert f"in the place of {before['certificate']['thumbprint']}" in said
    assert after["second"]["thumbprint"] in said.partition("At the Azure portal")[2]
    assert after["proven"]


def test_a_controller_at_work_makes_the_pair_and_follows_a_rotation(device: Device) -> None:
    device.write(spec("web"))
    running = device.start("run")
    until(device.is_settled)
    said = device.run("provision", "--id-scope", SCOPE, "--no-second", "--yes").stdout
    before = shown(device)
    assert before["proven"]
    assert before["certificate"]["thumbprint"] in said
    said = device.run("provision", "--rotate", "--yes").stdout
    after = shown(device)
    assert after["proven"]
    assert after["next"] is None
    assert f"{after['certificate']['thumbprint']} (SHA-1)" in said
    assert after["certificate"]["thumbprint"] != before["certificate"]["thumbprint"]
    pairs = device.state / "memory-host" / FOLDER.lstrip("/") / "pairs"
    until(lambda: [each.name for each in pairs.iterdir()] == [after["certificate"]["thumbprintSha256"][:16]])
    assert ended(running, signal.SIGTERM)[0] == 0


def test_a_pair_that_a_controller_makes_between_two_looks_is_shown(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look was shown, without the pair: nobody was told what to enter."""
    really_follow, really_look = carrying.follow, identity.identity_here

    def looked(settings: Settings, name: str = "") -> tuple[str, Identity]:
        found = really_look(settings, name)
        carrying.perform(settings, name, carrying._left_to_make(settings, name), alone=False)
        return found

    def follow(settings: Settings, name: str, done: Callable[[Identity], bool], limit_s: float) -> Identity:
        with monkeypatch.context() as patched:
            patched.setattr(identity, "identity_here", looked)
            return really_follow(settings, name, done, limit_s)

    monkeypatch.setattr(carrying, "follow", follow)
    monkeypatch.setattr(carrying, "controller_is_told", lambda settings: True)
    said = device.run("provision", "--id-scope", SCOPE, "--no-second", "--yes", "--timeout", "1", ok=1).stdout
    assert f"{shown(device)['next']['thumbprint']} (SHA-1)" in said.partition("At the Azure portal")[2]


def test_a_request_is_waited_for_and_its_answer_taken(device: Device) -> None:
    given = ("--mode", "csr", "--no-cloud", "--yes")
    assert f"Waiting for the signed certificate in {FOLDER}/signed.crt" in device.run("provision", *given, ok=2).stdout
    folder = device.state / "memory-host" / FOLDER.lstrip("/")
    for change, why in CANNOT_BE_TAKEN_IN:
        sign(folder, **change)
        assert f"what is in {FOLDER}/signed.crt cannot be taken in: {why}" in shown(device)["waitsFor"]
        said = device.run("provision", "--yes", ok=2).stdout
        assert f"cannot be taken in: {why}" in said
    sign(folder)
    device.run("provision", "--yes")
    before = shown(device)
    assert (before["proven"], before["certificate"]["issuer"]) == (True, "Lab")
    assert "Waiting for" in device.run("provision", "--rotate", "--yes", ok=2).stdout
    assert shown(device)["waitsFor"]
    sign(folder, name="somebody")
    said = device.run("provision", "--yes", ok=2).stdout
    assert "Waiting for" in said
    assert "cannot be taken in: its certificate is for somebody" in said
    assert "Nothing is left" not in said
    sign(folder)
    device.run("provision", "--yes")
    after = shown(device)
    assert after["proven"]
    assert after["certificate"]["thumbprint"] != before["certificate"]["thumbprint"]


CANNOT_BE_TAKEN_IN: list[tuple[dict[str, object], str]] = [
    ({"key": "another"}, "the key is not that of the certificate"),
    ({"name": "somebody"}, f"its certificate is for somebody, and the device id is {ID}"),
    ({"ends_s": time.time() + 86400.0}, "it ends too soon"),
]


def sign(folder: Path, **other: object) -> None:
    """Sign a simulated request; `other`: as nobody has asked for it."""
    request = json.loads((folder / "request.csr").read_text().splitlines()[1])
    value = {**request, "issuer": "Lab", "kind": "ec-p256", "starts_s": 0.0, "ends_s": 4e9, **other}
    text = f"-----BEGIN {MARK} CERTIFICATE-----\n{json.dumps(value)}\n-----END {MARK} CERTIFICATE-----\n"
    (folder / "signed.crt").write_text(text)


def test_what_is_in_force_is_proven_again(device: Device) -> None:
    device.run("provision", "--id-scope", SCOPE, "--no-second", "--yes")
    before = shown(device)
    said = device.run("provision", "--prove", "--yes").stdout
    assert f"assigned to simulated.azure-devices.net as {ID}" in said
    assert f"lets the device {ID} in by its certificate" in said
    assert shown(device) == before
    moved_from = device.state / "provisioning/assignments.json"
    moved_from.write_text(moved_from.read_text().replace("simulated.azure", "former.azure"))
    device.run("apply", "--yes")
    assert (shown(device)["azure"]["hub"], shown(device)["proven"]) == ("former.azure-devices.net", True)
    assert "is followed" in device.run("provision", "--prove", "--yes").stdout
    assert shown(device) == before
    file = next(device.specs.glob("*.yaml"))
    file.write_text(file.read_text().partition("  azure:")[0])
    device.run("apply", "--yes")
    assert "there is nobody to ask" in device.run("provision", "--prove", "--yes", ok=1).stderr


# --- what is told --------------------------------------------------------------------------------------------------------


def test_an_identity_is_told_in_each_form(device: Device) -> None:
    assert "no document asks for one" in device.run("identity", "show").stdout
    device.run("provision", "--id-scope", SCOPE, "--yes")
    one = shown(device)
    values = dict(line.split("=", 1) for line in device.run("identity", "show", "-o", "env").stdout.splitlines())
    assert list(values)[:5] == ["FULL_CONNECTION_IDENTIFIER", "TENANT_ID", "CLOUD_HUB", "DEVICE_ID", "HUB_HOSTNAME"]
    assert values["FULL_CONNECTION_IDENTIFIER"] == f"azure.edge:simulated:{ID}"
    assert (values["ID_SCOPE"], values["PROVEN"]) == (SCOPE, "yes")
    assert values["THUMBPRINT"] == one["certificate"]["thumbprint"]
    row = device.run("get", "identities").stdout.splitlines()[1].split()
    assert row == [
        "device",
        ID,
        "selfSigned",
        one["certificate"]["until"][:10],
        "simulated.azure-devices.net",
        "yes",
        "yes",
    ]
    described = device.run("describe", "identity", "device").stdout
    assert "verdict     as asked, and proven" in described
    assert one["certificate"]["thumbprintSha256"] in described
    assert json.loads(device.run("describe", "identity", "device", "-o", "json").stdout)["identity"] == {
        key: value for key, value in one.items() if key not in ("apiVersion", "kind", "engine")
    }


def test_sdv_device_info_has_the_words_of_the_original(device: Device) -> None:
    device.settings(mqtt={"broker": "tcp://127.0.0.1:9"})
    piped(device, "provision", "--connection-string-stdin", "--yes", given=BY_KEY)
    done = device.run("compat", "sdv-device-info", "-n", "--verbose", "env")
    assert done.stdout == (
        f"FULL_CONNECTION_IDENTIFIER=azure.edge:h:{ID}\nTENANT_ID=\nCLOUD_HUB=azure.edge\nDEVICE_ID={ID}\nHUB_HOSTNAME=h\n"
    )
    note = "Note: `evenkeel identity show -o env` has all of it, and more\n"
    assert done.stderr == f"{note}Note: {NO_DEVICE}\n"
    said = device.run("compat", "sdv-device-info", "--ansi").stdout
    assert [line for line in said.splitlines() if line.startswith("[")] == [
        "[Device Information - Cloud Connector]",
        "[Device Information - Configuration]",
        "[Device Certificate Information]",
        "[Device Certificate Information]",
        "[Device Certificate Fingerprints]",
    ]
    assert "  * Mosquitto Topic:        : edge/thing/request" in said.splitlines()
    assert f"  * Connection String:      : (hidden) (in {secret(device)})" in said
    assert f"ERROR ({FOLDER}/device2.key not found)" in said
    assert "Usage: sdv-device-info [options] [command]" in device.run("compat", "sdv-device-info", "help").stdout
    assert "has no `version`" in device.run("compat", "sdv-device-info", "version", ok=1).stderr


def test_the_files_are_those_of_the_document(device: Device) -> None:
    device.settings(mqtt={"broker": "tcp://127.0.0.1:9"})
    device.run("provision", "--no-cloud", "--folder", "/data/car", "--yes")
    said = device.run("compat", "sdv-device-info").stdout
    for line in ("Key file:               : /data/car/device.key", "Certificate file:       : /data/car/device2.crt"):
        assert f"  * {line}\n" in said
    assert f"  * Device Id:              : {ID} (in /etc/deviceid)\n" in said
    assert FOLDER not in said


def test_colours_are_for_terminals(device: Device) -> None:
    device.settings(mqtt={"broker": "tcp://127.0.0.1:9"})
    assert "\x1b[" not in device.run("compat", "sdv-device-info").stdout
    assert "\x1b[" in on_a_terminal(device, "compat", "sdv-device-info")
    assert "\x1b[" not in on_a_terminal(device, "compat", "sdv-device-info", "--ansi")


def test_the_connector_is_asked_who_it_is(device: Device, mosquitto: Callable[..., Broker]) -> None:
    broker = mosquitto()
    device.settings(mqtt={"broker": f"tcp://127.0.0.1:{broker.port}"})
    connector = Connector(broker.port, "azure.edge:hub:car")
    try:
        done = device.run("compat", "sdv-device-info", "env")
        said = device.run("compat", "sdv-device-info").stdout
    finally:
        connector.close()
    assert done.stdout == (
        "FULL_CONNECTION_IDENTIFIER=azure.edge:hub:car\nTENANT_ID=t\nCLOUD_HUB=azure.edge\nDEVICE_ID=car\nHUB_HOSTNAME=hub\n"
    )
    assert "  * Connection Identifier:  : azure.edge:hub:car" in said


def test_who_may_not_read_the_files_is_told_what_the_connector_says(
    nobody: Path, mosquitto: Callable[..., Broker]
) -> None:
    broker, device = mosquitto(), DeviceInside(nobody)
    device.settings(mqtt={"broker": f"tcp://127.0.0.1:{broker.port}"})
    device.state.mkdir(0)
    connector = Connector(broker.port, "azure.edge:hub:car")
    try:
        assert "DEVICE_ID=car\n" in device.run("compat", "sdv-device-info", "env").stdout
        said = device.run("compat", "sdv-device-info", ok=1).stdout
    finally:
        connector.close()
        device.state.chmod(0o700)
    assert "  * Device ID:              : car\n" in said
    assert re.search(r"Configuration]\n  \* Status: +: ERROR \(.*[Pp]ermission denied", said)


def test_a_reply_that_is_none_is_told(device: Device, mosquitto: Callable[..., Broker]) -> None:
    broker = mosquitto()
    device.settings(mqtt={"broker": f"tcp://127.0.0.1:{broker.port}"})
    connector = Connector(broker.port, "no thing")
    try:
        said = device.run("compat", "sdv-device-info").stdout
    finally:
        connector.close()
    assert (
        "  * Status:                 : ERROR (The reply is none: edge/thing/response: deviceId: expected the id" in said
    )


def test_a_shell_executes_nothing_of_what_a_client_of_the_broker_says(
    device: Device, mosquitto: Callable[..., Broker], tmp_path: Path
) -> None:
    broker, tenant = mosquitto(), "$(touch tenant) `touch it's`; touch more"
    device.settings(mqtt={"broker": f"tcp://127.0.0.1:{broker.port}"})
    connector = Connector(broker.port, "a$(touch a):h;touch h:car\ntouch car", tenant)
    try:
        said = device.run("compat", "sdv-device-info", "env").stdout
    finally:
        connector.close()
    (shell := tmp_path / "shell").mkdir()
    line = ["sh", "-c", 'eval "$1"; printf "%s\n" "$TENANT_ID" "$CLOUD_HUB" "$HUB_HOSTNAME" "$DEVICE_ID"', "sh", said]
    done = subprocess.run(line, cwd=shell, text=True, capture_output=True, timeout=PATIENCE_S)
    assert done.stdout == f"{tenant}\na$(touch a)\nh;touch h\ncar touch car\n", done.stderr
    assert list(shell.iterdir()) == []


PRINTED = (
    *(("identity", "show", "-o", form) for form in ("text", "json", "yaml", "env")),
    *(("get", "identities", "-o", form) for form in ("wide", "json")),
    *(("describe", "identity", "device", "-o", form) for form in ("text", "json")),
    *((command, "-o", form) for command in ("plan", "status", "events") for form in ("text", "json")),
    ("provision",),
    ("compat", "sdv-device-info"),
    ("settings",),
    ("validate",),
)


def test_no_output_and_no_file_for_others_has_the_key(device: Device) -> None:
    device.settings(log={"level": "debug", "format": "json"}, mqtt={"broker": "tcp://127.0.0.1:9"})
    said = [piped(device, "provision", "--connection-string-stdin", "--yes", "--verbose", given=BY_KEY)]
    running = device.start("run", "--verbose")
    until(device.is_settled)
    said.append(Path("/proc", str(running.pid), "cmdline").read_text())
    said += [str(device.run(*command, ok=None)) for command in PRINTED]
    said += ended(running, signal.SIGTERM)[1:]
    said.append(device.kept())
    assert [each for each in said if KEY in each] == []
    kept = {each for each in device.specs.parent.rglob("*") if each.is_file() and KEY.encode() in each.read_bytes()}
    assert kept == {secret(device), device.state / "provisioning" / "values.json"}
    assert {stat.S_IMODE(each.stat().st_mode) for each in kept} == {0o600}
