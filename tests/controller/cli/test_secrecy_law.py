"""A law: what stands in the place of a secret, or of a file's content, is in no output of any command, in no log, entry or file
for others; nor is a digest of the content of a file that is secret.

Secrets are drawn with the seed of the run; each stands in another place, and changes once: in specs of both forms, in what a
failed container has written, and in the files that settings name. All of it is looked through: what commands print as text and
for programs, logs, the file of events, the list of processes, the entries of the journal, and what it keeps of failures.
"""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from tests.sampling import SEED
from tests.until import until

from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.drivers.files.memory import MemoryDisk, memory_files
from evenkeel.controller.journal.journal import read_journal
from evenkeel.controller.wiring import MEMORY_FILES
from evenkeel.specs.codec import plain
from evenkeel.specs.files.file import digest_of

from .command import Device, ended, spec

pytestmark = pytest.mark.e2e


def secrets(count: int) -> list[str]:
    dice = Random(f"{SEED} secrets")
    return ["".join(dice.choices("qxzQXZ79äß王é", k=12)) for _ in range(count)]


def asked(a: str, b: str, c: str, d: str, e: str) -> str:
    return spec(
        "web",
        more=f"env: {{JWT: {a}, URL: 'https://{a}:{b}@h/?q={c}', NUMBER: '7{d}', MARKED: {{value: {b}, secret: true}}}}\n"
        f"command: [serve, {c}, --password={d}, --key, {e}]\n"
        f"health: {{http: {{port: 80, path: '/health?token={e}'}}}}",
    )


PRINTED = (
    ("validate",),
    ("plan",),
    ("plan", "-o", "json"),
    ("plan", "-o", "yaml"),
    ("plan", "--files"),
    ("status",),
    ("status", "-o", "json"),
    ("get", "containers", "-o", "wide"),
    ("get", "containers", "-o", "json"),
    ("events",),
    ("events", "-o", "json"),
    ("describe", "container", "web"),
    ("describe", "container", "web", "-o", "json"),
    ("logs", "web"),
    ("settings",),
)


def of_kanto(image: str, *more: tuple[object, object]) -> str:
    entries = [{"key": key, "value": value} for key, value in (("image", image), *more)]
    component = {"id": "horn", "version": "1", "config": entries}
    return json.dumps({"domains": [{"id": "containers", "components": [component]}]})


def processes(running: subprocess.Popen[str]) -> str:
    """The lines of a process and its children, as everybody sees them."""
    folder = Path("/proc", str(running.pid))
    children = (folder / "task" / str(running.pid) / "children").read_text().split()
    lines = [Path("/proc", each, "cmdline") for each in (str(running.pid), *children)]
    return "".join(line.read_text() for line in lines)


