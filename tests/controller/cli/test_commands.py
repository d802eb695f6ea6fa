"""The short commands: what they print, and their exit codes."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import click
import pytest
from ruamel.yaml import YAML
from tests.memories import memory
from tests.until import until

from evenkeel.controller.cli import SUMMARIES, commands
from evenkeel.controller.journal.file import FILE
from evenkeel.controller.journal.journal import Journal, open_journal, read_journal
from evenkeel.controller.journal.lock import sole_controller
from evenkeel.controller.wiring import read_files
from evenkeel.specs.containers.container import Port
from evenkeel.specs.feedback import Condition
from evenkeel.specs.output import Output
from evenkeel.specs.settings.settings import SIMULATED

from .command import ROOT, Device, ended, on_a_terminal, spec

pytestmark = pytest.mark.e2e


def test_plan_tells_by_its_exit_code_whether_there_is_something_to_do(device: Device) -> None:
    device.write(spec("web"))
    assert "+ web   create     docker.io/library/nginx:1" in device.run("plan", ok=2).stdout
    assert device.run("apply", "--yes").stdout.endswith("Done: everything asked for is there and proven.\n")
    assert device.run("plan").stdout == "Nothing to do.\n"


def test_plan_with_nothing_but_a_blocked_wish_is_an_error(device: Device) -> None:
    device.write(spec("web", more="pullPolicy: Never"))
    done = device.run("plan", ok=1)
    assert "! web   blocked" in done.stdout
    assert done.stdout.endswith("Plan: 1 blocked.\n")


def test_plan_for_programs(device: Device) -> None:
    device.write(spec("web"))
    as_json = json.loads(device.run("plan", "-o", "json", ok=2).stdout)
    assert [(each["name"], each["verb"], each["asked"]["line"]) for each in as_json["subjects"]] == [
        ("web", "create", 1)
    ]
    assert [stage["phase"] for stage in as_json["stages"]] == ["DOWNLOAD", "UPDATE", "ACTIVATE", "VERIFY"]
    as_yaml = YAML(typ="safe").load(device.run("plan", "-o", "yaml", ok=2).stdout)
    assert as_yaml == as_json


@pytest.mark.parametrize("command", [("plan",), ("apply", "--yes"), ("get", "containers")])
def test_what_is_simulated_is_called_so(device: Device, command: tuple[str, ...]) -> None:
    device.write(spec("web"))
    assert f"Note: {SIMULATED}\n" in device.run(*command, ok=None).stderr
    elsewhere = ("--engine", "docker", "--docker-address", "unix:///nowhere.sock")
    assert SIMULATED not in device.run(*command, *elsewhere, ok=1).stderr


def test_each_command_that_may_be_simulated_says_so(device: Device) -> None:
    """Once, and those that tell somebody what to do say it first. `run` has it in its log."""
    device.settings(mqtt={"broker": "tcp://127.0.0.1:9"})
    device.write(spec("web"))
    device.put_foreign("other")
    identity = ("provision", "--no-cloud", "--yes")
    lines = {
        ("plan",): (),
        ("apply",): ("--yes",),
        ("doctor",): (),
        ("get",): ("containers",),
        ("describe",): ("container", "web"),
        ("adopt",): ("other", "--to-remove"),
        identity[:1]: identity[1:],
        ("identity", "show"): ("-o", "env"),
        ("registry", "list"): (),
        ("registry", "test"): ("ghcr.io",),
        ("slots",): (),
        ("slots", "check"): (),
        ("slots", "mark"): ("good", "A", "--yes"),
        ("slots", "boot-other"): ("--yes",),
        ("slots", "install"): ("/b.raucb", "--yes"),
        **{("compat", name): () for name in ("sdv-device-info", "sdv-health", "sdv-provision")},
        ("provision", "--rotate"): ("--yes",),
    }
    assert {*_simulating(commands, ())} - {("run",), ("settings",)} <= {*lines}
    for name, more in lines.items():
        said = device.run(*name, *more, ok=None).stderr
        assert len(re.findall("only simulates|slots are simulated", said)) == 1, (name, said)
    assert "Note: this is the memory engine" in device.run(*identity, ok=None).stderr.splitlines()[0]


def _simulating(command: click.Command, name: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The commands that look at an engine, and for which one may be chosen."""
    for each in command.list_commands(click.Context(command)) if isinstance(command, click.Group) else ():
        yield from _simulating(command.get_command(click.Context(command), each), (*name, each))  # type: ignore[arg-type]
    is_alone = not isinstance(command, click.Group) or name == ("slots",)
    if is_alone and any(each.name == "engine" and not each.hidden for each in command.params):  # type: ignore[attr-defined]
        yield name


@pytest.mark.parametrize("command", [("plan",), ("apply", "--yes")])
def test_nothing_asked_for_is_an_accident_until_somebody_says_otherwise(
    device: Device, command: tuple[str, ...]
) -> None:
    device.write(spec("web"))
    device.run("apply", "--yes")
    (device.specs / "10-apps.yaml").unlink()
    assert "asks for nothing, which would remove everything" in device.run(*command, ok=1).stderr
    assert list(device.engine().running()) == ["web"]
    device.run(*command, "--allow-empty", ok=2 if command == ("plan",) else 0)
    assert list(device.engine().running()) == (["web"] if command == ("plan",) else [])


