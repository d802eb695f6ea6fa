"""A law: no secret of an identity is in any output, entry or file for others, nor in the argument of any process.

Secrets are drawn with the seed of the run: the key in a connection string, that of a group, the private keys of a pair that is
given and of an authority, and the text around a value in a template. Some change once; some stand in files that are wrong."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import stat
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from tests.engines.identities import self_signed
from tests.sampling import SEED
from tests.until import until

from evenkeel.controller.drivers.provisioning.simulated import made_up

from .command import Device, ended, spec

pytestmark = pytest.mark.e2e

ID = "52-54-00-12-34-02"
PRINTED = (
    ("plan",),
    ("plan", "-o", "json"),
    *((command, "-o", form) for command in ("status", "events") for form in ("text", "json")),
    ("identity", "-o", "json"),
    ("describe", "identity", "cloud"),
    ("describe", "identity", "given", "-o", "yaml"),
    ("get", "identities", "-o", "wide"),
    ("get", "identities", "-o", "json"),
    ("provision",),
    ("doctor",),
    ("doctor", "-o", "json"),
)

FAILING = ("\n{{ {}[connectionString] }}", "\n{% include connectionString %}", "\n{{ '{:d}'.format(sharedAccessKey) }}")
"""Templates whose errors, as Jinja and Python word them, have a value."""


def keys(count: int) -> list[str]:
    dice = Random(f"{SEED} identities")
    return [base64.b64encode(dice.randbytes(24)).decode() for _ in range(count)]


def document(name: str, spec: str, template: str = "{{ connectionString }}") -> str:
    output = f"  outputs: [{{path: /etc/out-{name}, template: {json.dumps(template)}}}]\n"
    head = f"apiVersion: evenkeel/v1\nkind: Provisioning\nmetadata: {{name: {name}}}\nspec:\n  folder: /data/{name}\n"
    return f"{head}{output}  {spec}\n"


def connection(key: str) -> str:
    return f"HostName=one.azure-devices.net;DeviceId={ID};SharedAccessKey={key}"


@contextmanager
def arguments() -> Iterator[list[str]]:
    """All command lines of the processes that this one starts meanwhile."""
    found, is_over = set[str](), threading.Event()
    own = os.getpid()

    def look() -> None:
        while not is_over.is_set():
            for task in Path(f"/proc/{own}/task").iterdir():
                try:
                    for child in (task / "children").read_text().split():
                        found.add(Path("/proc", child, "cmdline").read_text())
                except OSError:
                    continue
            time.sleep(0.01)

    thread, lines = threading.Thread(target=look, daemon=True), list[str]()
    thread.start()
    try:
        yield lines
    finally:
        is_over.set()
        thread.join()
        lines.extend(found)


def test_no_output_has_a_secret_of_an_identity(device: Device, tmp_path: Path) -> None:
    first, second, of_group, in_template, wrong = keys(5)
    given, other = self_signed(ID), self_signed(ID)
    authority = made_up("Lab")
    secret = {"connection": connection(first), "group": of_group, "given.key": given.key, "lab.key": authority.key}
    for name, content in (*secret.items(), ("given.crt", given.certificate), ("lab.crt", authority.certificate)):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o600)
    log, said = tmp_path / "events.jsonl", list[str]()

    def hear(*command: str, ok: int | None = None) -> None:
        done = device.run(*command, ok=ok)
        said.append(done.stdout + done.stderr)

    def ask(template: str = "{{ connectionString }}") -> None:
        pair = f"files: {{certificate: {tmp_path}/given.crt, key: {tmp_path}/given.key}}"
        lab = f"authority: {{certificate: {tmp_path}/lab.crt, key: {tmp_path}/lab.key}}"
        device.write(
            document("cloud", f"azure: {{connectionString: {tmp_path}/connection}}", template),
            document(
                "group", f"azure: {{dps: {{idScope: 0neABC, registration: one-more, groupKey: {tmp_path}/group}}}}"
            ),
            document("given", f"certificate: {{mode: files, {pair}}}", "{{ thumbprint }}"),
            document("lab", f"certificate: {{mode: caSigned, {lab}}}", "{{ keyFile }}"),
            spec("web", more="env: {CONNECTION: {valueFrom: {provisioning: cloud, value: connectionString}}}"),
        )

    device.settings(events={"file": str(log)}, log={"level": "debug", "format": "json"})
    ask()
    with arguments() as lines:
        hear("plan", ok=2)
        hear("apply", "--yes", "--verbose", ok=0)
    assert [line for line in lines if "provisioning.maker" in line], "keys were looked at in another process"
    said += lines
    for command in PRINTED:
        hear(*command)
    (tmp_path / "connection").write_text(connection(second))
    (tmp_path / "given.crt").write_bytes(other.certificate)
    (tmp_path / "given.key").write_bytes(other.key)
    hear("plan", ok=2)
    running = device.start("run", "--verbose")
    until(device.is_settled)
    said.append(Path("/proc", str(running.pid), "cmdline").read_text())
    hear("status")
    said += ended(running, signal.SIGTERM)[1:]
    for text in (
        wrong,
        f"{connection(wrong)};SharedAccessKeyName=o",
        f"SharedAccessKey{wrong}={wrong}",
        f"{wrong}\n{wrong}",
    ):
        (tmp_path / "connection").write_text(text)
        for command in (("plan",), ("apply", "--yes")):
            hear(*command)
    (tmp_path / "connection").write_text(connection(second))
    (tmp_path / "group").write_text(f"{wrong}!")
    (tmp_path / "given.key").write_bytes(given.key)
    for template in (f"{{{{ nothing }}}} {in_template}", f"{in_template} {{% if", f"{in_template} {{{{ hub }}}}"):
        ask(template)
        for command in (("plan",), ("apply", "--yes", "--verbose")):
            hear(*command)
    for template in FAILING:
        ask(template)
        hear("apply", "--yes", "--verbose")
        assert "line 2 of the template" in said[-1]
    for command in (("plan", "-o", "json"), ("status",), ("provision",)):
        hear(*command)
    for command in PRINTED:
        hear(*command)
    hear("doctor", "--bundle", str(tmp_path / "bundle.tgz"))
    with tarfile.open(tmp_path / "bundle.tgz") as bundle:
        members = [read.read().decode() for each in bundle if (read := bundle.extractfile(each)) is not None]
    assert "of the template" in "".join(members), "what is wrong is in it"
    said += members
    dump = device.kept()
    assert "connectionString" in dump
    said += [log.read_text()]
    private = [line for pem in (given.key, other.key, authority.key) for line in pem.decode().splitlines()[1:-1]]
    for each in (first, second, of_group, wrong, *private, "PRIVATE KEY"):
        assert [text for text in (*said, dump) if each in text or json.dumps(each)[1:-1] in text] == [], each
    assert [text for text in said if in_template in text] == []
    own = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent != device.specs]
    for path in own:
        content = path.read_bytes().decode(errors="replace")
        if any(each in content for each in (first, second, of_group, *private)):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert re.search("connectionString", "".join(said))
