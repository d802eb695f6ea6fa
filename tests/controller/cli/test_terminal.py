"""What specs, files, engines and brokers hold reaches no terminal raw, and no locale stops a command."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from tests.sampling import examples
from tests.specs.test_visible import UNTRUSTED, acts
from tests.until import PATIENCE_S

from evenkeel.controller.cli.following import following
from evenkeel.controller.cli.output import echo, echo_json, echo_lines, echo_value
from evenkeel.controller.cli.steps import entry_line
from evenkeel.controller.cli.watch import _line as watch_line
from evenkeel.controller.journal.journal import open_journal
from evenkeel.controller.process.logs import Lines
from evenkeel.controller.settings.kanto_config import load_kanto_config, to_yaml
from evenkeel.controller.sinks.jsonl import JsonLines
from evenkeel.specs.feedback import Condition, Feedback
from evenkeel.specs.kanto.heard import heard_from
from evenkeel.specs.output import Output
from evenkeel.templates.style import COLOURED, clean, paint

from .command import ROOT, Device, spec
from .inside import DeviceInside, run_inside

HOSTILE = "w\x1b[31m\x9b2J\x07\r\nerror: forged\u202e\u2028\x7f"


def harmless(text: str) -> None:
    assert not [char for char in text if acts(char) and char != "\n"], ascii(text)


@settings(max_examples=examples(2), deadline=None)
@given(hostile=UNTRUSTED.map(lambda text: text.encode(errors="replace").decode()))
def test_no_command_prints_what_acts_on_a_terminal(tmp_path_factory: pytest.TempPathFactory, hostile: str) -> None:
    """In names of files, keys and values of specs, names and settings of other people's containers, and what engines and
    brokers have said."""
    device = DeviceInside(tmp_path_factory.mktemp("device"))
    text = HOSTILE + hostile
    name = "".join(char for char in text if char not in "/\0")
    wrong = {"apiVersion": "evenkeel/v1", "kind": "Container", "metadata": {"name": text}, "spec": {text: text}}
    (device.specs / f"{name[:60]}.yaml").write_text(json.dumps(wrong))
    outputs = [
        device.run(*line, ok=1) for line in (("validate",), ("validate", "-o", "json"), ("plan",), ("adopt", text))
    ]
    (device.specs / f"{name[:60]}.yaml").unlink()
    quoted = json.dumps(text.replace("\0", ""))
    labelled = spec("web").replace("{name: web}", f"{{name: web, labels: {{a: {quoted}}}}}")
    device.write(labelled, spec("feeder", more=f"command: [{quoted}]"))
    device.put_foreign("other", unspoken=(text,))
    journal = open_journal(device.state)
    journal.say(Feedback("engine-lost", text, subject=text, place=text))
    journal.set_condition(Condition("EngineReachable", False, "Unavailable", text))
    journal.failures.keep("web", text, text, text, Output((text,), (text,), text))
    journal.close()
    commands = (
        ("validate",),
        ("plan",),
        ("plan", "-o", "yaml"),
        ("get",),
        ("get", "-o", "yaml"),
        ("status",),
        ("status", "-o", "json"),
        ("events",),
        ("events", "-o", "json"),
        ("adopt", "other", "--to-remove"),
        (text,),
        ("apply", "--yes"),
        ("status", "--state", str(device.specs / name[:60])),
        ("logs", "web"),
        ("logs", "web", "-o", "json"),
        ("logs", text),
        ("describe", "container", "feeder"),
        ("describe", "container", "web"),
        ("describe", "container", "web", "-o", "yaml"),
        ("describe", "container", text),
        ("settings", "--state", str(device.specs / name[:60])),
        ("settings", "--state", str(device.specs / name[:60]), "-o", "yaml"),
    )
    outputs += [device.run(*command, ok=None) for command in commands]
    for done in outputs:
        harmless(done.stdout)
        harmless(done.stderr)
        assert not re.search("^error: forged", done.stdout, re.MULTILINE), done.stdout
        if text not in done.args:  # what one writes oneself may have lines
            assert not re.search("^error: forged", done.stderr, re.MULTILINE), done.stderr


@settings(max_examples=examples(40), deadline=None)
@given(text=UNTRUSTED)
def test_nothing_that_is_said_acts_on_a_terminal(text: str) -> None:
    """The log in both forms, messages of agents, entries while they happen, and values for programs."""
    printed = io.StringIO()
    before, sys.stdout = sys.stdout, printed
    payload = text.encode(errors="replace")
    message = json.dumps({"activityId": text, "payload": {"status": "RUNNING", "message": text, "actions": []}}).encode(
        errors="replace"
    )
    try:
        echo(text)
        echo_lines(text)
        echo_json(json.dumps(text, ensure_ascii=False))
        echo_value({text: [text]}, "json")
        echo_json(watch_line(text, payload))
        echo_json(watch_line(text, message))
        echo_lines(entry_line(Feedback("step-failed", text, subject=text)))
        with following(False, COLOURED, named=True) as told:
            if (heard := heard_from(message)) is not None:
                told(heard)
    finally:
        sys.stdout = before
    harmless(printed.getvalue())
    for form in ("text", "json", "journal"):
        record = logging.LogRecord("evenkeel", logging.INFO, "", 0, "an event", None, None)
        record.fields = {"message": text, "topic": text}
        try:
            raise ValueError(text)
        except ValueError:
            record.exc_info = sys.exc_info()
        harmless(Lines(form).format(record).replace("\n", ""))  # type: ignore[arg-type]


def test_where_something_broke_is_shown_without_what_acts_on_a_terminal(tmp_path: Path) -> None:
    """L3: the error was escaped, and the traceback above it was not."""
    device = DeviceInside(tmp_path)
    shown = run_inside(["describe", "container", HOSTILE], device.environment(EVENKEEL_DEBUG="1"))
    assert "Traceback" in shown.stderr
    harmless(shown.stderr)


def test_a_file_of_entries_acts_on_no_terminal(tmp_path: Path) -> None:
    import asyncio

    file = tmp_path / "events.jsonl"
    asyncio.run(JsonLines(str(file)).take([Feedback("plan", HOSTILE, seq=1)]))
    harmless(file.read_text())
    assert json.loads(file.read_text())["message"] == HOSTILE


def test_settings_that_are_written_act_on_no_terminal(tmp_path: Path) -> None:
    from ruamel.yaml import YAML

    kanto = tmp_path / "config.json"
    kanto.write_text(json.dumps({"connection": {"broker_url": "tcp://broker:1883", "client_username": "u\u202e\x9bü"}}))
    text = to_yaml(load_kanto_config(kanto))
    harmless(text)
    assert YAML(typ="safe").load(text)["mqtt"]["username"] == "u\u202e\x9bü"


def test_only_paint_of_our_own_is_left_on_a_terminal() -> None:
    painted = paint("web", "bad", COLOURED)
    assert clean(f"{painted} \x1b[2J\x1b[1;31;5m\n") == f"{painted} \\x1b[2J\\x1b[1;31;5m\n"


def test_there_is_one_place_that_prints() -> None:
    """And the one that writes entries to standard output, and the log."""
    printing = re.compile(r"\bclick\.(s?echo)\b|\bprint\(|\bsys\.(stdout|stderr)\.write\b")
    found = {
        str(file.relative_to(ROOT / "controller"))
        for file in (ROOT / "controller").rglob("*.py")
        if any(printing.search(line) and "console.print(" not in line for line in file.read_text().splitlines())
    }
    assert found == {"sinks/jsonl.py"}


@pytest.mark.e2e
def test_a_terminal_gets_what_a_pipe_gets(device: Device) -> None:
    device.write(spec("web"))
    (device.specs / "x\x1b]0;owned\x07\nerror: forged.yaml").write_text('name: "\\e[2J"\n')
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        device.line("validate"), env=device.environment(), stdin=follower, stdout=follower, stderr=follower
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            shown += os.read(leader, 4096)
        except OSError:
            break
    os.close(leader)
    assert process.wait() == 1
    text = shown.decode().replace("\r\n", "\n")
    harmless(text)
    assert r"x\x1b]0;owned\x07\nerror: forged.yaml" in text
    assert not re.search("^error: forged", text, re.MULTILINE)


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("command", "encoding", "locale"),
    [
        (("apply", "--yes"), "latin-1", {"PYTHONIOENCODING": "latin-1"}),
        (("plan",), "ascii", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    ],
    ids=["latin-1", "ascii"],
)
def test_a_locale_that_is_not_utf_8_is_no_error(
    device: Device, command: tuple[str, ...], encoding: str, locale: dict[str, str]
) -> None:
    """→, ─, …, ✓ and whatever specs hold."""
    device.write(spec("web", "docker.io/library/nginx:1"))
    device.run("apply", "--yes")
    device.write(spec("web", "docker.io/library/nginx:2", more="command: [日本]"), spec("db"))
    done = subprocess.run(
        device.line(*command), env=device.environment(**locale), capture_output=True, check=False, timeout=PATIENCE_S
    )
    out, errors = done.stdout.decode(encoding), done.stderr.decode(encoding)
    assert done.returncode == (2 if command == ("plan",) else 0), errors
    assert "nginx:1 -> " in out
    assert "UnicodeEncodeError" not in errors