@pytest.mark.parametrize("command", [("plan",), ("apply", "--yes")])
def test_one_place_of_two_that_turned_empty_is_an_accident_too(
    device: Device, tmp_path: Path, command: tuple[str, ...]
) -> None:
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    places = ("--specs", str(device.specs), "--specs", str(mounted))
    (mounted / "store.yaml").write_text(spec("store"))
    device.write(spec("web"))
    device.run("apply", "--yes", *places)
    (mounted / "store.yaml").unlink()
    assert device.run(*command, *places, ok=1).stderr == (
        f"error: specs:{mounted}: asks for nothing any more, which would remove store; "
        "if that is meant, say --allow-empty\n"
    )
    device.run(*command, *places, "--allow-empty", ok=2 if command == ("plan",) else 0)
    assert sorted(device.engine().running()) == (["store", "web"] if command == ("plan",) else ["web"])


def test_who_only_protects_asks_for_nothing(device: Device) -> None:
    system = "apiVersion: evenkeel/v1\nkind: SystemContainers\nmetadata: {name: s}\nspec: {names: [agent]}\n"
    device.write(system)
    assert device.run("validate").stdout == "valid: 1 document (1 SystemContainers)\n"
    assert "asks for nothing: no container is there" in device.run("plan", ok=1).stderr
    device.write(system, spec("web"))
    device.run("apply", "--yes")
    device.write(system)
    assert "which would remove everything" in device.run("apply", "--yes", ok=1).stderr
    assert list(device.engine().running()) == ["web"]


def test_nothing_asked_for_where_nothing_ever_was_removes_nothing(device: Device) -> None:
    (device.specs / "notes.txt").write_text("no spec")
    said = device.run("plan", ok=1).stderr
    assert "remove" not in said
    assert said.startswith(f"error: specs:{device.specs}: asks for nothing: no document is there; ")
    assert "skipped: notes.txt; if that is meant, say --allow-empty" in said
    assert device.run("plan", "--allow-empty").stdout == "Nothing to do.\n"


def test_a_desired_state_without_components_says_that_nothing_is_asked_for(device: Device) -> None:
    """As a file it was "no document is there" (B9); over MQTT it is COMPLETED."""
    empty = json.dumps({"activityId": "a", "payload": {"domains": [{"id": "containers", "components": []}]}})
    device.write(spec("web"))
    device.run("apply", "--yes")
    device.write(empty)
    assert device.run("validate").stdout == "valid: 0 documents (nothing is asked for)\n"
    assert "asks for nothing, which would remove everything" in device.run("apply", "--yes", ok=1).stderr
    assert list(device.engine().running()) == ["web"]
    device.run("apply", "--yes", "--allow-empty")
    assert not device.engine().running()
    assert device.run("plan", ok=1).stderr == (
        f"error: specs:{device.specs}: asks for nothing: a desired state without components is at "
        f"{device.specs}/10-apps.yaml:1:1; if that is meant, say --allow-empty\n"
    )


@pytest.mark.parametrize("command", [("plan",), ("plan", "--allow-empty"), ("apply", "--yes", "--allow-empty")])
def test_a_missing_folder_is_never_a_wish(device: Device, command: tuple[str, ...]) -> None:
    device.specs.rmdir()
    assert device.run(*command, ok=1).stderr == (
        f"error: specs:{device.specs}: does not exist; --specs says where to look\n"
    )


def test_validate_says_everything_that_is_wrong(device: Device) -> None:
    device.write(spec("web", more="imge: x\nports: [a]"), spec("web"), "kind: Contaner\n")
    done = device.run("validate", ok=1)
    assert len(done.stdout.splitlines()) >= 4
    assert f"{device.specs}/10-apps.yaml:7:3: spec.imge: unknown key `imge`; did you mean `image`?" in done.stdout
    assert re.fullmatch(r"\d+ problems\n", done.stderr)
    assert device.run("plan", ok=1).stderr.count("\n") == len(done.stdout.splitlines()) + 1
    assert not device.state.exists()


def test_problems_are_data_for_ci(device: Device) -> None:
    device.write(spec("web", more="ports: [80]\nstableFr: 3s"))
    (device.specs / "site").mkdir()
    (device.specs / "site/x.yaml").touch()
    done = device.run("validate", "-o", "json", ok=1)
    found = json.loads(done.stdout)
    assert (found["kind"], found["valid"], done.stderr) == ("Validation", False, "")
    texts = {problem["path"]: problem for problem in found["problems"]}
    assert texts["spec.stableFr"] == {
        "severity": "error",
        "file": str(device.specs / "10-apps.yaml"),
        "line": 8,
        "column": 3,
        "path": "spec.stableFr",
        "message": "unknown key `stableFr`",
        "hint": "did you mean `stableFor`?",
        "standsFor": 1,
    }
    assert texts[None]["severity"] == "warning"
    assert (texts[None]["file"], texts[None]["line"]) == (str(device.specs / "site"), None)
    assert YAML(typ="safe").load(device.run("validate", "-o", "yaml", ok=1).stdout) == found
    device.write(spec("web"))
    found = json.loads(device.run("validate", "-o", "json").stdout)
    assert (found["valid"], found["documents"]) == (True, {"Container": 1})
    (gone,) = json.loads(device.run("validate", "-o", "json", "/gone", ok=1).stdout)["problems"]
    assert (gone["file"], gone["message"]) == ("/gone", "does not exist")


