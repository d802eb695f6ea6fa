"""A law: no secret of a device is in the bundle of `evenkeel doctor`, in no member of it, nor in what the command prints.

Secrets are drawn with the seed of the run, and stand wherever a device may have one: variables, commands and checks of
containers, contents of files, credentials of registries, connection strings and templates of identities, the access to the
broker, the will, addresses, outputs of containers that failed, and specs and settings that are wrong.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from tests.sampling import SEED
from tests.until import PATIENCE_S

from evenkeel.controller.doctor.bundle import FOLDER
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.journal.journal import read_journal

from .command import Device, spec

pytestmark = pytest.mark.e2e

LOUD = "docker.io/library/loud:1"
MEMBERS = {"README", "doctor.json", "versions.json", "settings.json", "plan.json", "journal.json", "events.jsonl"}


def secrets(count: int) -> list[str]:
    dice = Random(f"{SEED} bundle")
    return ["".join(dice.choices("qxzQXZ79äß王é", k=12)) for _ in range(count)]


def members(file: Path) -> Iterator[tuple[str, bytes]]:
    """By name the content of each member, and of what is compressed in one."""
    with tarfile.open(file, "r:gz") as archive:
        for each in archive.getmembers():
            assert stat.S_IMODE(each.mode) == 0o600
            content = archive.extractfile(each)
            assert content is not None
            found = content.read()
            yield each.name.removeprefix(f"{FOLDER}/"), found
            if found[:2] == b"\x1f\x8b":
                yield f"{each.name}, decompressed", gzip.decompress(found)
            assert not tarfile.is_tarfile(io.BytesIO(found)), "it would have to be looked through, too"


def documents(tmp_path: Path, s: list[str], image: str) -> tuple[str, ...]:
    """A container, a secret file, a registry and an identity, with secrets in all of them."""
    given = "IT: {valueFrom: {provisioning: az, value: connectionString}}"
    container = spec(
        "web",
        image,
        more=f"env: {{{given}, JWT: {s[0]}, URL: 'https://{s[1]}:{s[2]}@h/?q={s[3]}', "
        f"MARKED: {{value: {s[4]}, secret: true}}}}\n"
        f"command: [serve, --password={s[5]}]\n"
        f"health: {{http: {{port: 80, path: '/health?token={s[7]}'}}}}",
    ).replace("{name: web}", f"{{name: web, labels: {{API_KEY: {s[6]}}}}}")
    file = (
        "apiVersion: evenkeel/v1\nkind: File\nmetadata: {name: token}\n"
        f"spec: {{path: /etc/app/token, content: '{s[8]}', mode: '0600', secret: true}}\n"
    )
    registry = (
        "apiVersion: evenkeel/v1\nkind: Registry\nmetadata: {name: lab}\n"
        f"spec: {{host: 'lab:5000', credentials: {{user: ci, passwordFile: {tmp_path}/registry}}}}\n"
    )
    identity = {
        "azure": {"connectionString": f"{tmp_path}/string"},
        "outputs": [{"path": "/etc/app/azure", "template": f"key={s[20]} {{{{ connectionString }}}}"}],
    }
    document = {"apiVersion": "evenkeel/v1", "kind": "Provisioning", "metadata": {"name": "az"}, "spec": identity}
    return container, file, registry, json.dumps(document, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("wrong", ["nothing", "specs", "settings"])
def test_no_secret_is_in_a_bundle(device: Device, tmp_path: Path, wrong: str) -> None:
    s = secrets(22)
    key = base64.b64encode(s[21].encode()).decode()
    (tmp_path / "string").write_text(f"HostName=h.azure-devices.net;DeviceId=52-54-00-12-34-02;SharedAccessKey={key}")
    s.append(key)
    for name, secret in (("registry", s[9]), ("mqtt", s[10]), ("user", s[11]), ("docker", s[12])):
        (tmp_path / name).write_text(secret)
    settings = {
        "engine": {"dockerConfig": str(tmp_path / "docker")},
        "retries": 1,
        "mqtt": {
            "enabled": True,
            "broker": "ws://127.0.0.1:1/mqtt?token=" + s[13],
            "usernameFile": str(tmp_path / "user"),
            "passwordFile": str(tmp_path / "mqtt"),
            "will": {"topic": "gone", "payload": s[14]},
        },
        "updateAgent": {"enable": True},
    }
    device.settings(**settings)
    device.put_image(LOUD, Image(exits_with=3, output=f"no {s[4]}, {s[0]} and https://u:{s[15]}@h"))
    device.write(*documents(tmp_path, s, "docker.io/library/nginx:1"))
    device.run("apply", "--yes")
    device.write(*documents(tmp_path, s, LOUD))
    device.run("apply", "--yes", ok=1)
    (tmp_path / "registry").chmod(0o644)
    if wrong == "specs":
        bad = (("JWT: ", "JWT: [["), ("spec: {", f"spec: {{{s[16]}: {s[17]}, "))
        device.write(*(each.replace(*bad[0]).replace(*bad[1]) for each in documents(tmp_path, s, LOUD)))
    if wrong == "settings":
        device.config.write_text(json.dumps({**settings, "mqtt": {"password": s[18], "passwordFile": s[19]}}))
    file = tmp_path / "bundle.tar.gz"
    file.touch(0o644)
    done = device.run("doctor", "--bundle", str(file), ok=1)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = dict(members(file))
    assert set(found) >= (
        {"README", "doctor.json", "versions.json", "settings.json"} if wrong == "settings" else MEMBERS
    )
    said = {**found, "screen": (done.stdout + done.stderr).encode()}
    for name, content in said.items():
        text = content.decode()
        for index, secret in enumerate(s):
            assert secret not in text, f"secret {index} is in {name}"
            assert json.dumps(secret)[1:-1] not in text, f"secret {index} is in {name}"
    if wrong == "nothing":
        with closing(read_journal(device.state)) as journal:
            kept = journal.failures.last("web")
        assert kept is not None, "the output of a failure was there to be left out"
        _check_worth(found)


def _check_worth(found: dict[str, bytes]) -> None:
    """A bundle that holds nothing has no secret, either."""
    report, plan, journal = (json.loads(found[f"{name}.json"]) for name in ("doctor", "plan", "journal"))
    assert {each["name"] for each in report["checks"]} >= {"engine", "containers", "journal"}
    assert {each["name"] for each in plan["subjects"]} >= {"web"}
    assert all(set(change) == {"path", "why", "asked"} for each in plan["subjects"] for change in each["changes"])
    assert journal["attempt"]["failed"] or journal["conditions"]
    assert journal["rows"]["feedback"] > 5
    assert len(found["events.jsonl"].splitlines()) > 5
    settings = json.loads(found["settings.json"])
    assert settings["mqtt"]["passwordFile"].endswith("/mqtt")
    assert settings["mqtt"]["will"]["payload"] == "(hidden)"


def test_a_bundle_of_a_device_without_anything(device: Device, tmp_path: Path) -> None:
    file = tmp_path / "bundle.tgz"
    done = device.run("doctor", "-o", "json", "--bundle", str(file), ok=None)
    assert json.loads(done.stdout)["kind"] == "Doctor"
    assert dict(members(file)).keys() == MEMBERS
    assert f"wrote {file}" in done.stderr
    file.chmod(0o644)
    device.run("doctor", "--bundle", str(file), ok=None)
    assert dict(members(file)).keys() == MEMBERS
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_bundle_takes_the_place_of_a_file_only(device: Device, tmp_path: Path) -> None:
    """It replaced device nodes, pipes, links, the journal, and keys."""
    device.write(spec("web"))
    device.run("apply", "--yes")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "other").write_text("another's")
    (tmp_path / "link").symlink_to(tmp_path / "other")
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    (tmp_path / "device.key").write_text("-----BEGIN PRIVATE KEY-----")
    with tarfile.open(tmp_path / "backup.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "device.key", "device.key")
    before = {each: each.lstat().st_ino for each in (*tmp_path.rglob("*"), Path("/dev/null"))}
    others = ("device.key", "backup.tar.gz", "new/bundle.tgz")
    wrong = (
        *others,
        "pipe",
        "link",
        "dangling",
        "state/journal.sqlite",
        "state/new.tgz",
        "config.yaml",
        "specs/10-apps.yaml",
    )
    for target in (*(str(tmp_path / each) for each in wrong), "/dev/null"):
        done = device.run("doctor", "--bundle", target, ok=1)
        assert f"file:{target}: " in done.stderr
        assert "[Device]" not in done.stdout, "it is said before anything takes time"
    assert {each: each.lstat().st_ino for each in (*tmp_path.rglob("*"), Path("/dev/null"))} == before


def test_a_bundle_goes_to_standard_output_when_it_is_asked_to(device: Device, tmp_path: Path) -> None:
    file = tmp_path / "bundle.tgz"
    line, environment = device.line("doctor", "--bundle"), device.environment()
    with file.open("wb") as out:
        done = subprocess.run(
            [*line, "-"], env=environment, stdout=out, stderr=subprocess.PIPE, timeout=PATIENCE_S, cwd=tmp_path
        )
    assert dict(members(file)).keys() == MEMBERS
    assert b"[Device]" in done.stderr
    assert not (tmp_path / "-").exists()
    for target in ("/dev/stdout", str(file)):
        with file.open("ab") as out:
            done = subprocess.run(
                [*line, target], env=environment, stdout=out, stderr=subprocess.PIPE, timeout=PATIENCE_S
            )
        assert done.returncode == 1
        assert b"`--bundle -` writes to" in done.stderr
    assert dict(members(file)).keys() == MEMBERS, "nothing came after it"
    assert "name a file" in device.run("doctor", "-o", "json", "--bundle", "-", ok=1).stderr
