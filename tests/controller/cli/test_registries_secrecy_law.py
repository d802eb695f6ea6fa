"""A law: no secret of a registry is in any output, entry or file for others, and each file that has one is its owner's.

Secrets are drawn with the seed of the run, and stand in files of passwords, on standard input, in Docker's and in Kanto's
file; some change once. All of it is looked through: what commands print as text and for programs, logs, the file of events,
the list of processes, and every file below the device's folder, with its mode; and, of commands that take and give secrets, the
arguments and the environment of each program that begins.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import signal
import stat
import subprocess
from pathlib import Path
from random import Random

import pytest
from tests.engines.dockerd import Dockerd
from tests.engines.images import sleeper
from tests.engines.registry import Registry
from tests.sampling import SEED
from tests.until import PATIENCE_S, until

from .command import Device, ended, spec
from .inside import run_inside
from .started import Started, run_watched

pytestmark = pytest.mark.e2e

PRINTED = (
    *(("registry", "list", "-o", form) for form in ("text", "json", "yaml")),
    *(("registry", "test", "one", "-o", form) for form in ("text", "json")),
    *(("registry", "export", "--format", form) for form in ("docker", "podman", "kanto")),
    *(("get", "registries", "-o", form) for form in ("wide", "json")),
    *(
        ("describe", "registry", name, "-o", form)
        for name in ("one", "ghcr.io", "kanto.example")
        for form in ("text", "json")
    ),
    ("plan",),
    ("plan", "-o", "json"),
    ("plan", "--files"),
    ("status", "-o", "json"),
    ("events", "-o", "json"),
    ("settings",),
    ("validate",),
)


def drawn(count: int) -> list[str]:
    dice = Random(f"{SEED} registries")
    return ["".join(dice.choices("qxzQXZ79äß王é", k=14)) for _ in range(count)]


def forms(secret: str) -> tuple[str, ...]:
    """A secret as texts may have it: itself, as JSON has it, and with each user in base64."""
    coded = (base64.b64encode(f"{user}:{secret}".encode()).decode() for user in ("ci", "github", "driver"))
    return secret, json.dumps(secret)[1:-1], *coded


def kanto_file(secret: str) -> str:
    credentials = {"user_id": "github", "password": secret}
    return json.dumps({"containers": {"registry_configurations": {"kanto.example": {"credentials": credentials}}}})


def keys(secret: str) -> dict[str, dict[str, str]]:
    """Keys of hosts with a user and a password, as people paste addresses."""
    return {f"https://me:{secret}@key.example": {}, f"me:{secret}@key.example:5000": {}}


def document(name: str, host: str, credentials: str) -> str:
    head = f"apiVersion: evenkeel/v1\nkind: Registry\nmetadata: {{name: {name}}}\nspec:\n"
    return f"{head}  host: {host}\n  credentials: {{{credentials}}}\n"


def test_no_output_and_no_file_for_others_has_a_secret_of_a_registry(device: Device, tmp_path: Path) -> None:
    first, second, piped, imported, kanto, changed, argument, wrong, keyed = drawn(9)
    said: list[str] = []
    kept = {tmp_path / "password", tmp_path / "kanto.json", tmp_path / "docker.json"}
    log = tmp_path / "events.jsonl"

    def hear(*command: str, given: str = "", ok: int | None = 0) -> None:
        if not given:
            done = device.run(*command, ok=ok)
        else:
            line, environment = device.line(*command), device.environment()
            done = subprocess.run(
                line, env=environment, input=given, text=True, capture_output=True, timeout=PATIENCE_S
            )
            assert ok is None or done.returncode == ok, done.stdout + done.stderr
        said.append(done.stdout + done.stderr)

    def hear_all() -> None:
        for command in PRINTED:
            done = device.run(*command, ok=None)
            said.append(done.stdout + done.stderr)

    for file, content in zip(sorted(kept), ("{}", kanto_file(kanto), first), strict=True):
        file.write_text(content)
        file.chmod(0o600)
    coded = base64.b64encode(f"ci:{imported}".encode()).decode()
    device.settings(
        registries={"kanto": [str(tmp_path / "kanto.json")]},
        events={"file": str(log)},
        log={"level": "debug", "format": "json"},
    )
    device.write(document("one", "one.example", f"user: ci, passwordFile: {tmp_path / 'password'}"), spec("web"))
    hear("registry", "add", "ghcr.io", "--user", "ci", "--password-stdin", "--yes", given=piped)
    (tmp_path / "docker.json").write_text(json.dumps({"auths": {"docker.example": {"auth": coded}, **keys(keyed)}}))
    hear("registry", "import", str(tmp_path / "docker.json"), "--yes")
    hear("apply", "--yes", "--verbose")
    hear_all()
    (tmp_path / "password").write_text(second)
    (tmp_path / "kanto.json").write_text(kanto_file(changed))
    hear("plan", ok=2)
    running = device.start("run", "--verbose")
    until(device.is_settled)
    said.append(Path("/proc", str(running.pid), "cmdline").read_text())
    hear_all()
    said += ended(running, signal.SIGTERM)[1:]
    assert any("the password, or what leads to it, differs" in each for each in said)
    for form in ("docker", "podman", "kanto"):
        hear("registry", "export", "--format", form, str(tmp_path / f"{form}-out.json"))
        kept.add(tmp_path / f"{form}-out.json")
    (tmp_path / "password").write_text(f"{wrong}\n{wrong}")
    hear_all()
    for line in (
        f"user: ci, passwordFile: {wrong}",
        f"user: 'a:{wrong}', passwordFile: /x",
        f"helper: '{wrong}'",
        wrong,
    ):
        device.write(document("one", "one.example", line))
        hear("plan", ok=None)
    device.write(document("one", f"u:{wrong}@h", "helper: x"))
    hear("validate", ok=1)
    add = ("add-registry", "-h", "a.example", "-u", "ci", "-p", argument)
    environment = device.environment(EVENKEEL_KANTO_CONFIG=str(tmp_path / "kanto.json"))
    for command in ((*add, "-r"), ("show-config",), ("set-value", "connection.client_password", argument, "-r")):
        done = run_inside(["compat", "sdv-kanto-ctl", *command], environment)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout + done.stderr)
    device.settings()
    value = json.loads((tmp_path / "kanto.json").read_text())
    value["containers"]["registry_configurations"] |= keys(keyed)
    value["containers"] |= {"insecure_registries": list(keys(keyed)), "image_dec_keys": [f"/k.pem:{keyed}"]}
    value["connection"] = {"broker_url": f"tcp://u:{keyed}@h"}
    (tmp_path / "kanto.json").write_text(json.dumps(value, ensure_ascii=False))
    mistaken = [(word, key) for word in ("add", "remove", "test") for key in keys(keyed)]
    for words in (*mistaken, ("import", str(tmp_path / "kanto.json"))):
        done = run_inside(["registry", *words], device.environment())
        assert done.returncode == 1, done.stdout
        said.append(done.stdout + done.stderr)
    device.settings(registries={"kanto": [str(tmp_path / "kanto.json")]})
    hear("plan", ok=None)
    for command in (
        ("show-config",),
        ("list-registries",),
        ("add-entry", "containers.image_dec_keys", f"/x.pem:{keyed}", "-r"),
        ("set-value", "connection.broker_url", f"tcp://v:{keyed}@h", "-r"),
        *(("remove-registry", "-h", key, "-r") for key in keys(keyed)),
    ):
        done = run_inside(["compat", "sdv-kanto-ctl", *command], environment)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout + done.stderr)
    told = (*said, log.read_text())
    for secret in (first, second, piped, imported, kanto, changed, argument, wrong, keyed):
        assert [each for each in told if any(form in each for form in forms(secret))] == [], secret
    assert (device.state / "secrets" / "registries" / "ghcr.io").read_text() == f"{piped}\n"
    assert argument in (tmp_path / "kanto.json").read_text()
    own = device.state / "secrets" / "registries"
    kept |= {own / "ghcr.io", own / "docker.example"}
    for file in (each for each in tmp_path.rglob("*") if each.is_file() and each.parent != device.specs):
        content = file.read_bytes().decode(errors="replace")
        has = [
            secret for secret in (first, second, piped, imported, kanto, changed, argument, wrong) if secret in content
        ]
        coded_ = [
            secret
            for secret in (first, second, piped, imported, kanto)
            if any(each in content for each in forms(secret))
        ]
        if has or coded_:
            assert file in kept, file
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


HELPER = """#!/bin/sh
echo "$@" >> {asked}
cat >> {asked}
echo >> {asked}
cat {answer}
"""


def test_no_program_that_begins_is_given_a_secret_of_a_registry(
    clean_dockerd: Dockerd, registry: Registry, tmp_path: Path
) -> None:
    """Also evenkeel itself, a credential helper, which gets the name of the registry on its standard input, and `systemctl`."""
    device, programs, asked = Device(tmp_path), tmp_path / "bin", tmp_path / "asked"
    imported, of_kanto, piped, argument = drawn(4)
    registry.push("law", "1", sleeper("law-1"))
    coded = base64.b64encode(f"ci:{imported}".encode()).decode()
    auths = {"docker.example": {"auth": coded}}
    answer = {"ServerURL": registry.host, "Username": registry.user, "Secret": registry.password}
    for name, content in (
        ("docker.json", json.dumps({"auths": auths, "credHelpers": {registry.host: "kept"}})),
        ("kanto.json", kanto_file(of_kanto)),
        ("answer", json.dumps(answer)),
    ):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    programs.mkdir()
    helper = HELPER.format(asked=asked, answer=tmp_path / "answer")
    for name, script in (("docker-credential-kept", helper), ("systemctl", "#!/bin/sh\n")):
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    device.settings(
        engine={"kind": "docker", "address": clean_dockerd.address},
        log={"level": "debug"},
        registries={"certificates": str(tmp_path / "certs.d")},
    )
    environment = device.environment(
        PATH=f"{programs}:{os.environ['PATH']}", EVENKEEL_KANTO_CONFIG=str(tmp_path / "kanto.json")
    )
    began = list[Started]()
    said = list[str]()

    def hear(command: str, given: str = "") -> list[str]:
        """The lines of the programs that began, beside the command's own."""
        line = device.line(*shlex.split(command))
        done, found = run_watched(line, environment, tmp_path / f"strace-{len(said)}", given)
        assert done.returncode == 0, done.stdout + done.stderr
        began.extend(found)
        said.append(done.stdout + done.stderr)
        lines = sorted(shlex.join(each.arguments) for each in found)
        lines.remove(shlex.join(line))
        return lines

    assert hear("registry add ghcr.io --user ci --password-stdin --yes", piped) == []
    for file in ("docker.json", "kanto.json"):
        assert hear(f"registry import {tmp_path}/{file} --yes") == []
    assert hear(f"registry add {registry.host} --ca {registry.ca} --yes") == []
    question = ["cat", f"cat {tmp_path}/answer", "docker-credential-kept get"]
    assert hear(f"registry test {registry.host}") == question
    for form in ("docker", "podman", "kanto"):
        assert hear(f"registry export --format {form} {tmp_path}/{form}-out.json") == []
    assert imported_by(tmp_path / "docker-out.json") == {
        "docker.example": imported,
        "ghcr.io": piped,
        "kanto.example": of_kanto,
    }
    (device.specs / "registries.yaml").write_text(
        f"{document('kept', registry.host, 'helper: kept')}  tls: {{ca: {registry.ca}}}\n"
    )
    device.write(spec("web", registry.reference("law", "1"), "stop: {timeout: 1s}"))
    assert set(hear("apply --yes --verbose")) == set(question)
    assert clean_dockerd.containers() == {"web": "running"}
    assert hear("compat sdv-kanto-ctl add-registry -h a.example -u ci -p -", argument) == [
        "systemctl restart container-management"
    ]
    assert argument in (tmp_path / "kanto.json").read_text()
    assert set(asked.read_text().splitlines()) == {"get", registry.host}
    assert all(f"EVENKEEL_KANTO_CONFIG={tmp_path}/kanto.json" in each.environment for each in began)
    told = (*said, *(text for each in began for text in (*each.arguments, *each.environment)))
    for secret in (imported, of_kanto, piped, argument, registry.password):
        assert [each for each in told if any(form in each for form in forms(secret))] == [], secret
    clean_dockerd.api("DELETE", f"/images/{registry.reference('law', '1')}", force=1)


def imported_by(file: Path) -> dict[str, str]:
    """The passwords that a program with Docker's file has, by place."""
    auths = json.loads(file.read_text())["auths"]
    return {place: base64.b64decode(each["auth"]).decode().partition(":")[2] for place, each in auths.items()}