@pytest.mark.parametrize("command", [("plan",), ("apply", "--yes"), ("validate",)])
def test_problems_are_counted_alike_by_all_who_read_specs(device: Device, command: tuple[str, ...]) -> None:
    """L2: `plan` counted the warning, too."""
    device.write(spec("web", more="env: {A: '${B}'}\nimagee: nginx\nprivileged: 'yes'"))
    done = device.run(*command, ok=1)
    assert (done.stdout + done.stderr).count("(warning)") == 1
    assert done.stderr.endswith("2 problems\n")


def test_validate_reads_what_it_is_given(device: Device, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(spec("one"))
    assert device.run("validate", str(other)).stdout == "valid: 1 document (1 Container)\n"
    assert device.run("validate", str(tmp_path / "gone"), ok=1).stdout == f"{tmp_path}/gone: does not exist\n"


def test_validate_finds_nothing_to_call_valid(device: Device, tmp_path: Path) -> None:
    """Source code, say, where specs were meant: `valid` would be a lie."""
    other = tmp_path / "other"
    (other / "deeper.yaml").mkdir(parents=True)
    for name in ("b.py", "a.py", ".hidden.yaml", "c.py", "d.py", "e.py"):
        (other / name).write_text("")
    done = device.run("validate", str(other), ok=1)
    assert done.stdout == (
        f"{other}: no document is there; of a folder *.yaml, *.yml and *.json are read, and not its sub-folders; "
        "skipped: .hidden.yaml, a.py, b.py, c.py, d.py and 2 more\n"
    )
    assert done.stderr == "1 problem\n"
    (other / "only-a-comment.yaml").write_text("# nothing\n")
    device.run("validate", str(other / "only-a-comment.yaml"), ok=1)
    assert "no document is there" in device.run("validate", ok=1).stdout
    device.settings(emptySourceRemovesAll=True)
    assert device.run("validate").stdout == "valid: 0 documents (nothing is asked for)\n"


def test_specs_in_a_sub_folder_are_told_to_be_unread(device: Device) -> None:
    device.write(spec("web"))
    (device.specs / "site").mkdir()
    device.write(spec("wiki"), file="site/wiki.yaml")
    unread = f"{device.specs}/site: the specs in this sub-folder are not read (warning)"
    assert unread in device.run("validate").stdout
    assert unread in device.run("plan", ok=2).stderr
    process = device.start("run")
    until(device.is_settled)
    (valid,) = [found for found in device.status()["conditions"] if found["name"] == "SourceValid"]
    assert unread in valid["message"]
    _, _, errors = ended(process, signal.SIGTERM)
    assert f"warning sub-folder is not read folder={device.specs}/site\n" in errors


@pytest.mark.parametrize("example", sorted(ROOT.glob("examples/[cf]*/*.yaml")), ids=lambda path: path.stem)
def test_examples_are_valid(device: Device, example: Path) -> None:
    assert "(warning)" not in device.run("validate", str(example)).stdout


def test_the_example_of_order_comes_about_in_order_and_a_pool_is_replaced_one_by_one(device: Device) -> None:
    text = (ROOT / "examples" / "containers" / "order.yaml").read_text()
    text = re.sub(r"(?m)^  image: (?!.*/schema)", "  stableFor: 1s\n\\g<0>", text)
    device.write(text, file="order.yaml")
    shown = device.run("apply", "--yes").stdout
    places = [
        shown.index(each) for each in ("database: healthy", "schema: started", "schema: it ended", "service: started")
    ]
    assert places == sorted(places)
    assert "ended with exit code 0: schema" in shown
    for image in ("worker", "schema"):
        text = text.replace(f"{image}:1.0", f"{image}:1.1")
    device.write(text, file="order.yaml")
    assert device.run("plan", ok=2).stdout.count("at most 1 of its group") == 2
    shown = device.run("apply", "--yes").stdout
    places = [
        shown.index(each) for each in ("worker-1: stopped", "worker-1: up for", "worker-2: stopped", "worker-2: up for")
    ]
    assert places == sorted(places)
    assert shown.count("schema: it ended with exit code 0") == 1
    (group,) = [
        each
        for each in json.loads(device.run("get", "baselines", "-o", "json").stdout)["items"]
        if each["name"] == "workers"
    ]
    assert (group["mostAway"], len(group["members"])) == (1, 2)
    described = device.run("describe", "container", "service").stdout
    assert re.search(r"dependsOn +database, schema \(completed\), telemetry \(started\)", described)


def test_the_example_settings_are_valid(device: Device) -> None:
    shown = device.run("status", "-o", "json", EVENKEEL_CONFIG=str(ROOT / "examples/config.yaml")).stdout
    assert json.loads(shown)["engine"]["kind"] == "docker"


def test_status_before_anything_happened(device: Device) -> None:
    shown = device.run("status").stdout
    assert "controller  not at work; start it: evenkeel run" in shown
    assert "the memory engine only simulates" in shown
    assert "nothing yet" in shown
    assert not device.state.exists()
    device.run("status", "--check", ok=1)


@pytest.mark.parametrize("worked", [False, True])
def test_status_tells_that_nothing_can_be_stored_of_a_controller_that_cannot_say_so(
    device: Device, worked: bool
) -> None:
    """One that began on a read-only disk has no socket, and may have stored nothing at all."""
    if worked:
        device.write(spec("web"))
        device.run("apply", "--yes")
    with sole_controller(device.state) as lock:
        lock.mark("ReadOnly: the file system is mounted read-only")
        shown = device.run("status", "--check", ok=1).stdout
        conditions = {each["name"]: each for each in device.status()["conditions"]}
    assert (conditions["StateWritable"]["holds"], conditions["StateWritable"]["reason"]) == (False, "ReadOnly")
    assert conditions["StateWritable"]["message"] == "the file system is mounted read-only"
    assert ("Settled" in conditions) is worked
    assert "StateWritable" in shown
    assert "no controller ever worked" not in shown
    assert "nothing has been asked for yet" not in shown


def test_status_without_a_controller_says_that_it_is_old(device: Device) -> None:
    device.write(spec("web"))
    device.run("apply", "--yes")
    shown = device.run("status").stdout
    assert "as the last controller left it" in shown
    assert re.search(r"Settled +yes since \d+ \w+ +Converged", shown)
    assert device.status()["stale"] is True


def test_a_failed_revision_is_refused_explained_and_retried(device: Device) -> None:
    """Somebody else holds the port of the host that one wants: it cannot start, and what was good comes back."""
    device.settings(retries=1)
    first, second = spec("web"), spec("wiki", more='ports: ["8080:80"]')
    device.write(first)
    device.run("apply", "--yes")
    device.put_foreign("squatter", ports=(Port(8080, 80),))
    device.write(first, second)
    done = device.run("apply", "--yes", ok=1)
    assert "port 8080 is already allocated, by squatter" in done.stderr
    taken = "wiki cannot be started now: port 8080/tcp of the host is taken, by squatter"
    assert f"Note: {taken}" in done.stdout
    assert f"warning: {taken}; it is tried all the same\n" in done.stderr, "N36"
    assert set(device.engine().running()) == {"squatter", "web"}

    assert "is not tried again:" in device.run("status").stdout
    assert "evenkeel retry" in device.run("status").stdout
    plan = device.run("plan", ok=2).stdout
    assert "failed before: wiki: port 8080 is already allocated" in plan
    assert "until the specs change or somebody runs `evenkeel retry`" in plan
    done = device.run("apply", "--yes", ok=1)
    assert "--retry tries it nevertheless" in done.stderr
    assert re.match(r"What --retry would do:\ncontainers\n  \+ wiki +create ", done.stdout), "N11: as `plan` has it"
    device.engine().remove("web")
    done = device.run("apply", "--yes", ok=1)  # O9: last-good is repaired, as `run` does
    assert "rolled back" not in done.stdout, "N21: nothing was, in this run"
    assert re.match(r"To repair last-good \(\w{16}\), which is in force:\ncontainers\n  \+ web ", done.stdout)
    assert "--retry tries it nevertheless" in done.stderr
    assert set(device.engine().running()) == {"squatter", "web"}
    assert re.fullmatch(
        r"Revision \w{16} is tried again by the next `evenkeel run` or `evenkeel apply`; no controller is at work now; "
        r"it had failed: wiki: .*\n",
        device.run("retry").stdout,
    )
    settled = next(each for each in device.status()["conditions"] if each["name"] == "Settled")
    assert (settled["holds"], settled["reason"]) == (False, "Retrying"), "N12: it said RolledBack"
    assert re.match(
        r"revision \w{16} is tried again by the next `evenkeel run` or `evenkeel apply`; it had failed: wiki: ",
        settled["message"],
    )
    assert device.run("retry").stdout == "No failed revision: there is nothing to retry.\n"
    assert [each["kind"] for each in events(device)][-1] == "revision-retried"
    assert "port 8080 is already allocated" in device.run("apply", "--yes", ok=1).stderr
    device.write(first, spec("wiki", more='ports: ["8081:80"]'))
    device.run("apply", "--yes")


def events(device: Device, *arguments: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in device.run("events", "-o", "json", *arguments).stdout.splitlines()]


def test_events_are_numbered_and_resumed_without_gap(device: Device) -> None:
    assert events(device) == []
    device.write(spec("web"))
    device.run("apply", "--yes")
    found = events(device, "--since", "0")
    assert [each["seq"] for each in found] == list(range(1, len(found) + 1))
    assert [each["seq"] for each in events(device, "--since", "3")] == list(range(4, len(found) + 1))
    assert [each["seq"] for each in events(device, "--last", "2")] == [len(found) - 1, len(found)]
    assert "step-done" in device.run("events").stdout


def test_get_containers_tells_whose_they_are(device: Device) -> None:
    device.put_foreign("portal")
    device.put_foreign("agent")
    system = "apiVersion: evenkeel/v1\nkind: SystemContainers\nmetadata: {name: s}\nspec: {names: [agent]}\n"
    device.write(spec("web", more="env: {DB_PASSWORD: hunter2}"), system)
    device.run("apply", "--yes")
    rows = [line.split() for line in device.run("get", "containers").stdout.splitlines()]
    assert rows[0] == ["NAME", "STATE", "HEALTH", "BY", "RESTARTS", "SINCE", "IMAGE"]
    assert {row[0]: row[3] for row in rows[1:]} == {"web": "evenkeel", "portal": "others", "agent": "system"}
    assert "ENGINE NAME" in device.run("get", "containers", "-o", "wide").stdout
    shown = device.run("get", "containers", "-o", "json").stdout
    assert {each["name"]: each["state"] for each in json.loads(shown)["items"]}["web"] == "running"
    assert "hunter2" not in shown


def test_adopt_takes_over_what_is_asked_for_and_nothing_else(device: Device) -> None:
    device.put_foreign("web", "docker.io/library/nginx:1")
    device.write(spec("other"))
    assert "nobody asks for it, so it would be removed" in device.run("adopt", "web", ok=1).stderr
    said = device.run("adopt", "wbe", ok=1).stderr  # S13: that nobody asks for it
    assert (
        said
        == "error: container:wbe: there is no container wbe; the engine is memory (simulated); did you mean `web`?\n"
    )
    device.write(spec("web", "docker.io/library/nginx:2"))
    assert "evenkeel adopt web" in device.run("plan", ok=1).stdout
    assert "there is no container nobody" in device.run("adopt", "nobody", "--to-remove", ok=1).stderr
    assert "web is adopted" in device.run("adopt", "web").stdout
    assert "~ web   recreate" in device.run("plan", ok=2).stdout


def test_adopt_knows_its_own_by_the_name_that_get_shows(device: Device) -> None:
    """An engine wants two letters, so this one has another name there."""
    device.write(spec("a"))
    device.run("apply", "--yes")
    assert list(device.engine().running()) == ["ek-a"]
    assert device.run("adopt", "a").stdout == "a is evenkeel's own already.\n"


def test_adopt_finds_one_by_the_name_that_an_engine_made_of_it(device: Device) -> None:
    """As when the state directory has moved: the plan names it as the spec does."""
    device.put_foreign("a")
    device.write(spec("a"))
    assert "`evenkeel adopt a`" in device.run("plan", ok=1).stdout
    assert "a is adopted" in device.run("adopt", "a").stdout
    device.run("apply", "--yes")
    assert device.engine().running() == {"ek-a": "docker.io/library/nginx:1"}
    assert device.run("adopt", "a").stdout == "a is evenkeel's own already.\n"


def test_what_no_spec_can_say_is_given_up_by_no_accident(device: Device) -> None:
    lost = ("entrypoint /sbin/tini", "volume tapes at /data")
    device.put_foreign("web", unspoken=lost)
    device.write(spec("web"))
    refused = device.run("adopt", "web", ok=1).stderr
    assert all(text in refused for text in (*lost, "--accept-loss"))
    assert "`evenkeel adopt web`" in device.run("plan", ok=1).stdout
    assert (
        "without: entrypoint /sbin/tini, volume tapes at /data." in device.run("adopt", "web", "--accept-loss").stdout
    )
    assert "no spec" not in device.run("plan", ok=2).stdout, "as it is it stays"
    device.write(spec("web", "docker.io/library/nginx:2"))
    shown = " ".join(device.run("plan", ok=2).stdout.split())
    assert "without what no spec can say: entrypoint /sbin/tini, volume tapes at /data" in shown
    (subject,) = json.loads(device.run("plan", "-o", "json", ok=2).stdout)["subjects"]
    assert subject["lost"] == list(lost)
    device.run("apply", "--yes")
    assert device.run("plan").stdout == "Nothing to do.\n"


def test_what_is_adopted_to_be_removed_has_nothing_to_lose(device: Device) -> None:
    device.put_foreign("web", unspoken=("entrypoint /sbin/tini",))
    device.write(spec("other"))
    assert "without" not in device.run("adopt", "web", "--to-remove").stdout


def test_an_own_container_under_another_name_is_shown_with_it(device: Device) -> None:
    """As a switch leaves it that was interrupted: two rows of one name would explain nothing."""
    device.write(spec("web"), spec("wiki"))
    device.run("apply", "--yes")
    engine = device.engine()
    (web,) = (kept for kept in engine.world.containers.values() if kept.engine_name == "web")
    engine.world.containers["other"] = replace(web, id="other", engine_name="web.old-12345678")
    asyncio.run(engine.close())
    rows = [line.split("  ")[0] for line in device.run("get", "containers").stdout.splitlines()]
    assert rows == ["NAME", "web", "web (web.old-12345678)", "wiki"]
    assert "web.old-12345678)" not in device.run("get", "containers", "-o", "wide").stdout


def test_a_name_that_the_engine_does_not_take_is_shown_with_the_one_that_it_has(device: Device) -> None:
    """S26: `docker logs e` found nothing, or another container by its id."""
    device.write(spec("e"))
    device.run("apply", "--yes")
    assert [line.split("  ")[0] for line in device.run("get", "containers").stdout.splitlines()] == ["NAME", "e (ek-e)"]


def test_wide_shows_published_ports_whoever_published_them(device: Device) -> None:
    """S2."""
    device.put_foreign("portal", ports=(Port(9000, 90, "127.0.0.1", protocol="udp"),))
    device.write(spec("web", more='ports: ["8080:80", "8443-8450:443"]'), spec("wiki"))
    device.run("apply", "--yes")
    lines = device.run("get", "containers", "-o", "wide").stdout.splitlines()
    cells = {line.split()[0]: line[lines[0].index("PORTS") :].split()[0] for line in lines[1:]}
    assert cells == {"web": "8080:80/tcp,8443-8450:443/tcp", "wiki": "-", "portal": "127.0.0.1:9000:90/udp"}
    items = json.loads(device.run("get", "containers", "-o", "json").stdout)["items"]
    assert {each["name"]: each["ports"] for each in items}["portal"] == ["127.0.0.1:9000:90/udp"]


# ── a word of an operator is kept whole, or not at all ────────────────────────────────────────────────────────────────────


def with_a_message_in_force(device: Device) -> None:
    device.write(spec("web"))
    journal = open_journal(device.state)
    journal.put("files", read_files([str(device.specs)]).desired, "files")
    device.write(spec("web"), spec("wiki"))
    state, topic = read_files([str(device.specs)]).desired, "containersupdate/desiredstate"
    journal.put("message", state, topic, "a1", "containers")
    journal.put("desired", state, topic, "a1")
    journal.close()


def with_a_failed_revision(device: Device) -> None:
    device.write(spec("web"))
    journal = open_journal(device.state)
    journal.put("desired", read_files([str(device.specs)]).desired, "files")
    journal.attempts.count(journal.digest("desired"), "it does not start", failed=True)
    journal.close()


def with_a_stranger(device: Device) -> None:
    device.write(spec("web"))
    device.put_foreign("web")
    open_journal(device.state).close()


def remembered(device: Device) -> tuple[object, ...]:
    journal: Journal = read_journal(device.state)
    try:
        desired = journal.digest("desired")
        roles = (journal.digest("message", "containers"), journal.digest("files"), desired, journal.origin("desired"))
        return (*roles, journal.attempts.of(desired), memory(journal).adopted, journal.entries())
    finally:
        journal.close()


@pytest.mark.parametrize(
    ("arguments", "prepare"),
    [
        (("release",), with_a_message_in_force),
        (("retry",), with_a_failed_revision),
        (("adopt", "web"), with_a_stranger),
    ],
)
def test_a_command_that_is_cut_off_before_it_has_said_what_it_did_did_nothing(
    device: Device, arguments: tuple[str, ...], prepare: Callable[[Device], None]
) -> None:
    prepare(device)
    before = remembered(device)
    with closing(sqlite3.connect(device.state / FILE)) as disk:
        disk.execute("CREATE TRIGGER full BEFORE INSERT ON feedback BEGIN SELECT RAISE(ABORT, 'no space'); END")
        assert "no space" in device.run(*arguments, ok=1).stderr
        assert remembered(device) == before
        disk.execute("DROP TRIGGER full")
    device.run(*arguments)
    assert remembered(device) != before


def test_releasing_makes_desired_what_the_files_ask_for(device: Device) -> None:
    with_a_message_in_force(device)
    done = device.run("release").stdout
    assert "Released: containersupdate/desiredstate (a1)." in done
    assert done.endswith("No controller is at work; `evenkeel run` or `evenkeel apply` will do it.\n")
    message, files, desired, *_ = remembered(device)
    assert (message, desired) == ("", files)


def test_what_is_released_is_not_called_settled_before_anybody_has_looked(device: Device) -> None:
    """Also where the files never asked for anything, and nothing is desired any more."""
    for with_files in (True, False):
        with_a_message_in_force(device)
        with closing(open_journal(device.state)) as journal:
            journal.set_condition(Condition("Settled", True, "Converged", "everything asked for is there and proven"))
            if not with_files:
                journal.drop("files")
        device.run("release")
        device.run("status", "--check", ok=1)
        with closing(read_journal(device.state)) as journal:
            (settled,) = (each for each in journal.conditions() if each.name == "Settled")
        assert (settled.holds, settled.reason) == (False, "Converging" if with_files else "NothingDesired")


def test_what_the_journal_cannot_read_any_more_stops_no_command_that_goes_on_without(device: Device) -> None:
    with_a_message_in_force(device)
    device.run("apply", "--yes", ok=1)
    with closing(sqlite3.connect(device.state / FILE)) as disk, disk:
        disk.execute("UPDATE revision SET content = x'00'")
    assert device.run("get", "containers").stdout.startswith("NAME")
    assert "What the files asked for cannot be read any more" in device.run("release").stdout
    device.run("plan", ok=2)
    device.run("apply", "--yes")
    assert sorted(device.engine().running()) == ["web", "wiki"]


def test_schema_is_json_and_reference_is_markdown(device: Device) -> None:
    assert json.loads(device.run("schema").stdout)["title"] == "evenkeel document"
    assert device.run("schema", "--reference").stdout.startswith("# Reference of spec files\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(device: Device, shell: str) -> None:
    script = device.run("completion", shell).stdout
    assert "_EVENKEEL_COMPLETE" in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    asked = {"_EVENKEEL_COMPLETE": f"{shell}_complete", "COMP_WORDS": "evenkeel va", "COMP_CWORD": "1"}
    if shell == "fish":
        asked["COMP_CWORD"] = "va"
    done = subprocess.run(device.line(), env=device.environment(**asked), text=True, capture_output=True)
    assert "validate" in done.stdout


def test_an_error_is_said_once_and_exits_1(device: Device) -> None:
    done = device.run("plan", "--engine", "dokcer", ok=1)
    assert "'dokcer' is not one of" in done.stderr
    assert device.run("--config", "/nowhere.yaml", "status", ok=1).stderr == (
        "error: file:/nowhere.yaml: there is no such file\n"
    )
    assert "No such command 'frobnicate'.\n" in device.run("frobnicate", ok=1).stderr
    assert "No such command 'valdate'; did you mean `validate`?\n" in device.run("valdate", ok=1).stderr


@pytest.mark.parametrize("name", SUMMARIES)
def test_a_slip_leads_to_the_command_that_was_meant(device: Device, name: str) -> None:
    for slip in (name[1:], name[:-1], f"{name[0]}{name}", f"{name[1]}{name[0]}{name[2:]}"):
        assert f"'{slip}'; did you mean `{name}`?\n" in device.run(slip, ok=1).stderr


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("delete", "; remove its document from the specs, and `evenkeel apply`"),
        ("restart", "; the engine does that, for example `docker restart`"),
        ("rollback", "."),
        ("reset", "."),
        ("up", "; did you mean `apply`?"),
        ("config", "; did you mean `settings`?"),
        ("health", "; did you mean `doctor`?"),
        ("pause", "; what the specs ask for is kept running; change them, and `evenkeel apply`"),
    ],
)
def test_no_command_is_named_that_does_something_else(device: Device, word: str, expected: str) -> None:
    """`delete` led to `release`, which ends the desired state from MQTT (O18)."""
    assert device.run(word, ok=1).stderr.endswith(f"No such command '{word}'{expected}\n")


