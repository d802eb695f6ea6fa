"""The long commands: apply and run, stopped in every way there is."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tests.until import until

from evenkeel.controller.cli.history import Wanted, followed
from evenkeel.controller.drivers.containers.memory import MemoryEngine
from evenkeel.controller.journal.journal import open_journal
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.settings.settings import SIMULATED

from .command import ROOT, Device, ended, spec

pytestmark = pytest.mark.e2e


def test_apply_asks_and_does_nothing_without_an_answer(device: Device) -> None:
    device.write(spec("web"))
    done = device.run("apply", ok=1)
    assert "+ web   create" in done.stdout
    assert "--yes does it without asking" in done.stderr
    assert device.engine().running() == {}


def test_apply_stopped_by_ctrl_c_is_gone_on_with(device: Device) -> None:
    device.write(spec("slow", more="health: {tcp: {port: 1}}").replace("stableFor: 100ms", "stableFor: 30s"))
    process = device.start("apply", "--yes")
    until(lambda: device.engine().running() != {})
    code, _, errors = ended(process, signal.SIGINT)
    assert code == 130
    assert errors.splitlines()[-2:] == [
        "interrupted; finishing the step at work …",
        "Stopped (interrupted) before the end; `evenkeel apply` goes on from here.",
    ]
    assert "~ slow   finish" in device.run("plan", ok=2).stdout
    assert "\nStopped (no end after 0.5 s)" in device.run("apply", "--yes", "--timeout", "0.5", ok=1).stderr


def test_apply_after_kill_9_converges(device: Device) -> None:
    device.write(spec("web").replace("stableFor: 100ms", "stableFor: 2s"), spec("wiki"))
    process = device.start("apply", "--yes")
    until(lambda: device.engine().running() != {})
    ended(process, signal.SIGKILL)
    device.run("apply", "--yes")
    assert set(device.engine().running()) == {"web", "wiki"}


def test_run_and_migrate_say_once_which_keys_of_kanto_do_nothing(device: Device) -> None:
    kanto = device.config.with_name("kanto.json")
    kanto.write_text(json.dumps({"update_agent": {"enable": False, "verbose_inventory": True}}))
    device.write(spec("web"))
    device.config.rename(device.config.with_name("unused.yaml"))
    device.config = device.config.with_name("none.yaml")
    options = ("--state", str(device.state), "--specs", str(device.specs), "--engine", "memory")
    process = device.start("run", "--kanto-config", str(kanto), *options)
    until(lambda: device.engine().running() != {})
    code, _, errors = ended(process, signal.SIGTERM)
    assert code == 0
    (line,) = [line for line in errors.splitlines() if "verbose_inventory" in line]
    assert "warning" in line
    assert "doubtful setting" in line
    assert f"{kanto}:1:" in line
    assert "did you mean `verbose_inventory_report`?" in line
    for more in ((), ("--to", str(device.config.with_name("new")))):
        done = device.run("migrate", str(kanto), *more)
        assert done.stderr.count("unknown key `verbose_inventory`, which does nothing, as with Kanto (warning)") == 1
        assert "verbose" not in done.stdout


def test_run_follows_the_files_says_so_and_ends_in_order(device: Device) -> None:
    device.write(spec("web"))
    process = device.start("run")
    until(device.is_settled)
    assert device.status()["controller"] == {"atWork": True, "process": process.pid, "fromMemory": None}
    device.run("status", "--check")
    assert device.status()["work"] == {"steps": [], "lastError": None, "waitsFor": None, "nextTryInSeconds": None}
    assert f"a controller (process {process.pid}) is at work here" in device.run("apply", "--yes", ok=1).stderr
    device.write(spec("web"), spec("wiki"))
    until(lambda: set(device.engine().running()) == {"web", "wiki"})
    code, out, errors = ended(process, signal.SIGTERM)
    assert (code, out) == (0, "")
    assert re.search(r"Z info    stopped message=", errors)
    assert f"Z info    starting engine=memory specs={device.specs} state={device.state}\n" in errors
    assert f"Z warning {SIMULATED}\n" in errors
    assert device.status()["controller"]["atWork"] is False


def test_events_are_followed_across_the_start_of_a_controller(device: Device) -> None:
    follower = device.start("events", "--follow", "-o", "json")
    device.write(spec("web"))
    device.run("apply", "--yes")
    process = device.start("run")
    until(lambda: '"started"' in device.run("events", "-o", "json").stdout)
    ended(process, signal.SIGTERM)
    wanted = [
        json.loads(line)["seq"] for line in device.run("events", "-o", "json", "--since", "0").stdout.splitlines()
    ]
    assert follower.stdout is not None
    found: list[int] = []
    while len(found) < len(wanted):
        found.append(json.loads(follower.stdout.readline())["seq"])
    assert found == wanted
    code, _, errors = ended(follower, signal.SIGINT)
    assert code == 130
    assert errors.endswith("\nstopped\n")


def test_who_follows_is_told_that_nobody_speaks_any_more(device: Device) -> None:
    """It was silent, as if all were well, also after kill -9 and without a journal."""
    device.write(spec("web"))
    process = device.start("run")
    until(device.is_settled)
    follower = device.start("events", "--follow")
    out, errors = follower.stdout, follower.stderr
    assert out is not None
    assert errors is not None
    assert out.readline()
    ended(process, signal.SIGKILL)
    assert errors.readline() == "no controller is at work any more; what the next one does is shown\n"
    device.state.rename(device.state.with_name("elsewhere"))
    assert errors.readline() == (
        f"the state directory {device.state} is not there any more; what is written when it is back is shown\n"
    )
    with closing(open_journal(device.state)) as journal:
        journal.say(Feedback("adopted", "begun anew"))
    shown = ""
    while "begun anew" not in shown:
        shown = out.readline()
    assert shown.startswith("     1  "), "a journal that was begun anew is read from its beginning"
    ended(follower, signal.SIGINT)


def test_one_that_ends_before_the_first_look_is_told(device: Device, capsys: pytest.CaptureFixture[str]) -> None:
    """The test above waited for ever, when the controller was killed while the first entries were printed."""
    device.write(spec("web"))
    process = device.start("run")
    until(device.is_settled)
    coming = followed(device.state, 0, Wanted("", at=float("inf")))
    ended(process, signal.SIGKILL)
    assert [next(coming), next(coming)] == [[], []]
    assert capsys.readouterr().err.startswith("no controller is at work any more")


def test_retry_reaches_a_controller_at_work(device: Device) -> None:
    """The port is taken when the revision is first tried, and free when somebody says: again."""
    device.settings(retries=1)
    device.write(spec("web"))
    device.run("apply", "--yes")
    device.put_foreign("squatter", ports=spec_ports(8080))
    device.write(spec("web", more='ports: ["8080:80"]'))
    process = device.start("run")
    until(lambda: bool(device.status()["failure"]))
    assert device.status()["failure"]["givenUp"] is True
    until(lambda: any(each["reason"] == "RolledBack" for each in device.status()["conditions"]))
    ended(process, signal.SIGTERM)
    free = device.engine()
    free.remove("squatter")
    before = starts(device)
    process = device.start("run")
    until(lambda: starts(device) > before)
    assert "is tried again" in device.run("retry").stdout
    until(device.is_settled)
    _, _, errors = ended(process, signal.SIGTERM)
    assert set(device.engine().running()) == {"web"}
    numbers = [int(number) for number in re.findall(r" seq=(\d+)", errors)]
    assert numbers == list(range(numbers[0], numbers[-1] + 1)), (
        "S16: what a command says is in the controller's log, too"
    )
    assert len(re.findall(r"Z info    revision-retried message=.* seq=\d+", errors)) == 1


def spec_ports(host_port: int) -> object:
    from evenkeel.specs.containers.container import Port

    return (Port(host_port, 80),)


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_ready_alive_state_and_stopping(device: Device, tmp_path: Path, abstract: bool) -> None:
    address = f"\0evenkeel-test-{tmp_path.name}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(address)
        channel.settimeout(90)
        device.write(spec("web"))
        process = device.start("run", NOTIFY_SOCKET=address.replace("\0", "@"), WATCHDOG_USEC="600000", WATCHDOG_PID="")
        heard = [channel.recv(4096).decode()]
        while "STATUS=settled" not in heard or heard.count("WATCHDOG=1") < 3:
            heard.append(channel.recv(4096).decode())
        process.terminate()
        while not heard[-1].startswith("STOPPING=1"):
            heard.append(channel.recv(4096).decode())
        ended(process)
    assert heard[0].startswith("READY=1\n")


def test_events_in_a_file_stand_there_once_whatever_is_killed(device: Device, tmp_path: Path) -> None:
    file = tmp_path / "log" / "events.jsonl"
    device.settings(events={"file": str(file)})
    for number in range(6):
        device.write(spec("web", f"docker.io/library/nginx:{number}"))
        process = device.start("run")
        until(lambda image=f"docker.io/library/nginx:{number}": image in device.engine().running().values())  # type: ignore[misc]
        ended(process, signal.SIGKILL)
    before = starts(device)
    process = device.start("run")
    until(lambda: starts(device) > before and device.is_settled())  # it may have been settled when it was killed
    assert ended(process, signal.SIGTERM)[0] == 0
    found = [json.loads(line)["seq"] for line in file.read_text().splitlines()]
    wanted = device.run("events", "-o", "json", "--since", "0").stdout.splitlines()
    assert found == list(range(1, len(wanted) + 1))


def starts(device: Device) -> int:
    return device.run("events", "-o", "json", "--since", "0").stdout.count('"kind":"started"')


def test_a_controller_whose_journal_cannot_be_opened_keeps_up_what_is_asked(device: Device) -> None:
    device.state.mkdir()
    (device.state / "journal.sqlite").mkdir()
    device.write(spec("web"))
    process = device.start("run")
    until(lambda: device.engine().running() != {})
    until(lambda: str(device.status()["controller"]["fromMemory"]).startswith("Failing: "))
    status = device.status()
    assert status["controller"]["atWork"] is True
    assert status["stale"] is False, "the controller says it itself"
    conditions = {each["name"]: each["holds"] for each in status["conditions"]}
    assert conditions["StateWritable"] is False

    def since() -> object:
        return next(each["since"] for each in device.status()["conditions"] if each["name"] == "StateWritable")

    until(lambda: since() is not None)  # N32: it never had one
    device.run("status", "--check", ok=1)
    (device.state / "journal.sqlite").rmdir()
    until(lambda: not device.status()["controller"]["fromMemory"] and device.is_settled())
    assert ended(process, signal.SIGTERM)[0] == 0
    assert device.run("events").stdout.count("started") >= 1


def test_apply_works_from_memory_where_its_journal_cannot_be_opened(device: Device) -> None:
    device.state.mkdir()
    (device.state / "journal.sqlite").mkdir()
    device.write(spec("web"))
    done = device.run("apply", "--yes")
    assert "Note: works from memory, because " in done.stderr
    assert "Nothing of this could be stored" in done.stderr
    assert set(device.engine().running()) == {"web"}


def test_apply_does_not_overrule_a_message_that_cannot_be_read(device: Device) -> None:
    device.settings(mqtt={"enabled": True, "broker": "tcp://127.0.0.1:1"}, updateAgent={"enable": True})
    device.state.mkdir()
    (device.state / "journal.sqlite").write_bytes(b"this is no database at all, and long enough to be one" * 50)
    device.write(spec("web"))
    done = device.run("apply", "--yes", ok=1)
    assert "whether a desired state from MQTT is in force cannot be read" in done.stderr
    assert "To go on without it: mkdir" in done.stderr
    assert device.engine().running() == {}


def test_a_file_that_does_not_fit_is_named(device: Device) -> None:
    """The limit is on the size of files, which the system answers as it answers for a disk that is full."""
    device.settings(backoff={"first": "10ms", "longest": "1s"})  # it is tried again until its retries are used up
    device.write(spec("web"))
    device.run("apply", "--yes")
    device.write(spec("web", "docker.io/library/nginx:2"))
    device.put_foreign("large", env={"LARGE": "x" * 2**20})  # all but the file of the engine may grow
    line = ["sh", "-c", 'ulimit -f 1024; exec "$@"', "sh", *device.line("apply", "--yes")]
    done = subprocess.run(line, env=device.environment(), text=True, capture_output=True)
    assert done.returncode == 1
    assert f"{device.state / 'memory-engine.json'}: " in done.stderr + done.stdout
    assert "File too large" in done.stderr + done.stdout


def test_the_demonstration_ends_as_told(device: Device) -> None:
    shown = device.run("demo", "--fast").stdout
    assert "~ databroker          recreate   image   …/databroker:0.2.4 → …/databroker:0.2.5" in shown
    assert "revision failed: databroker: it ended with exit code 1" in shown
    assert "rolled back: last-good" in shown
    health = re.findall(r"health: (.*)", shown)
    again = "all containers are well again"
    assert health[-1] == again
    assert "health: " not in shown.partition("\nDrift\n")[0]
    hurt = {each for text in health if text != again for each in re.findall(r"(?:^|; )(\S+)", text)}
    # the new connector waits for the proof of the identity beside it, and is told as not started meanwhile
    assert hurt - {"cloud-connector"} == {"feeder", "seat-service", "databroker"}
    assert "$ evenkeel provision --rotate" in shown.partition("\nAn identity\n")[2]
    assert not device.state.exists()
    acts = re.findall(r"(?<=\n\n)\w[^.:\n]*(?=\n)", shown)
    number = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")[len(acts)]
    assert f"{number} acts" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("act", ["first", "update", "broken"])
def test_the_specs_of_the_demonstration_can_be_applied_by_hand(device: Device, act: str) -> None:
    device.run("--specs", str(ROOT / "examples" / "demo" / act), "apply", "--yes")
    assert "databroker" in device.engine().running()
    assert isinstance(device.engine(), MemoryEngine)


def test_describe_tells_what_is_being_done_for_a_container(device: Device) -> None:
    """N38: how far a pull or a proof is stood in the status alone."""
    device.write(spec("wiki"))
    device.run("apply", "--yes")
    device.write(spec("web").replace("100ms", "60s"), spec("wiki"))
    device.start("run")
    until(lambda: any(step["phase"] == "VERIFY" for step in (device.status()["work"] or {"steps": []})["steps"]))
    lines = device.run("describe", "container", "web").stdout.splitlines()
    assert any(re.match(r"doing       .*%.*for \d+ s", line) for line in lines), lines
    assert not any(line.startswith("doing") for line in device.run("describe", "container", "wiki").stdout.splitlines())


_TELLING = """
import json, sys
from evenkeel.controller.front import main
code = main()
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
sys.exit(code)
"""


def test_a_controller_keeps_neither_the_reader_of_options_nor_that_of_yaml(device: Device) -> None:
    device.config.write_text(f"specs: [{device.specs}]\nstate: {device.state}\n")
    device.write(spec("web"))
    process = subprocess.Popen(
        [sys.executable, "-c", _TELLING, "run"],
        env=device.environment(),
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    until(device.is_settled)
    code, _, errors = ended(process, signal.SIGTERM)
    assert code == 0
    assert set(device.engine().running()) == {"web"}
    loaded = set(json.loads(errors.splitlines()[-1]))
    assert "asyncio" in loaded
    assert loaded & {"click", "ruamel", "_ruamel_yaml"} == set()


@pytest.mark.parametrize(
    "arguments", [("run", "--bogus"), ("run", "--help"), ("--engine", "none", "run"), ("run", "x")]
)
def test_run_says_what_click_says(device: Device, arguments: tuple[str, ...]) -> None:
    direct = [sys.executable, "-c", "import sys; from evenkeel.controller.cli import main; sys.exit(main())"]
    said = [
        subprocess.run([*command, *arguments], env=device.environment(), text=True, capture_output=True)
        for command in (direct, device.line())
    ]
    one, other = [(each.returncode, each.stdout, each.stderr) for each in said]
    assert one == other
    assert one[1:] != ("", "")


def test_run_says_every_fault_of_its_settings(device: Device) -> None:
    device.config.write_text("spec: []\nparallel: 0\n")
    errors = device.run("run", ok=1).stderr
    assert "error: " in errors
    assert "spec" in errors
    assert "parallel" in errors