def test_no_output_has_a_secret(device: Device, tmp_path: Path) -> None:
    before, after, kanto, files = (secrets(20)[start : start + 5] for start in (0, 5, 10, 15))
    file = tmp_path / "events.jsonl"
    said = ""

    def hear(done: subprocess.CompletedProcess[str]) -> None:
        nonlocal said
        said += done.stdout + done.stderr

    for form, values in (("text", before), ("json", after)):
        device.settings(events={"file": str(file)}, log={"level": "debug", "format": form})
        device.write(asked(*values))
        plan = device.run("plan", ok=2)
        hear(plan)
        hear(device.run("apply", "--yes", "--verbose"))
        for command in PRINTED:
            hear(device.run(*command, ok=None))
    assert re.search(r"env\.JWT +changed", plan.stdout)
    device.write(asked(*before).replace(f"JWT: {before[0]}", f"JWT: [{before[0]}]").replace("[serve,", "[[serve],"))
    for command in (*PRINTED, ("apply", "--yes")):
        hear(device.run(*command, ok=None))
    nginx = "docker.io/library/nginx:1"
    variable, words = f"TOKEN={kanto[0]}", ("cmd", kanto[1])
    wrong = (("env", f"1X={kanto[2]}"), ("env", [kanto[3]]), (kanto[4], kanto[4]), ("cmd", {kanto[4]: 1}))
    for document in (of_kanto(nginx, ("env", variable), words), of_kanto(f"{nginx} ", ("env", variable), *wrong)):
        device.write(document, file="20-kanto.json")
        for command in (("validate",), ("validate", "-o", "json"), ("plan",)):
            hear(device.run(*command, ok=1))
    (device.specs / "20-kanto.json").unlink()
    named = {name: str(tmp_path / name) for name in ("user", "password", "docker")}
    for name, secret in zip(named, files, strict=False):
        Path(named[name]).write_text(secret)
    device.settings(
        events={"file": str(file)},
        log={"level": "debug"},
        engine={"dockerConfig": named["docker"]},
        mqtt={
            "enabled": True,
            "broker": "tcp://127.0.0.1:1",
            "usernameFile": named["user"],
            "passwordFile": named["password"],
        },
        updateAgent={"enable": True},
    )
    hear(device.run("settings"))
    running = device.start("run")
    until(lambda: "spec.env.JWT" in json.dumps(device.status()))
    hear(device.run("status"))
    said += processes(running)
    device.write(asked(*before))
    until(lambda: before[0] in variables(device))
    said += "".join(ended(running, signal.SIGTERM)[1:])
    device.put_image("docker.io/library/loud:1", Image(exits_with=3, output=f"no {files[3]}, {json.dumps(files[4])}"))
    variables_of_it = f"env: {{MARKED: {{value: {files[3]}, secret: true}}, DB_PASSWORD: {files[4]}}}"
    device.settings(retries=1, events={"file": str(file)})
    device.write(asked(*before), spec("loud", "docker.io/library/loud:1", more=variables_of_it))
    for line in (
        ("apply", "--yes"),
        ("logs", "loud"),
        ("logs", "loud", "-o", "json"),
        ("describe", "container", "loud"),
    ):
        hear(device.run(*line, ok=None))
    assert 'no (env.MARKED), "(env.DB_PASSWORD)"' in said
    journal = read_journal(device.state)
    said += json.dumps([plain(each) for each in journal.failures.all()], ensure_ascii=False)
    said += json.dumps([plain(entry) for entry in journal.entries(limit=100_000)], ensure_ascii=False)
    said += json.dumps([plain(each) for each in journal.conditions()], ensure_ascii=False)
    journal.close()
    said += file.read_text()
    for secret in (*before, *after, *kanto, *files):
        assert secret not in said
        assert json.dumps(secret)[1:-1] not in said


def asked_files(open_: str, hidden: str, image: str = "docker.io/library/nginx:1", more: str = "") -> tuple[str, ...]:
    """One file whose content is nobody's business, two that are secret, one of which replaces a file, and a container."""

    def document(name: str, path: str, content: str, rest: str) -> str:
        head = f"apiVersion: evenkeel/v1\nkind: File\nmetadata: {{name: {name}}}\nspec:\n  path: {path}\n"
        return f"{head}  content: {json.dumps(content, ensure_ascii=False)}\n{rest}"

    secret = "  mode: '0600'\n  secret: true\n"
    return (
        document("conf", "/etc/app/conf", open_, "  notify: [web]\n"),
        document("token", "/etc/app/token", hidden, secret),
        document("taken", "/etc/app/taken", hidden, f"{secret}  overwrite: true\n"),
        spec("web", image, more),
    )


def _spoilt(rest: str, wrong: Callable[[str], str]) -> Iterator[str]:
    """The line of a content, made wrong, and the lines after it."""
    content, end, more = rest.partition("\n")
    yield from (wrong(content) if content else "", end, more)


FILES_PRINTED = (
    *PRINTED,
    ("plan", "-o", "yaml", "--allow-empty"),
    ("status", "-o", "yaml"),
    ("get", "files"),
    ("get", "files", "-o", "wide"),
    ("get", "files", "-o", "json"),
    *(
        ("describe", "file", name, "-o", form)
        for name in ("conf", "token", "taken")
        for form in ("text", "json", "yaml")
    ),
    ("events", "token"),
)