def test_the_status_names_a_broker_that_nothing_connects_to(device: Device) -> None:
    device.settings(mqtt={"enabled": True})
    said = device.run("status").stderr
    assert said.startswith(f"{device.config}:1:")
    assert "mqtt.enabled: nothing connects to the broker without an update agent or an update manager (warning)" in said


def test_what_is_doubtful_in_the_settings_is_said_by_who_reads_them(device: Device) -> None:
    """S22: by `run` and `status` alone."""
    device.settings(mqtt={"enabled": True})
    device.write(spec("web"))
    told = "mqtt.enabled: nothing connects to the broker without an update agent or an update manager"
    done = device.run("settings", "-o", "json")
    assert f"{told} (warning)" in done.stderr
    assert json.loads(done.stdout)["mqtt"]["enabled"]
    (problem,) = json.loads(device.run("validate", "-o", "json").stdout)["problems"]
    assert (problem["severity"], problem["path"]) == ("warning", "mqtt.enabled")


def test_a_warning_does_not_stand_under_the_heading_of_an_error(device: Device) -> None:
    """S19: the error itself stood below it, without the word."""
    device.settings(mqtt={"enabled": True, "broker": "localhost:1883"})
    warning, error = device.run("settings", ok=1).stderr.splitlines()
    assert warning.startswith(f"{device.config}:1:")
    assert " (warning); " in warning
    assert error.startswith(f"error: {device.config}:1:")
    assert "mqtt.broker: " in error


