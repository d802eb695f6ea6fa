"""`describe` tells all about one container, `events` what happened to it, `settings` what is in force."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from evenkeel.controller.drivers.memory import Image
from evenkeel.specs.container import Port

from .command import Device, spec

pytestmark = pytest.mark.e2e

CRASHER = "docker.io/library/crasher:1"

MORE = 'env: {LANG: C, DB_PASSWORD: hunter2}\nports: ["8080:80"]\nhealth: {tcp: {port: 80}, interval: 1s}\n'


def described(device: Device, name: str) -> dict[str, Any]:
    return dict(json.loads(device.run("describe", "container", name, "-o", "json").stdout))


def events(device: Device, *arguments: str) -> list[dict[str, Any]]:
    out = device.run("events", "-o", "json", "--since", "0", *arguments).stdout
    return [json.loads(line) for line in out.splitlines()]


def test_a_container_is_described_from_its_spec_to_its_last_entry(device: Device) -> None:
    device.write(spec("web", more=MORE), spec("wiki"))
    device.run("apply", "--yes")
    text = device.run("describe", "container", "web").stdout
    asked = f"asked for   {device.specs}/10-apps.yaml:1:1"
    for line in (
        asked,
        "verdict     as asked, and proven",
        "  port      8080:80/tcp",
        "  health    healthy, the newest check passed",
    ):
        assert line in text.splitlines()
    assert re.search(r"^  health\.tcp\.port +80$", text, re.MULTILINE)
    assert "hunter2" not in text
    found = described(device, "web")
    assert "hunter2" not in json.dumps(found)
    assert (found["desired"], found["lastGood"]) == (device.status()["desired"], device.status()["lastGood"])
    (instance,) = found["instances"]
    assert (instance["state"], instance["proven"], instance["newestCheckPassed"]) == ("running", True, True)
    assert found["events"][-1]["message"].startswith("healthy for")
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", instance["startedAt"])
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["events"][-1]["at"])


def test_what_differs_and_what_failed_is_told(device: Device) -> None:
    device.settings(retries=1)
    device.put_foreign("squatter", ports=(Port(8080, 80),))
    device.write(spec("web"))
    device.run("apply", "--yes")
    device.engine().remove("web")
    assert described(device, "web")["difference"]["verb"] == "create"
    assert "verdict     create: " in device.run("describe", "container", "web").stdout
    device.run("apply", "--yes")
    device.write(spec("web", more='ports: ["8080:80"]'))
    device.run("apply", "--yes", ok=1)
    assert "8080" in described(device, "web")["failure"]
    assert described(device, "squatter")["by"] == "others"


def test_what_a_check_said_last_is_shown_without_secrets(device: Device) -> None:
    """M2: that it failed was all that was told."""
    said = "".join(f"{number}\n" for number in range(20)) + "no table \x1b[31mred \u202e for hunter2"
    sick = Image(healthy=False, check_output=said, check_exit=1)
    device.put_image(CRASHER, Image())
    device.write(
        spec("web", CRASHER, "env: {MARKED: {value: hunter2, secret: true}}\nhealth: {exec: [ask], interval: 1s}")
    )
    device.run("apply", "--yes")
    device.put_image(CRASHER, sick)
    text = device.run("describe", "container", "web").stdout
    shown = text[text.index("  health ") :].splitlines()[:11]
    assert shown[0] == "  health    unhealthy, the newest check failed: its command ended with exit code 1"
    assert [shown[1], shown[10]] == ["  check     11", "            no table red \ufffd for (env.MARKED)"]
    (instance,) = described(device, "web")["instances"]
    assert instance["checkSaid"] == [*map(str, range(20)), "no table red \ufffd for (env.MARKED)"]


LOGS = "`evenkeel logs web` shows its last lines"


def test_whoever_looks_at_a_failure_is_led_to_what_was_written(device: Device) -> None:
    """M3: and nobody is where nothing was written, or where all is well."""
    device.settings(retries=1)
    device.put_image(CRASHER, Image(exits_with=3, output="no database"))
    device.put_image(f"{CRASHER}2", Image(exits_with=3))
    device.write(spec("web", CRASHER), spec("wiki", f"{CRASHER}2"))
    outputs = [device.run("apply", "--yes", ok=1).stderr for _ in range(2)]
    outputs.append(device.run("status").stdout)
    outputs.append(device.run("describe", "container", "web").stdout.partition("what happened lately")[0])
    assert [text.count(LOGS) for text in outputs] == [1, 1, 1, 1], outputs
    assert not any("logs wiki" in text for text in outputs)
    assert device.status()["logs"] == ["web"]
    assert described(device, "web")["lastFailure"]["logs"] is True
    assert described(device, "wiki")["lastFailure"]["logs"] is False
    assert "evenkeel logs" not in device.run("describe", "container", "wiki").stdout
    assert device.run("logs", "web").stdout == "no database\n"
    device.write(spec("web"))
    assert "evenkeel logs" not in device.run("apply", "--yes").stderr
    assert "evenkeel logs" not in device.run("status").stdout


def test_what_a_failed_revision_asks_for_is_not_said_to_come(device: Device) -> None:
    """L1: the one that is not to blame read as if it would be created; and its image stood on a line without a name."""
    device.settings(retries=1)
    device.put_image(CRASHER, Image(exits_with=3))
    device.write(spec("web", CRASHER), spec("wiki"))
    device.run("apply", "--yes", ok=1)
    device.engine().remove("wiki")
    lines = device.run("describe", "container", "wiki").stdout.splitlines()
    not_done = "create, which is not done: the desired revision failed and is not tried again by itself; evenkeel retry"
    assert f"verdict     {not_done}" in lines
    assert "            the desired revision failed: web: it ended with exit code 3" in lines
    assert "            container: (nothing) → docker.io/library/nginx:1" in lines
    assert described(device, "wiki")["givenUp"] is True
    device.run("retry")
    assert described(device, "wiki")["givenUp"] is False
    assert "verdict     create: " in device.run("describe", "container", "wiki").stdout


def test_a_name_that_nobody_has_is_an_error_with_the_nearest(device: Device) -> None:
    device.write(spec("web"))
    device.run("apply", "--yes")
    errors = device.run("describe", "container", "wbe", ok=1).stderr
    assert errors == (
        "error: container:wbe: it is not there, and nothing that is in force asks for it (`evenkeel plan` shows what files"
        " ask for); did you mean `web`?\n"
    )


def test_events_are_chosen_by_name_kind_and_time(device: Device) -> None:
    device.write(spec("web"), spec("web-2"))
    device.run("apply", "--yes")
    everything = events(device)
    of_web = events(device, "web")
    assert {each.get("subject") for each in of_web} == {"web"}
    assert [each for each in everything if each.get("subject") == "web"] == of_web
    settled = events(device, "--kind", "settled", "--kind", "revision-good")
    assert {each["kind"] for each in settled} == {"settled", "revision-good"}
    assert len(device.run("events", "--last", "1", "web").stdout.splitlines()) == 1
    newest = [each for each in everything if each["at"] == everything[-1]["at"]]
    for since, count in (("1h", len(everything)), (newest[0]["at"], len(newest)), ("2999-01-01", 0)):
        assert len(device.run("events", "--since", since).stdout.splitlines()) == count
    assert "is not a number of an entry, an age" in device.run("events", "--since", "soon", ok=1).stderr


def test_an_entry_about_all_names_whom_it_is_about(device: Device) -> None:
    device.settings(retries=1)
    device.write(spec("web"))
    device.run("apply", "--yes")
    device.put_foreign("squatter", ports=(Port(8080, 80),))
    device.write(spec("web", more='ports: ["8080:80"]'), spec("wiki"))
    device.run("apply", "--yes", ok=1)
    assert [each["kind"] for each in events(device, "web", "--kind", "revision-failed")] == ["revision-failed"]
    assert events(device, "wiki", "--kind", "revision-failed") == []


def test_the_events_file_has_the_lines_of_the_command(device: Device, tmp_path: Path) -> None:
    device.settings(events={"file": str(tmp_path / "events.jsonl")})
    device.write(spec("web"))
    device.run("apply", "--yes")
    assert (tmp_path / "events.jsonl").read_text() == device.run("events", "-o", "json", "--since", "0").stdout


def test_settings_tell_where_each_comes_from_and_can_be_read_again(device: Device, tmp_path: Path) -> None:
    device.settings(resync="30s", mqtt={"enabled": True}, updateAgent={"enable": True, "autonomous": {"after": "5m"}})
    rows = [line.split() for line in device.run("settings", "--state", "/elsewhere").stdout.splitlines()]
    origins = {row[0]: (row[1], " ".join(row[2:])) for row in rows}
    assert origins["resync"] == ('"30s"', f"({device.config})")
    assert origins["retries"] == ("5", "(default)")
    assert origins["state"] == ('"/elsewhere"', "(command line or environment)")
    again = tmp_path / "again.yaml"
    again.write_text(device.run("settings", "-o", "yaml").stdout)
    assert device.run("settings", "--config", str(again), "-o", "yaml").stdout == again.read_text()