def test_no_output_has_the_content_of_a_file(device: Device, tmp_path: Path) -> None:
    """Through a change, drift, a failure with its way back, specs that are wrong, and the end of all files."""
    opens, hiddens = secrets(13)[:4], secrets(13)[4:]
    theirs = hiddens.pop()
    crasher, log = "docker.io/library/crasher:1", tmp_path / "events.jsonl"
    device.put_image(crasher, Image(exits_with=3))
    said: list[str] = []

    def disk() -> MemoryDisk:
        system = memory_files(device.state / MEMORY_FILES).system
        assert isinstance(system, MemoryDisk)
        return system

    def hear(*command: str, ok: int | None = None) -> None:
        done = device.run(*command, ok=ok)
        said.append(done.stdout + done.stderr)

    def hear_all() -> None:
        for command in FILES_PRINTED:
            hear(*command)

    system = disk()
    system.put("/etc/app/taken", theirs.encode())
    system.save()
    device.settings(retries=1)
    device.write(*asked_files(opens[0], hiddens[7], crasher))
    hear("apply", "--yes", "--verbose", ok=1)
    assert json.loads(device.run("describe", "file", "taken", "-o", "json").stdout)["inForce"] == "last-good"
    hear_all()
    for form, open_, hidden in (("text", opens[0], hiddens[0]), ("json", opens[1], hiddens[1])):
        device.settings(retries=1, events={"file": str(log)}, log={"level": "debug", "format": form})
        device.write(*asked_files(open_, hidden))
        hear("plan", ok=2)
        hear("apply", "--yes", "--verbose", ok=0)
        hear_all()
    assert any("(hidden)" in each for each in said), "the secret files were told of"
    system = disk()
    for path, content in (("/etc/app/conf", opens[2]), ("/etc/app/token", hiddens[2])):
        system.put(path, content.encode(), mode=0o666)
    system.save()
    hear_all()
    device.write(*asked_files(opens[3], hiddens[3], crasher))
    hear("apply", "--yes", "--verbose", ok=1)
    hear_all()
    for wrong in (
        lambda content: f"[{content}]",
        lambda content: f"{content}\n  sha256: {content}",
        lambda content: f"{content}\n  mode: {content}",
        lambda content: f"{content}\n  contents: {content}",
        lambda content: f"{content}\n  source: /etc/x",
        lambda content: '"\\udc80' + content[1:],
    ):
        documents = [each.partition("content: ") for each in asked_files(*hiddens[4:6])]
        device.write(*("".join((head, key, *_spoilt(rest, wrong))) for head, key, rest in documents))
        for command in (("validate",), ("validate", "-o", "json"), ("plan",), ("apply", "--yes")):
            hear(*command, ok=1)
    device.write(*asked_files(opens[0], hiddens[6]))
    running = device.start("run", "--verbose")
    until(device.is_settled)
    hear("status")
    said.append(processes(running))
    said += ended(running, signal.SIGTERM)[1:]
    hear_all()
    device.write(spec("web"))
    hear("plan", ok=2)
    hear("apply", "--yes", "--verbose", ok=0)
    hear_all()
    with closing(read_journal(device.state)) as journal:
        kept = (*journal.entries(limit=100_000), *journal.conditions(), *journal.failures.all())
        said += [json.dumps(plain(each), ensure_ascii=False) for each in kept]
    told = "".join((*said, log.read_text()))
    for content in (*opens, *hiddens, theirs):
        assert content not in told
        assert json.dumps(content)[1:-1] not in told
    for hidden in (*hiddens, theirs):
        assert digest_of(hidden.encode())[:12] not in told


def variables(device: Device) -> list[str | None]:
    found = device.engine().world.containers.values()
    return [value for kept in found if kept.container is not None for _, value in kept.container.env]


def on_a_terminal(device: Device, *arguments: str) -> str:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        device.line(*arguments), env=device.environment(NO_COLOR="1"), stdin=subprocess.DEVNULL, stdout=theirs
    )
    os.close(theirs)
    told = b""
    try:
        while piece := os.read(ours, 65536):
            told += piece
    except OSError:
        pass  # its end, on a terminal
    process.wait()
    os.close(ours)
    return told.decode()