def test_the_place_of_a_wrong_setting_is_said_once(device: Device, tmp_path: Path) -> None:
    wrong = tmp_path / "bad.yaml"
    wrong.write_text("engine: 5\nparalel: 3\n")
    said = device.run("--config", str(wrong), "status", ok=1).stderr
    assert said.startswith(f"error: {wrong}:1:1: engine: expected a mapping with `kind`")
    assert said.endswith(f"\nerror: {wrong}:2:1: paralel: unknown key `paralel`; did you mean `parallel`?\n")
    assert said.count(str(wrong)) == 2


def test_a_fault_on_the_command_line_blames_no_file(device: Device) -> None:
    assert device.run("plan", "--docker-address", "/var/run/docker.sock", ok=1).stderr == (
        "error: command line: engine.address: expected the address of a socket; write `unix://` before the path\n"
    )


def test_who_names_a_socket_means_docker(device: Device) -> None:
    device.write(spec("web"))
    assert "unix:///nowhere.sock" in device.run("plan", "--docker-address", "unix:///nowhere.sock", ok=1).stderr
    simulated = ("--engine", "memory", "--docker-address", "unix:///nowhere.sock")
    assert SIMULATED in device.run("plan", *simulated, ok=2).stderr


def test_a_bug_says_so_and_shows_where_only_when_asked(device: Device) -> None:
    device.write(spec("web"))
    (device.state).mkdir()
    (device.state / "journal.sqlite").write_bytes(b"this is no database, but long enough to look like one" * 99)
    done = device.run("plan", ok=1)
    assert done.stderr.startswith(f"error: journal:{device.state}/journal.sqlite: cannot be ")
    assert len(done.stderr.splitlines()) == 1
    shown = subprocess.run(
        device.line("plan"), env=device.environment(EVENKEEL_DEBUG="1"), text=True, capture_output=True
    )
    assert "Traceback" in shown.stderr


