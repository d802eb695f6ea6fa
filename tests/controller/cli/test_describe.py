"""`describe` tells all about one container, `events` what happened to it, `settings` what is in force."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.journal.journal import open_journal
from evenkeel.specs.containers.container import Port
from evenkeel.specs.feedback import Feedback

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


WRONG = "health: {http: {port: 80, path: /nope}, interval: 1s, retries: 1}"
RIGHT = "health: {http: {port: 80, path: /ok}, interval: 1s, retries: 1}"


def told_health(device: Device) -> tuple[bool, str, str, bool]:
    """How `web` is in the words of status, get and describe."""
    healthy = next(each for each in device.status()["conditions"] if each["name"] == "Healthy")
    listed = json.loads(device.run("get", "containers", "-o", "json").stdout)["items"][0]["health"]
    (instance,) = described(device, "web")["instances"]
    return healthy["holds"], listed, instance["health"], instance["proven"]


def test_all_that_tell_how_a_container_is_tell_it_by_the_check_that_is_in_force(device: Device) -> None:
    """S21: after a wrong path was rolled back, status said well, and describe at the same moment unhealthy and not proven."""
    device.settings(retries=1)
    device.put_image("docker.io/library/nginx:1", Image(answers={"/nope": 404, "/": 503}))
    device.write(spec("web", more=RIGHT.replace("/ok", "/other")), spec("wiki"))
    device.run("apply", "--yes")
    device.write(spec("web", more=RIGHT), spec("wiki"))
    device.run("apply", "--yes")
    assert told_health(device) == (True, "healthy", "healthy", True)
    device.write(spec("web", more=WRONG), spec("new"))
    assert "web: it failed its health check once: GET :80/nope answered 404" in (
        device.run("apply", "--yes", ok=1).stderr
    )
    assert told_health(device) == (True, "healthy", "healthy", True)
    found = described(device, "web")
    assert (found["inForce"], found["givenUp"], found["difference"]) == ("last-good", True, None)
    assert found["notDone"] == [{"path": "health.http.path", "old": "/ok", "new": "/nope"}]
    lines = device.run("describe", "container", "web").stdout.splitlines()
    assert "verdict     as last-good asks, and proven" in lines
    assert f"last good   {device.status()['lastGood']} (in force)" in lines
    assert "            health.http.path: /ok → /nope" in lines
    assert "container: docker.io/library/nginx:1 → (nothing)" in device.run("describe", "container", "wiki").stdout
    assert "container: (nothing) → docker.io/library/nginx:1" in device.run("describe", "container", "new").stdout
    plan = device.run("plan", ok=2).stdout
    assert "the plan is what a retry would do" in plan
    device.run("retry")
    assert told_health(device)[2:] == ("unhealthy", False), "what is tried is in force"


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
    back = ("--kind", "rolling-back", "--kind", "rolled-back")
    for name in ("web", "wiki"):
        assert [each["kind"] for each in events(device, name, *back)] == ["rolling-back", "rolled-back"], "N37"
    assert events(device, "web", "--kind", "plan")[-1]["message"] == "recreate: it goes back to last-good", "N20"


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


def test_what_is_left_of_one_that_is_gone_is_described(device: Device) -> None:
    """S17: that it was not there was all that was said of it."""
    device.put_image(CRASHER, Image(volumes=("/tapes",)))
    device.write(spec("recorder", CRASHER), spec("web"))
    device.run("apply", "--yes")
    device.write(spec("web"))
    device.run("apply", "--yes")
    text = device.run("describe", "container", "recorder").stdout
    assert text.startswith("container   recorder (gone)\nasked for   nothing that is in force asks for it\n")
    (line,) = [line for line in text.splitlines() if "removed" in line]
    (volume,) = re.findall(r"removed; the data at /tapes stay in volume (evenkeel_recorder_tapes-\w{8})", line)
    assert volume in device.engine().world.volumes
    found = described(device, "recorder")
    assert (found["by"], found["instances"], found["lastGood"]) == ("nobody", [], None)
    assert "did you mean `recorder`?" in device.run("describe", "container", "recordre", ok=1).stderr


def test_what_is_said_at_every_try_leaves_room_for_what_was_before(device: Device) -> None:
    """S4: all fifteen entries were the same two."""
    device.write(spec("web"))
    device.run("apply", "--yes")
    with closing(open_journal(device.state)) as journal:
        for _ in range(20):
            journal.say(Feedback("step-started", "pull docker.io/library/nginx:2", subject="web"))
            journal.say(Feedback("step-retrying", "the registry does not answer", subject="web"))
    text = device.run("describe", "container", "web").stdout.partition("what happened lately\n")[2]
    since = r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d"
    for line, message in zip(
        text.splitlines()[-2:], ("pull docker.io/library/nginx:2", "the registry does not answer"), strict=True
    ):
        assert re.search(rf"web: {message}  \(20 times since {since}\)$", line)
    assert "healthy for" in text or "up for" in text
    *_, started, retrying = described(device, "web")["events"]
    newest = events(device)[-1]
    assert (started["times"], retrying["times"], retrying["seq"]) == (20, 20, newest["seq"])
    assert len(events(device, "--kind", "step-retrying")) == 20, "each of them has its number"


@pytest.mark.parametrize(
    "command",
    [
        ("describe", "web"),
        ("describe", "web", "x"),
        ("get", "container", "web"),
        ("get", "web"),
        ("get", "containers", "web"),
    ],
)
def test_who_leaves_out_the_word_container_is_told_the_command(device: Device, command: tuple[str, ...]) -> None:
    """S15."""
    said = device.run(*command, ok=1).stderr
    is_known = len(command) == 3 and command[0] == "get"
    further = ", `evenkeel describe file web`, `evenkeel describe registry web`, `evenkeel describe identity web`"
    others = f"{further} or `evenkeel describe os web`"
    others = "" if is_known else others
    assert said.endswith(f"`evenkeel describe container web`{others}\n")


def test_a_name_that_nothing_is_known_of_is_no_silence(device: Device) -> None:
    """S27: a slip looked as if nothing had happened."""
    device.write(spec("web"), spec("wiki"))
    device.run("apply", "--yes")
    no_entry = "no entry is about it, and nothing that is in force asks for it"
    assert device.run("events", "wbe", ok=1).stderr == f"error: name:wbe: {no_entry}; did you mean `web`?\n"
    assert device.run("events", "portal", ok=1).stderr == f"error: name:portal: {no_entry}; known are web, wiki\n"
    assert device.run("logs", "wbe", ok=1).stderr == (
        "error: container:wbe: no failure of it is known; did you mean `web`?\n"
    )
    with closing(open_journal(device.state)) as journal:
        journal.say(Feedback("health", "each of 30 is paused: a, b, c and 27 more"))
    counted = device.run("events", "portal")
    assert counted.stdout.endswith("a, b, c and 27 more  (portal may be one of them)\n")
    assert no_entry in counted.stderr
    assert "may be one of them" in device.run("describe", "container", "web").stdout
    assert "may be one of them" not in device.run("events", "a").stdout


def test_nothing_to_show_or_to_do_is_said_and_is_no_error(device: Device) -> None:
    """S1: `events` said nothing, and of the others two were errors and one was not."""
    nothing = device.run("events")
    assert (nothing.stdout, nothing.stderr) == ("", "No entries yet.\n")
    assert "nothing to retry" in device.run("retry").stdout
    assert "nothing to release" in device.run("release").stdout
    assert "nothing to abandon" in device.run("release", "--abandon").stdout
    assert device.run("events", "web").stderr == "No entries yet.\n"
    device.write(spec("web"))
    device.run("apply", "--yes")
    assert device.run("events", "web", "--kind", "step-failed").stderr == "No entry matches.\n"
    told = "No failure of web is known: there is nothing to show.\n`evenkeel describe` has all that is known of it.\n"
    assert device.run("logs", "web").stderr == told
    assert json.loads(device.run("logs", "web", "-o", "json").stdout)["at"] is None
