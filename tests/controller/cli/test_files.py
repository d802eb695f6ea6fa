"""`get files` and `describe file`: what is at the paths of files, whose it is, and what becomes of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from contextlib import closing
from typing import Any

import pytest
from tests.until import until

from evenkeel.controller.cli.subjects import SUBJECTS
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.drivers.files.memory import MemoryDisk, memory_files
from evenkeel.controller.journal.journal import open_journal
from evenkeel.controller.wiring import MEMORY_FILES, open_domains
from evenkeel.specs.feedback import Condition, Feedback, SetAside
from evenkeel.specs.files.file import digest_of
from evenkeel.specs.settings.settings import Settings

from .command import ROOT, Device, spec

pytestmark = pytest.mark.e2e

PATH = "/etc/app.conf"
CRASHER = "docker.io/library/crasher:1"
NO_ENGINE = {"kind": "docker", "address": "unix:///nonexistent/docker.sock"}


def file(name: str = "app.conf", path: str = PATH, content: str = "one", more: str = "") -> str:
    return (
        f"apiVersion: evenkeel/v1\nkind: File\nmetadata: {{name: {name}}}\n"
        f"spec: {{path: {path}, content: {json.dumps(content)}{more}}}\n"
    )


def group(name: str, *members: str) -> str:
    document = {"apiVersion": "evenkeel/v1", "kind": "Baseline", "metadata": {"name": name}}
    return f"{json.dumps({**document, 'spec': {'members': members}})}\n"


def disk(device: Device) -> MemoryDisk:
    system = memory_files(device.state / MEMORY_FILES).system
    assert isinstance(system, MemoryDisk)
    return system


def put_file(device: Device, path: str, content: bytes = b"theirs", mode: int = 0o600) -> None:
    """Somebody else writes a file."""
    system = disk(device)
    system.put(path, content, uid=7, gid=8, mode=mode)
    device.state.mkdir(exist_ok=True)
    system.save()


def listed(device: Device) -> dict[str, dict[str, Any]]:
    items = json.loads(device.run("get", "files", "-o", "json").stdout)["items"]
    return {each["name"]: each for each in items}


def described(device: Device, name: str = "app.conf", kind: str = "file") -> dict[str, Any]:
    return dict(json.loads(device.run("describe", kind, name, "-o", "json").stdout))


def lines_of(device: Device, name: str = "app.conf", kind: str = "file") -> list[str]:
    return device.run("describe", kind, name).stdout.splitlines()


def test_every_domain_has_its_words() -> None:
    assert {each.name for each in open_domains(Settings())} == set(SUBJECTS)


def test_files_are_listed_with_whose_they_are(device: Device) -> None:
    put_file(device, "/etc/theirs.conf")
    device.write(
        file(more=", owner: '1000', group: '50', mode: '0640'"),
        file("theirs", "/etc/theirs.conf", "mine"),
        file("late", "/etc/late.conf"),
    )
    device.run("apply", "--yes", ok=1)
    system = disk(device)
    system.take("/etc/late.conf")
    system.put_link("/etc/late.conf", "/etc/other")
    system.save()
    rows = [line.split() for line in device.run("get", "files").stdout.splitlines()]
    assert rows == [
        ["NAME", "WHAT", "BY", "ASKED", "OWNER", "MODE", "SIZE", "PATH"],
        ["app.conf", "file", "evenkeel", "yes", "1000:50", "0640", "3", PATH],
        ["late", "link", "to", "/etc/other", "others", "yes", "-", "-", "-", "/etc/late.conf"],
        ["theirs", "file", "others", "yes", "7:8", "0600", "6", "/etc/theirs.conf"],
    ]
    wide = device.run("get", "file", "-o", "wide").stdout
    assert re.search(rf"^app\.conf .* yes +sha256 {digest_of(b'one')[:12]}… +{PATH}$", wide, re.MULTILINE)
    assert "name: app.conf" in device.run("get", "files", "-o", "yaml").stdout
    found = listed(device)
    assert {key: found["app.conf"][key] for key in ("what", "by", "asked", "uid", "gid", "mode", "bytes")} == {
        "what": "file", "by": "evenkeel", "asked": True, "uid": 1000, "gid": 50, "mode": "0640", "bytes": 3,
    }  # fmt: skip
    assert (found["late"]["target"], found["late"]["mode"], found["late"]["bytes"]) == ("/etc/other", None, None)


def test_a_rehearsal_refuses_what_the_real_disk_refuses(device: Device) -> None:
    device.write(
        file("state", f"{device.state}/app.conf"),
        file("spec", f"{device.specs}/app.yaml"),
        file("theirs", more=", owner: nobody-of-this-name"),
    )
    planned = json.loads(device.run("plan", "-o", "json", ok=None).stdout)
    subjects = planned["subjects"]
    assert {each["name"]: (each["verb"], each["why"]) for each in subjects} == {
        "spec": ("blocked", f"{device.specs} holds specs, where no file is placed"),
        "state": ("blocked", f"{device.state} is the state directory of evenkeel, where no file is placed"),
        "theirs": ("blocked", "there is no user `nobody-of-this-name`"),
    }
    device.run("apply", "--yes", ok=1)
    assert {each["what"] for each in listed(device).values()} == {"absent"}


def test_the_examples_can_be_rehearsed_without_their_sources(device: Device) -> None:
    """A source that is not there stands for the content that is asked for; one that is there has its own."""
    texts = [each.read_text() for each in sorted((ROOT / "examples" / "files").glob("*.yaml"))]
    asked = "---\n".join(texts)
    for key, own in (("owner", os.getuid()), ("group", os.getgid())):
        asked = asked.replace(f"{key}: '1000'", f"{key}: '{own}'")
    pinned = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    assert pinned in asked
    device.write(asked)
    device.run("apply", "--yes")
    there = {name: (each["what"], each["proven"]) for name, each in listed(device).items()}
    assert there == dict.fromkeys(("broker-password", "map", "recorder-config", "time-sources"), ("file", True))
    assert listed(device)["map"]["sha256"] == pinned
    assert device.run("plan").stdout == "Nothing to do.\n"
    device.write(asked.replace(pinned, digest_of(b"newer")))
    device.run("apply", "--yes")
    assert listed(device)["map"]["sha256"] == digest_of(b"newer")
    put_file(device, "/usr/share/navigation/map.bin", b"other")
    device.write(asked.replace(pinned, digest_of(b"newest")))
    assert "has another content than" in device.run("apply", "--yes", ok=1).stderr
    put_file(device, "/usr/share/navigation/map.bin", b"newest")
    device.run("apply", "--yes")
    assert disk(device).read("/var/lib/navigation/map.bin", 6) == b"newest"


def test_what_was_secret_is_told_by_no_command_when_it_is_no_secret_any_more(device: Device) -> None:
    device.write(file(content="hunter1", more=", secret: true, mode: '0600'"), file("other", "/etc/other"))
    device.run("apply", "--yes")
    device.write(file(content="open", more=", mode: '0600', owner: nobody-of-this-name"), file("other", "/etc/other"))
    device.run("apply", "--yes", ok=1)  # it stays at the old content
    commands = [("plan",), ("plan", "-o", "json"), ("get", "files", "-o", "wide"), ("get", "files", "-o", "json")]
    commands += [("describe", "file", "app.conf", "-o", form) for form in ("text", "json")]
    told = [device.run(*each, ok=None).stdout for each in commands]
    device.write(file(content="open", more=", mode: '0600'"), file("other", "/etc/other"))
    told += [device.run(*each, ok=None).stdout for each in (*commands, ("apply", "--yes", "--verbose"), *commands)]
    told.append(device.run("events", "-o", "json").stdout)
    assert digest_of(b"hunter1")[:8] not in "".join(told)
    assert digest_of(b"open")[:12] in told[-2]


def test_a_file_that_nobody_asks_for_is_listed_until_it_is_removed(device: Device) -> None:
    device.write(file(), spec("web"))
    device.run("apply", "--yes")
    device.write(spec("web"))
    with closing(open_journal(device.state)) as journal:
        desired = journal.revision("desired")
        assert desired is not None
        journal.put("desired", desired.part("containers"), "files")
    found = listed(device)["app.conf"]
    assert (found["asked"], found["by"], found["what"], found["sha256"]) == (False, "evenkeel", "file", None)
    assert described(device)["difference"]["verb"] == "remove"
    device.run("apply", "--yes")
    assert listed(device) == {}
    lines = lines_of(device)
    assert lines[:2] == ["file        app.conf (gone)", "asked for   nothing that is in force asks for it"]
    assert any("step-done" in line and "app.conf" in line for line in lines)


def test_a_file_is_described_from_its_spec_to_its_last_entry(device: Device) -> None:
    device.write(file(more=", mode: '0640', notify: [web]"), spec("web"), group("front", "web", "app.conf"))
    device.run("apply", "--yes")
    lines, revision = lines_of(device), device.status()["desired"]
    for line in (
        "file        app.conf (evenkeel's)",
        f"asked for   {device.specs}/10-apps.yaml:1:1",
        f"last good   {revision}",
        "group       front",
        "verdict     as asked, and proven",
        "notifies    web",
        PATH,
        "  there     file, 3 bytes",
        "  mode      0640",
        "  proven    yes",
        f"  content  sha256 {digest_of(b'one')[:12]}…, 3 bytes",
    ):
        assert line in lines
    found = described(device)
    assert (found["kind"], found["group"], found["desired"]) == ("FileDescription", "front", revision)
    assert found["notifies"] == ["web"]
    (place,) = found["places"]
    assert (place["path"], place["proven"], place["sha256"]) == (PATH, True, digest_of(b"one"))
    assert found["events"][-1]["message"] == "as asked for"
    assert "name: app.conf" in device.run("describe", "files", "app.conf", "-o", "yaml").stdout


def test_a_container_is_described_with_its_group_and_the_files_that_notify_it(device: Device) -> None:
    device.write(file(more=", notify: [web]"), spec("web"), spec("wiki"), group("front", "web", "app.conf"))
    device.run("apply", "--yes")
    lines = lines_of(device, "web", "container")
    assert "group       front" in lines
    assert "notified by app.conf" in lines
    assert described(device, "web", "container")["notifiedBy"] == ["app.conf"]
    assert "group       none: it goes with all that is in no group" in lines_of(device, "wiki", "container")
    assert described(device, "wiki", "container")["group"] is None
    device.write(file(), spec("web"))
    device.run("apply", "--yes")
    assert not any(line.startswith(("group", "notified")) for line in lines_of(device, "web", "container"))


def test_what_differs_and_what_follows_is_told(device: Device) -> None:
    device.write(file())
    device.run("apply", "--yes")
    system = disk(device)
    system.put(PATH, b"by hand", mode=0o666)
    system.save()
    found = described(device)
    assert found["difference"]["verb"] == "update"
    assert {each["path"] for each in found["difference"]["changes"]} == {"content", "mode"}
    assert found["places"][0]["proven"] is False
    lines = lines_of(device)
    assert "            mode: 0666 → 0644" in lines
    assert any(line.startswith("verdict     update: ") for line in lines)


def test_what_is_not_evenkeels_is_not_called_so_and_what_was_replaced_is_told(device: Device) -> None:
    put_file(device, PATH)
    device.write(file())
    device.run("apply", "--yes", ok=1)
    lines = lines_of(device)
    assert lines[0] == "file        app.conf (others')"
    assert any(line.startswith("verdict     blocked: ") and "`overwrite: true` replaces it" in line for line in lines)
    assert "  by        others: evenkeel did not place it" in lines
    device.write(file(more=", overwrite: true"))
    device.run("apply", "--yes")
    lines = lines_of(device)
    assert lines[0] == "file        app.conf (evenkeel's)"
    assert "  kept      a file of 7:8, 0600, which evenkeel has replaced" in lines
    assert described(device)["places"][0]["original"] == {
        "what": "file", "uid": 7, "gid": 8, "mode": "0600", "target": None,
    }  # fmt: skip


def test_what_a_failed_revision_asks_for_is_told_as_not_done(device: Device) -> None:
    device.settings(retries=1)
    device.put_image(CRASHER, Image(exits_with=3))
    device.write(file(), spec("web"))
    device.run("apply", "--yes")
    device.write(file(content="two", more=", mode: '0600'"), file("new", "/etc/new"), spec("web", CRASHER))
    device.run("apply", "--yes", ok=1)
    found = described(device)
    assert (found["inForce"], found["givenUp"], found["difference"]) == ("last-good", True, None)
    one, two = (f"sha256 {digest_of(each)[:12]}…, 3 bytes" for each in (b"one", b"two"))
    assert found["notDone"] == [
        {"path": "content", "old": one, "new": two},
        {"path": "mode", "old": "0644", "new": "0600"},
    ]
    assert "exit code 3" in found["failure"]
    lines = lines_of(device)
    assert "verdict     as last-good asks, and proven" in lines
    assert f"            content: {one} → {two}" in lines
    lines = lines_of(device, "new")
    assert "            file: (nothing) → /etc/new" in lines
    assert lines[0] == "file        new (gone)"


def test_a_file_and_a_container_of_one_name_have_their_own_entries(device: Device) -> None:
    device.write(file("web"), spec("web"))
    device.run("apply", "--yes")
    of_file = {each["message"] for each in described(device, "web")["events"]}
    of_container = {each["message"] for each in described(device, "web", "container")["events"]}
    assert "as asked for" in of_file - of_container
    assert "pulled docker.io/library/nginx:1" in of_container - of_file
    assert {"as asked for", "pulled docker.io/library/nginx:1"} < {
        json.loads(line)["message"] for line in device.run("events", "web", "-o", "json").stdout.splitlines()
    }


def test_a_file_and_a_container_of_one_name_have_their_own_steps_and_health(device: Device) -> None:
    device.write(file("web"), spec("lamp"))
    device.run("apply", "--yes")
    with closing(open_journal(device.state)) as journal:
        journal.say(Feedback("health", "web: it ended with exit code 3", domain="containers"))
        journal.say(Feedback("left-over", "web: an old instance is left", domain="containers"))
        journal.say(Feedback("rolling-back", "going back: web", domain="containers"))
    told = [each["kind"] for each in described(device, "web")["events"]]
    assert not {"health", "left-over"} & set(told)
    assert "rolling-back" in told, "a revision is that of all domains"
    device.write(file("web"), spec("web").replace("100ms", "60s"))
    device.start("run")
    until(lambda: any(step["phase"] == "VERIFY" for step in (device.status()["work"] or {"steps": []})["steps"]))
    assert [each["domain"] for each in described(device, "web", "container")["doing"]] == ["containers"]
    assert described(device, "web")["doing"] == []


@pytest.mark.parametrize("running", [False, True])
def test_the_status_names_a_group_that_is_blocked(device: Device, running: bool) -> None:
    """Also when it is all that is left to do; and only while it is."""

    def groups_told() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = device.status()["groups"]
        return found

    put_file(device, PATH)
    device.write(file(), spec("web"), group("paper", "app.conf"), group("cabin", "web"))
    if running:
        device.start("run")
        until(lambda: bool(device.engine().running()) and bool(groups_told()))
    else:
        device.run("apply", "--yes", ok=1)
    why = f"app.conf: {PATH} has another content, and evenkeel did not make it; `overwrite: true` replaces it"
    until(lambda: groups_told() == [{"name": "paper", "failed": None, "blocked": why, "waits": None}])
    assert "group paper cannot be had: app.conf: " in device.run("status", COLUMNS="300").stdout
    if not running:
        device.run("apply", "--yes", ok=1)
        assert [each["name"] for each in groups_told()] == ["paper"], "again"
        device.write(file(more=", overwrite: true"), spec("web"), group("paper", "app.conf"), group("cabin", "web"))
        device.run("apply", "--yes")
        assert groups_told() == []


@pytest.mark.parametrize("groups", [(), (group("paper", "app.conf"), group("cabin", "web"))])
@pytest.mark.parametrize("blocked", ["file", "container"])
def test_apply_ends_with_what_is_blocked(device: Device, groups: tuple[str, ...], blocked: str) -> None:
    """The other domain waits for it, which is no reason to be told."""
    if blocked == "file":
        put_file(device, PATH)
        why = f"app.conf: {PATH} has another content, and evenkeel did not make it; `overwrite: true` replaces it"
        device.write(file(), spec("web"), *groups)
    else:
        image = "docker.io/library/missing:1"
        why = f"web: the image {image} is not there and pullPolicy is Never"
        device.write(file(), spec("web", image, "pullPolicy: Never"), *groups)
    if groups:
        why = f"group {'paper' if blocked == 'file' else 'cabin'}: {why}"
    (end,) = (line for line in device.run("apply", "--yes", ok=1).stderr.splitlines() if line.startswith("Not done"))
    assert end == f"Not done: {why}"
    told = {each["name"]: each for each in device.status()["conditions"]}["Settled"]
    assert (told["reason"], told["message"]) == ("Blocked", why)


def test_groups_are_listed_with_their_members_and_states(device: Device) -> None:
    def groups() -> dict[str | None, dict[str, Any]]:
        items = json.loads(device.run("get", "baselines", "-o", "json").stdout)["items"]
        return {each["name"]: each for each in items}

    assert groups() == {}
    device.settings(retries=1)
    device.put_image(CRASHER, Image(exits_with=3))
    lamp, rules = spec("lamp"), (group("cabin", "web", "app.conf"), group("paper", "theirs"), group("void", "nobody"))
    device.write(file(), spec("web"), lamp, *rules)
    device.run("apply", "--yes")
    assert {name: each["state"] for name, each in groups().items()} == {
        None: "good", "cabin": "good", "paper": "empty", "void": "empty",
    }  # fmt: skip
    put_file(device, "/etc/theirs.conf")
    device.write(spec("web", CRASHER), file("theirs", "/etc/theirs.conf"), lamp, *rules)
    device.run("apply", "--yes", ok=1)
    found = groups()
    assert {name: each["state"] for name, each in found.items()} == {
        None: "good", "cabin": "failed", "paper": "blocked", "void": "empty",
    }  # fmt: skip
    assert found["cabin"]["members"] == [
        {"domain": "containers", "name": "web", "asked": True},
        {"domain": "files", "name": "app.conf", "asked": False},
    ]
    assert "exit code 3" in found["cabin"]["why"]
    assert found["paper"]["why"].startswith("theirs: /etc/theirs.conf has another content")
    rows = [line.split()[:3] for line in device.run("get", "baseline").stdout.splitlines()]
    assert rows[:3] == [["NAME", "STATE", "MEMBERS"], ["(no", "group)", "good"], ["cabin", "failed", "containers/web,"]]
    said = device.run("get", "baselines", "cabin", ok=1).stderr
    assert said.endswith(
        "`evenkeel describe registry NAME`, `evenkeel describe identity NAME` or `evenkeel describe os NAME`\n"
    )


def test_content_that_was_set_aside_is_told_with_its_group(device: Device) -> None:
    """Of the member of that domain, not of the file of its name."""
    device.write(spec("web", CRASHER), file("web"), spec("lamp"), group("cabin", "web"))
    device.run("apply", "--yes")
    why = "it ended with exit code 3"
    with closing(open_journal(device.state)) as journal:
        aside = {"web": SetAside(CRASHER, why)}
        journal.set_condition(Condition("ContentCurrent", False, "SetAside", why, set_aside=aside, domain="containers"))
    items = json.loads(device.run("get", "baselines", "-o", "json").stdout)["items"]
    told = {each["name"]: each["setAside"] for each in items}
    assert told == {None: [], "cabin": [{"domain": "containers", "name": "web", "image": CRASHER, "why": why}]}
    (row,) = [line for line in device.run("get", "baselines", "-o", "wide").stdout.splitlines() if "cabin" in line]
    assert row.split() == ["cabin", "good", "containers/web,", "files/web", CRASHER, "-"]


def test_what_is_in_no_group_is_named_when_it_is_blocked(device: Device) -> None:
    put_file(device, PATH)
    device.write(file(), spec("web"), group("cabin", "web"))
    device.run("apply", "--yes", ok=1)
    (found,) = device.status()["groups"]
    assert (found["name"], found["failed"]) == (None, None)
    assert found["blocked"].startswith("app.conf: ")
    device.write(file(), spec("web"))
    device.run("apply", "--yes", ok=1)
    assert device.status()["groups"] == [], "there are no groups"


def test_names_of_files_are_known_wherever_names_are(device: Device) -> None:
    device.write(file(), spec("web"))
    device.run("apply", "--yes")
    assert device.run("describe", "file", "ap.conf", ok=1).stderr == (
        "error: file:ap.conf: it is not there, and nothing that is in force asks for it (`evenkeel plan` shows what files"
        " ask for); did you mean `app.conf`?\n"
    )
    for kind, name, other in (("container", "app.conf", "file"), ("file", "web", "container")):
        said = device.run("describe", kind, name, ok=1).stderr
        assert said.startswith(f"error: {kind}:{name}: it is not there")
        assert said.endswith(f"; there is a {other} of this name: `evenkeel describe {other} {name}`\n")
    assert "as asked for" in device.run("events", "app.conf").stdout
    assert device.run("events", "ap.conf", ok=1).stderr.endswith("; did you mean `app.conf`?\n")
    with closing(open_journal(device.state)) as journal:
        journal.say(Feedback("started", "x"))
    assert device.run("logs", "app.conf").stderr.startswith(
        "No failure of app.conf is known: there is nothing to show.\n"
    )
    assert device.run("get", "files", "web", ok=1).stderr.endswith("all about one: `evenkeel describe file web`\n")


def test_what_is_gone_is_offered_for_a_slip_alone(device: Device) -> None:
    device.write(file(), file("former", "/etc/former"), spec("web"))
    device.run("apply", "--yes")
    device.write(file(), spec("web"))
    device.run("apply", "--yes")
    assert device.run("describe", "file", "nothing", ok=1).stderr.endswith("; expected one of: `app.conf`\n")
    assert device.run("describe", "file", "formr", ok=1).stderr.endswith("; did you mean `former`?\n")
    assert any("step-done" in line for line in lines_of(device, "former"))
    device.write(spec("web"))
    device.run("apply", "--yes")
    assert device.run("describe", "file", "nothing", ok=1).stderr.endswith("what files ask for)\n")


def test_files_are_described_without_an_engine_of_containers(device: Device) -> None:
    """A domain that cannot be asked holds up no other."""
    device.settings(engine=NO_ENGINE)
    assert listed(device) == {}
    device.settings()
    device.write(file("nothing", "/nonexistent/app.conf"))
    device.run("apply", "--yes")
    device.settings(engine=NO_ENGINE)
    found = described(device, "nothing")
    assert (found["engineError"], found["places"][0]["what"]) == (None, "absent")


def test_no_digest_is_told_of_what_is_or_was_secret(device: Device) -> None:
    word, later = "hunter2", "hunter3"
    device.write(file(content=word, more=", mode: '0600', secret: true"), spec("web"))
    device.run("apply", "--yes")
    told = ""

    def hear() -> None:
        nonlocal told
        for command in (("get", "files"), ("describe", "file", "app.conf")):
            for form in ("text", "json"):
                told += device.run(*command, "-o", form).stdout
        told += device.run("get", "files", "-o", "wide").stdout

    hear()
    assert "  content   (hidden)" in lines_of(device)
    device.settings(retries=1)
    device.put_image(CRASHER, Image(exits_with=3))
    device.write(file(content=later, more=", mode: '0600', secret: true"), spec("web", CRASHER))
    device.run("apply", "--yes", ok=1)
    assert described(device)["notDone"] == [{"path": "content", "old": "(hidden)", "new": "(hidden)"}]
    assert "            content: changed" in lines_of(device)
    hear()
    for secret in (word, later):
        assert secret not in told
        assert digest_of(secret.encode())[:8] not in told


def test_only_a_restart_that_can_happen_is_announced(device: Device) -> None:
    device.write(file(more=", notify: [web, ghost, new, stuck, system]"), spec("web"))
    device.run("apply", "--yes")
    blocked = spec("stuck", "docker.io/library/missing:1", "pullPolicy: Never")
    system = "apiVersion: evenkeel/v1\nkind: SystemContainers\nmetadata: {name: s}\nspec: {names: [system]}\n"
    changed = file(content="two", more=", notify: [web, ghost, new, stuck, system]")
    device.write(changed, spec("web"), spec("new"), blocked, system)
    for command, code in (("plan", 2), ("apply", 1)):
        (line,) = (line for line in device.run(command, ok=code).stdout.splitlines() if "restarted" in line)
        assert line.strip() == "then web is restarted"
    device.write(file(content="two", more=", notify: [ghost]"), spec("web"))
    assert "restarted" not in device.run("plan", ok=2).stdout


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("evenkeel get ", {"containers", "files", "registries", "identities", "os", "baselines"}),
        ("evenkeel describe ", {"container", "file", "registry", "identity", "os"}),
    ],
)
def test_the_kinds_are_completed(device: Device, words: str, offered: set[str]) -> None:
    asked = {"_EVENKEEL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "2"}
    done = subprocess.run(device.line(), env=device.environment(**asked), text=True, capture_output=True)
    assert {line.partition(",")[2] for line in done.stdout.splitlines()} == offered