@pytest.mark.parametrize("name", list(SUMMARIES))
def test_every_command_explains_itself(name: str) -> None:
    """The list of commands is told without loading them, so it could tell something else."""
    command = importlib.import_module(f"evenkeel.controller.cli.{name.replace('-', '_')}").command
    assert command.name == name
    assert (command.help or "").splitlines()[0] == SUMMARIES[name]


@pytest.mark.parametrize(
    ("name", "offered", "quiet"),
    [
        ("status", "--state", "--engine"),
        ("events", "--config", "--verbose"),
        ("validate", "--specs", "--docker-address"),
        ("run", "--verbose", "--broker"),
    ],
)
def test_a_command_offers_what_means_something_to_it(device: Device, name: str, offered: str, quiet: str) -> None:
    shown = device.run(name, "--help").stdout
    assert offered in shown
    assert quiet not in shown


def test_what_a_script_says_to_all_commands_stops_none(device: Device) -> None:
    device.write(spec("web"))
    everywhere = ("--engine", "memory", "--docker-address", "unix:///nowhere.sock", "-v")
    for command in ("status", "validate", "events", "retry"):
        device.run(command, *everywhere)
        device.run(*everywhere, command)


def test_without_arguments_it_helps(device: Device) -> None:
    shown = device.run().stdout
    assert all(summary in shown for summary in SUMMARIES.values())
    assert shown == device.run("--help").stdout