def test_who_asks_on_a_terminal_is_shown_values_but_for_secrets(device: Device) -> None:
    def write(value: str) -> None:
        variables = f"JWT: {value}-jwt, API_KEY: {value}-key, MARKED: {{value: {value}-marked, secret: true}}"
        device.write(spec("web", more=f"env: {{{variables}}}\ncommand: [serve, {value}-word]"))

    write("old")
    device.run("apply", "--yes")
    write("new")
    told = on_a_terminal(device, "plan", "--show-values")
    for change in (r"env\.JWT +old-jwt → new-jwt", r"command\[1\] +old-word → new-word"):
        assert re.search(change, told)
    for change in (r"env\.API_KEY +changed", r"env\.MARKED +changed"):
        assert re.search(change, told)
    for command in (("plan", "--show-values"), ("apply", "--yes", "--show-values")):
        done = device.run(*command, ok=1)
        assert "--show-values is for a terminal" in done.stderr
    assert "never holds values" in device.run("plan", "--show-values", "-o", "json", ok=1).stderr
    assert "old-jwt → new-jwt" in on_a_terminal(device, "apply", "--yes", "--show-values")
    entries = device.run("events", "-o", "json").stdout
    assert "-jwt" not in entries
    assert "-word" not in entries


def test_a_value_that_was_handed_out_is_told_to_nobody(device: Device, tmp_path: Path) -> None:
    """Nor is another one that follows it, to those who ask for values on a terminal."""
    connection, (one, other) = tmp_path / "connection", (b64encode(key.encode()).decode() for key in secrets(2))
    identity = (
        "apiVersion: evenkeel/v1\nkind: Provisioning\nmetadata: {name: azure}\n"
        f"spec: {{azure: {{connectionString: {connection}}}}}\n"
    )
    source = "env: {CONNECTION: {valueFrom: {provisioning: azure, value: connectionString}}}"
    device.write(identity, spec("web", more=source))
    said = ""
    for key in (one, other):
        text = f"HostName=simulated.azure-devices.net;DeviceId=52-54-00-12-34-02;SharedAccessKey={key}"
        connection.write_text(text)
        said += on_a_terminal(device, "apply", "--yes", "--verbose", "--show-values")
        (kept,) = device.engine().world.containers.values()
        assert dict(kept.handed) == {"CONNECTION": text}
    assert "the value of CONNECTION differs" in device.run("events").stdout
    said += on_a_terminal(device, "describe", "container", "web", "--show-values")
    assert "from provisioning azure: connectionString" in said
    for command in (("status", "-o", "json"), ("get", "containers", "-o", "json"), ("events", "-o", "json")):
        said += device.run(*command).stdout
    with closing(read_journal(device.state)) as journal:
        kept_of = (*journal.entries(limit=100_000), *journal.conditions(), *journal.failures.all())
        said += json.dumps([plain(each) for each in kept_of])
    said += "".join(path.read_bytes().decode(errors="replace") for path in device.state.glob("journal*"))
    open_to_others = [path for path in device.state.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
    said += "".join(path.read_bytes().decode(errors="replace") for path in open_to_others)
    assert one not in said
    assert other not in said


def test_the_command_is_described_to_whoever_asks_on_a_terminal(device: Device) -> None:
    """S9: nobody could see which command runs."""
    device.write(
        spec("web", more="command: [serve, --token, hunter2, --level, 7up]\nenv: {LANG: C, DB_PASSWORD: hunter3}")
    )
    device.run("apply", "--yes")
    assert "7up" not in device.run("describe", "container", "web").stdout
    for more in ((), ("-o", "json")):
        refused = device.run("describe", "container", "web", "--show-values", *more, ok=1)
        assert "--show-values" in refused.stderr
        assert refused.stdout == ""
    shown = on_a_terminal(device, "describe", "container", "web", "--show-values")
    assert re.search(r"^  command +serve --token \(hidden\) --level 7up\r?$", shown, re.MULTILINE)
    assert re.search(r"^  env\.LANG +C\r?$", shown, re.MULTILINE)
    assert "hunter" not in shown