def test_colours_on_a_terminal_only_and_never_against_no_color(device: Device) -> None:
    device.write(spec("web"))
    assert "\x1b[32m" in on_a_terminal(device, "plan")
    assert "\x1b[" not in on_a_terminal(device, "plan", NO_COLOR="1")
    assert "\x1b[" not in on_a_terminal(device, "plan", TERM="dumb")
    assert "\x1b[" not in device.run("plan", ok=2).stdout


def test_specs_that_are_gone_are_a_warning(device: Device) -> None:
    device.write(spec("web"))
    process = device.start("run")
    until(device.is_settled)
    (device.specs / "10-apps.yaml").unlink()
    until(lambda: "source-empty" in device.run("events").stdout)
    _, _, errors = ended(process, signal.SIGTERM)
    assert re.search(r"Z warning source-empty message=", errors)
    assert re.search(r"\x1b\[[\d;]*31m *source-empty", on_a_terminal(device, "events"))


def test_bars_on_a_terminal_and_lines_elsewhere(device: Device) -> None:
    device.write(spec("web"))
    shown = on_a_terminal(device, "apply", "--yes")
    assert "━" in shown
    assert "✓" in shown
    assert not re.search(r"\x1b\[[\d;]*3\dm", on_a_terminal(device, "apply", "--yes", NO_COLOR="1"))
    device.write(spec("web", "docker.io/library/nginx:2"))
    plain = device.run("apply", "--yes").stdout
    assert "  ✓ web: pulled docker.io/library/nginx:2" in plain
    assert "━" not in plain


def test_publish_sends_no_activity_that_an_agent_would_not_take(device: Device) -> None:
    device.write(spec("web").replace("  stableFor: 100ms\n", ""))
    file = str(device.specs / "10-apps.yaml")
    done = device.run("publish", file, "--activity", "x" * 1001, ok=1)
    assert "activityId: expected at most 1000 characters, got 1001" in done.stderr
    assert len(done.stderr) < 1000


def test_logs_shows_what_was_kept_of_a_failure(device: Device) -> None:
    with closing(open_journal(device.state)) as journal:
        said = Output(("one", "two"), ("no curl",), exit_code=3)
        journal.failures.keep("web", "1" * 64, "0" * 16, "it ended with exit code 3", said)
        journal.failures.keep("db", "2" * 64, "0" * 16, "it ended with exit code 1", Output(unread="no log"))
    done = device.run("logs", "web")
    assert done.stdout == "one\ntwo\nno curl\n"
    assert re.match(r"web: it ended with exit code 3, at \d{4}-\d\d-\d\d .*, as 111111111111\n", done.stderr)
    found = json.loads(device.run("logs", "web", "-o", "json").stdout)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found.pop("at"))
    assert found == {
        "apiVersion": "evenkeel/v1",
        "kind": "LastFailure",
        "name": "web",
        "why": "it ended with exit code 3",
        "revision": "0" * 16,
        "instance": "1" * 64,
        "exitCode": 3,
        "lines": ["one", "two"],
        "check": ["no curl"],
        "unread": None,
    }
    assert "could not be read: no log" in device.run("logs", "db").stderr
    assert device.run("logs", "none", ok=1).stderr == (
        "error: container:none: no failure of it is known; there are those of db, web\n"
    )


@pytest.mark.parametrize("command", [("get", "containers"), ("apply", "--yes")])
def test_an_engine_that_does_not_answer_is_named_while_it_is_waited_for(
    device: Device, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """O25: a minute of silence came before the error."""
    device.write(spec("web"))
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "deaf.sock"))
        deaf.listen()
        line = device.line(*command, "--docker-address", f"unix://{tmp_path}/deaf.sock")
        process = subprocess.Popen(
            line, env=device.environment(), text=True, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        try:
            assert process.stderr is not None
            assert process.stderr.readline() == f"waiting for the engine at unix://{tmp_path}/deaf.sock …\n"
        finally:
            process.kill()
            process.communicate()
