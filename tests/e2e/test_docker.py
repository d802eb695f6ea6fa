"""The real command against a real engine: plan, apply, run, through every way of being interrupted."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.controller.cli.command import ended, spec
from tests.engines.dockerd import Dockerd
from tests.engines.images import hello, sleeper
from tests.engines.proxy import Proxy
from tests.engines.registry import Registry
from tests.faults.account import Accounting, Chronicle
from tests.sampling import sampled

from evenkeel.controller.cycle.stage import StageLimits

from .device import CLOCKS, DockerDevice, component_images, data, instances, killing

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

QUICK = "stop: {timeout: 1s}"
WEB = spec("web", "web:1", QUICK)


@pytest.fixture
def device(clean_dockerd: Dockerd, tmp_path: Path) -> Iterator[DockerDevice]:
    it = DockerDevice(tmp_path, clean_dockerd)
    yield it
    it.close()


def ids(dockerd: Dockerd) -> dict[str, str]:
    return {name: found[0]["Id"] for name, found in instances(dockerd).items()}


# ── plan, apply, run ──────────────────────────────────────────────────────────────────────────────────────────────


def test_plan_apply_plan_change_and_remove(device: DockerDevice, dockerd: Dockerd) -> None:
    device.apart = True
    device.write(WEB, spec("idle", "sleeper:1", QUICK))
    assert "+ web" in device.run("plan", ok=2).stdout
    assert dockerd.containers() == {}
    device.run("apply", "--yes")
    assert dockerd.containers() == {"web": "running", "idle": "running"}
    assert device.run("plan").stdout == "Nothing to do.\n"
    before = ids(dockerd)
    device.write(spec("web", "web:2", QUICK))
    planned = device.run("plan", ok=2).stdout
    assert "~ web" in planned
    assert "- idle" in planned
    device.run("apply", "--yes")
    assert dockerd.containers() == {"web": "running"}
    assert ids(dockerd)["web"] != before["web"]
    device.check_numbers()


def test_an_update_that_fails_is_taken_back(device: DockerDevice, dockerd: Dockerd) -> None:
    device.write(WEB)
    device.run("apply", "--yes")
    before = ids(dockerd)
    health = f'{QUICK}\nhealth: {{exec: [curl, -f, "http://localhost/"], interval: 300ms, retries: 2}}'
    device.write(spec("web", "web:2", health))
    done = device.run("apply", "--yes", ok=1)
    assert "web: it failed its health check 2 times in a row: its program curl is not in the container" in done.stderr
    assert done.stderr.endswith("`evenkeel logs web` shows its last lines.\n")
    assert "executable file not found" in device.run("logs", "web").stdout
    assert ids(dockerd) == before
    assert dockerd.containers() == {"web": "running"}
    assert "failed before" in device.run("plan", ok=2).stdout
    device.write(WEB)
    assert device.run("plan").stdout == "Nothing to do.\n"


def test_images_come_from_a_registry_with_a_password(
    device: DockerDevice, dockerd: Dockerd, registry: Registry
) -> None:
    registry.push("web", "7", sleeper("7"))
    image = registry.reference("web", "7")
    device.write(spec("web", image, QUICK))
    done = device.run("apply", "--yes", ok=1)
    assert "cannot be pulled" in done.stderr + done.stdout
    engine = {"kind": "docker", "address": device.address, "dockerConfig": str(registry.docker_config)}
    device.settings(engine=engine)
    device.run("apply", "--yes", "--retry")
    assert dockerd.containers() == {"web": "running"}
    assert registry.password not in "".join(
        path.read_text(errors="replace") for path in device.state.rglob("*") if path.is_file()
    )
    dockerd.api("DELETE", f"/images/{image}", force=1)


def test_run_follows_an_editor_and_ends_in_order(device: DockerDevice, dockerd: Dockerd) -> None:
    device.write(WEB)
    process = device.start("run")
    device.until_settled({"web": "running"})
    assert "is at work here" in device.run("apply", "--yes", ok=1).stderr
    assert "is at work here" in device.run("run", ok=1).stderr
    # An editor writes a file beside it and renames it over; another writes into the file itself.
    device.change(spec("web", "web:2", QUICK))
    device.until_settled({"web": "running"})
    assert instances(dockerd)["web"][0]["Config"]["Image"] == "docker.io/library/web:2"
    before = device.newest()
    (device.specs / "10-apps.yaml").write_text(WEB)
    device.until_said("revision-accepted", before)
    device.until_settled({"web": "running"})
    assert instances(dockerd)["web"][0]["Config"]["Image"] == "docker.io/library/web:1"
    # A broken file: what was good stays, also when somebody takes it away by hand.
    before = device.newest()
    device.write("apiVersion: evenkeel/v1\nkind: Container\nmetadata: {name: web}\nspec: {imag: x}\n")
    assert "10-apps.yaml:4" in device.until_said("source-broken", before).message
    dockerd.api("DELETE", "/containers/web", force=1)
    device.until_said("settled", before)
    assert dockerd.containers() == {"web": "running"}
    # A folder that vanishes removes nothing.
    before = device.newest()
    (device.specs / "10-apps.yaml").unlink()
    device.until_said("source-empty", before)
    assert dockerd.containers() == {"web": "running"}
    device.specs.rmdir()
    process.send_signal(signal.SIGHUP)
    device.specs.mkdir()
    before = device.newest()
    device.write(spec("other", "sleeper:1", QUICK))
    device.until_settled({"other": "running"})
    assert ended(process, signal.SIGTERM)[0] == 0
    assert device.kinds()[-1] == "stopped"
    assert dockerd.containers() == {"other": "running"}
    device.check_numbers()


def test_sigterm_lets_the_step_at_work_end(device: DockerDevice, dockerd: Dockerd) -> None:
    """The old one is stubborn: it takes its time to stop, and the controller waits for it and goes no further."""
    device.write(spec("it", "stubborn:1", "stop: {timeout: 3s}"))
    device.run("apply", "--yes")
    device.write(spec("it", "sleeper:1", QUICK))
    before = device.newest()
    process = device.start("run")
    stopping = next_step(device, "stop:", before)
    code, _, errors = ended(process, signal.SIGTERM)
    assert code == 0, errors
    done = [entry for entry in device.said() if entry.kind == "step-done" and entry.step == stopping]
    assert len(done) == 1
    assert device.kinds()[-1] == "stopped"
    device.run("apply", "--yes")
    assert dockerd.containers() == {"it": "running"}
    assert instances(dockerd)["it"][0]["Config"]["Image"] == "docker.io/library/sleeper:1"


def next_step(device: DockerDevice, prefix: str, after: int) -> str:
    """The id of the first step of this sort that begins after a number."""
    while not (entry := device.until_said("step-started", after)).step.startswith(prefix):
        after = entry.seq
    return entry.step


def test_an_engine_that_restarts_while_the_controller_runs(device: DockerDevice, dockerd: Dockerd) -> None:
    device.write(WEB, spec("idle", "sleeper:1", QUICK))
    process = device.start("run")
    device.until_settled({"web": "running", "idle": "running"})
    for end in (dockerd.stop, dockerd.kill):
        before = device.newest()
        end()
        device.until_said("engine-lost", before)
        dockerd.start()
        device.until_said("engine-found", before)
        device.until_settled({"web": "running", "idle": "running"})
    assert ended(process, signal.SIGTERM)[0] == 0
    device.check_numbers()


# ── dry ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("command", [("plan",), ("plan", "-o", "json"), ("get", "containers"), ("status",)])
def test_reading_commands_only_read(
    device: DockerDevice, dockerd: Dockerd, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Nothing but GET reaches the engine, and nothing is written anywhere, also before and after there is a state."""
    dockerd.run("foreign", "sleeper:1")
    device.write(WEB, spec("idle", "sleeper:1", QUICK))
    with Proxy(tmp_path / "proxy.sock", dockerd.socket, only_reads=True) as proxy:
        device.address = proxy.address
        device.settings()
        for applied in (False, True):
            if applied:
                device.run("apply", "--yes", "--docker-address", dockerd.address)
                device.write(spec("web", "web:2", QUICK))
            script = [sys.executable, "-m", "tests.e2e.guarded", *command]
            done = subprocess.run(script, env=device.environment(), text=True, capture_output=True)
            assert "not dry" not in done.stderr
            assert done.returncode == (2 if command[0] == "plan" else 0), done.stderr
            assert proxy.writes == []
            assert proxy.asked or command == ("status",)


def test_two_evenkeels_on_one_engine_leave_each_other_alone(
    device: DockerDevice, dockerd: Dockerd, tmp_path: Path
) -> None:
    device.write(WEB, spec("idle", "sleeper:1", QUICK))
    device.run("apply", "--yes")
    before = ids(dockerd)
    (tmp_path / "try").mkdir()
    other = DockerDevice(tmp_path / "try", dockerd)
    other.write(WEB, spec("mine", "sleeper:1", QUICK))
    blocked = json.loads(other.run("plan", "-o", "json", ok=2).stdout)["subjects"][-1]
    assert f"belongs to the evenkeel whose state is in {device.state};" in blocked["why"]
    other.run("apply", "--yes", ok=1)
    assert dockerd.containers() == {"web": "running", "idle": "running", "mine": "running"}
    assert {**before, "mine": ids(dockerd)["mine"]} == ids(dockerd)
    assert device.run("plan").stdout == "Nothing to do.\n"


def test_a_lost_journal_loses_no_container(device: DockerDevice, dockerd: Dockerd) -> None:
    device.write(WEB)
    device.run("apply", "--yes")
    before = ids(dockerd)
    shutil.rmtree(device.state)
    device.run("apply", "--yes")
    assert ids(dockerd) == before


def test_an_adopted_container_is_gone_back_to(device: DockerDevice, dockerd: Dockerd) -> None:
    """It is what worked until somebody gave it away: no update that fails may be the end of it."""
    id_ = dockerd.run("recorder", "sleeper:1")
    device.write(spec("recorder", "sleeper:1", "restart: {policy: always}"))
    device.run("adopt", "recorder")
    device.run("apply", "--yes")
    assert (dockerd.inspect("recorder")["Id"], dockerd.containers()) == (id_, {"recorder": "running"})
    crashing = spec("recorder", "crasher:1", "restart: {policy: always}")
    device.write(crashing.replace("stableFor: 100ms", "stableFor: 60s"))
    done = device.run("apply", "--yes", ok=1)
    assert "is in force" in done.stderr
    assert (dockerd.inspect("recorder")["Id"], dockerd.containers()) == (id_, {"recorder": "running"})
    assert "remove" not in device.run("plan", ok=2).stdout
    device.write(spec("recorder", "sleeper:1", "restart: {policy: always}"))
    assert device.run("plan").stdout == "Nothing to do.\n"


def test_what_no_spec_can_say_is_not_lost_without_a_word(device: DockerDevice, dockerd: Dockerd) -> None:
    id_ = dockerd.run(
        "recorder", "sleeper:1", host={"Binds": ["tapes:/data"]}, Entrypoint=["/bin/sh"], Cmd=["/bin/sleeper"]
    )
    device.write(spec("recorder", "sleeper:1"))
    refused = device.run("adopt", "recorder", ok=1).stderr
    assert "entrypoint /bin/sh, volume tapes at /data; --accept-loss" in refused
    device.run("adopt", "recorder", "--accept-loss")
    device.run("apply", "--yes")
    assert dockerd.inspect("recorder")["Id"] == id_
    device.write(spec("recorder", "sleeper:2"))
    shown = " ".join(device.run("plan", ok=2).stdout.split())
    assert "without what no spec can say: entrypoint /bin/sh, volume tapes at /data" in shown
    assert dockerd.inspect("recorder")["Id"] == id_


# ── kill -9 ───────────────────────────────────────────────────────────────────────────────────────────────────────

BEFORE = (
    spec("db", "sleeper:1", QUICK),
    spec("log", "sleeper:1", QUICK),
    spec("web", "web:1", QUICK),
    spec("rec", "sleeper:1"),
)
AFTER = (
    spec("db", "sleeper:1", f"{QUICK}\nrestart: {{policy: always}}"),
    spec("web", "web:2", QUICK),
    spec("rec", "sleeper:2"),
)


def prepared(device: DockerDevice, dockerd: Dockerd) -> None:
    """What BEFORE asks for; `rec` is a container of somebody else's that was adopted."""
    dockerd.api("DELETE", "/containers/rec", force=True)
    dockerd.run("rec", "sleeper:1")
    device.write(*BEFORE)
    device.run("adopt", "rec")
    device.run("apply", "--yes")


def test_kill_9_before_and_after_a_write(device: DockerDevice, dockerd: Dockerd, tmp_path: Path) -> None:
    """Before it: the engine never hears of it. After it: it has done it, and nobody knows. The time of day is another one at
    each start."""
    prepared(device, dockerd)
    wanted = {"db": "running", "web": "running", "rec": "running"}
    with Proxy(tmp_path / "proxy.sock", dockerd.socket) as proxy:
        device.address = proxy.address
        device.settings()
        device.write(*AFTER)
        device.run("apply", "--yes")
        writes = len(proxy.writes)
    assert writes > 8
    moments = [(at, when) for at in range(1, writes + 1) for when in ("before", "after")]
    for at, when in sampled(moments, 3, "kill -9 at a write"):
        device.address = dockerd.address
        device.settings()
        prepared(device, dockerd)
        device.write(*AFTER)
        with Proxy(tmp_path / f"{when}{at}.sock", dockerd.socket) as proxy:
            device.address = proxy.address
            device.settings()
            victims: list[subprocess.Popen[str]] = []
            if when == "before":
                proxy.before = killing(victims, at)
            else:
                proxy.after = killing(victims, at)
            victims.append(device.run_at(CLOCKS[at % 3]))
            assert victims[0].wait(120) == -signal.SIGKILL
        assert {"db", "web"} <= set(instances(dockerd)), "lost"
        assert [name for name in dockerd.containers() if name.partition(".")[0] == "rec"], "lost"
        device.address = dockerd.address
        device.settings()
        process = device.run_at(CLOCKS[at // 3 % 3])
        device.until_settled(wanted)
        assert ended(process, signal.SIGTERM)[0] == 0
        found = instances(dockerd)
        assert {name: len(each) for name, each in found.items()} == {"db": 1, "web": 1, "rec": 1}
        assert found["web"][0]["Config"]["Image"] == "docker.io/library/web:2"
        assert found["rec"][0]["Config"]["Image"] == "docker.io/library/sleeper:2"
        assert found["db"][0]["HostConfig"]["RestartPolicy"]["Name"] == "always"
    device.check_numbers()


FLEET = [f"app-{number:02}" for number in range(20)]


def fleet(image: str) -> list[str]:
    return [spec(name, image, QUICK) for name in FLEET]


def test_kill_9_while_twenty_are_switched(device: DockerDevice, dockerd: Dockerd, tmp_path: Path) -> None:
    """All are changed by one update, which is killed before or after one of its writes, and another controller ends it. The
    engine's own account says: an instance of each was there all the time, and one ran but for its own switch, from the stop of
    the old one to the start of the new one. There was one such time for each, whether it was cut in two or not."""
    moments = [(at, ("before", "after")[at // 3 % 2]) for at in range(1, 110, 3)]
    for at, when in sampled(moments, 1, "kill -9 of twenty"):
        device.address = dockerd.address
        device.settings()
        device.write(*fleet("sleeper:1"))
        device.run("apply", "--yes")
        first = device.newest()
        with Proxy(tmp_path / f"{when}{at}.sock", dockerd.socket) as proxy, Chronicle(dockerd) as chronicle:
            device.address = proxy.address
            device.settings()
            accounts = {name: Accounting(dockerd, proxy, name, FLEET, chronicle) for name in FLEET}
            device.write(*fleet("sleeper:2"))
            victims: list[subprocess.Popen[str]] = []
            if when == "before":
                proxy.before = killing(victims, at)
            else:
                proxy.after = killing(victims, at)
            victims.append(device.run_at(CLOCKS[at % 3]))
            assert victims[0].wait(120) == -signal.SIGKILL
            check_present(dockerd, proxy)
            process = device.run_at(CLOCKS[at // 3 % 3])
            device.until_settled(dict.fromkeys(FLEET, "running"))
            assert ended(process, signal.SIGTERM)[0] == 0
            for name, accounting in accounts.items():
                account = accounting.end()
                assert account.touched == ()
                assert account.absences == 0, f"{name}: there was a moment without an instance"
                assert [gap.is_over for gap in account.gaps] == [True], f"{name}: one switch, one time away"
                assert account.gaps[0].happened == ("start",), f"{name}: nothing else keeps the new one from starting"
                assert account.happened("create", "start", "die", "destroy") == ["create", "die", "start", "destroy"]
        found = instances(dockerd)
        assert {name: [each["Config"]["Image"] for each in found[name]] for name in found} == {
            name: ["docker.io/library/sleeper:2"] for name in FLEET
        }
        kinds = [entry.kind for entry in device.said() if entry.seq > first]
        assert kinds.count("revision-good") == 1
        assert not {"revision-failed", "rolling-back"} & set(kinds)
    device.check_numbers()


def check_present(dockerd: Dockerd, proxy: Proxy) -> None:
    """Right after the kill: each runs, or is in the middle of its own switch. No more are so than there are places."""
    found = instances(dockerd)
    assert sorted(found) == FLEET, "lost"
    away = {name: each for name, each in found.items() if not any(instance["State"]["Running"] for instance in each)}
    assert len(away) <= StageLimits().parallel, sorted(away)
    for name, each in away.items():
        assert len(each) == 2, f"{name}: the old one and the new one"
        assert any(f"POST /containers/{instance['Id']}/stop" in proxy.writes for instance in each), name


def test_an_apply_asks_the_engine_little(device: DockerDevice, dockerd: Dockerd, tmp_path: Path) -> None:
    """At most 15 calls for each of ten containers, with a proof of 3 s (bench/README.md)."""
    names = [f"app-{number}" for number in range(10)]
    device.write(*(spec(name, "web:1", QUICK).replace("stableFor: 100ms", "stableFor: 3s") for name in names))
    with Proxy(tmp_path / "proxy.sock", dockerd.socket) as proxy:
        device.address = proxy.address
        device.settings()
        device.run("apply", "--yes")
        assert len(proxy.asked) <= 15 * len(names)
    assert dockerd.containers() == dict.fromkeys(names, "running")


# ── what Leda says ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_hello_world_messages_of_leda(device: DockerDevice, dockerd: Dockerd) -> None:
    """A process that ends at once, and is started again: that is what `unless-stopped` means, here and there."""
    dockerd.load(hello(), "docker.io/library/hello-world:latest")
    device.prompt = True
    device.write(data("leda-hello-world.json"), file="message.json")
    device.run("apply", "--yes")
    found = instances(dockerd)["hello-world"]
    assert [each["Config"]["Image"] for each in found] == ["docker.io/library/hello-world:latest"]
    assert found[0]["State"]["ExitCode"] == 0
    assert device.run("plan").stdout == "Nothing to do.\n"
    device.write(data("leda-hello-world-foo.json"), file="message.json")
    assert "env.FOO" in device.run("plan", ok=2).stdout
    device.run("apply", "--yes")
    (changed,) = instances(dockerd)["hello-world"]
    assert "FOO=BAR" in changed["Config"]["Env"]
    assert changed["Id"] != found[0]["Id"]


@pytest.fixture
def certificates(leda_machine: None) -> Iterator[Path]:
    """Where Leda's cloud connector has its keys; made and taken away unless the machine has it."""
    folder = Path("/data/var/certificates")
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    files = [path for path in (folder / "device.crt", folder / "device.key") if not path.exists()]
    for path in files:
        path.write_text("made by a test\n")
    yield folder
    for path in files:
        path.unlink()
    for path in made:
        path.rmdir()


def test_the_desired_state_of_leda(device: DockerDevice, dockerd: Dockerd, certificates: Path) -> None:
    text = data("leda-desired-state.json")
    images = component_images(text)
    dockerd.load(sleeper("leda"), *images)
    device.prompt = True
    device.write(text, file="leda.json")
    device.run("apply", "--yes")
    names = {component["id"] for component in json.loads(text)["payload"]["domains"][0]["components"]}
    assert dockerd.containers() == dict.fromkeys(names, "running")
    assert device.run("plan").stdout == "Nothing to do.\n"
    found = instances(dockerd)
    assert sorted(each[0]["Config"]["Image"] for each in found.values()) == sorted(images)
    bindings = found["databroker"][0]["HostConfig"]["PortBindings"]
    assert bindings == {"55555/tcp": [{"HostIp": "127.0.0.1", "HostPort": "30555"}]}
    binds = {mount["Source"] for mount in found["cloudconnector"][0]["Mounts"]}
    assert binds == {str(certificates / "device.crt"), str(certificates / "device.key")}
    before = ids(dockerd)
    changed = text.replace('"USECASE=databroker"', '"USECASE=kuksa"')
    device.write(changed, file="leda.json")
    device.run("apply", "--yes")
    assert {name for name, id_ in ids(dockerd).items() if before[name] != id_} == {"feedercan"}


@pytest.mark.usefixtures("leda_machine")
@pytest.mark.parametrize("kind", ["", ".internal"])
def test_the_manifests_of_leda(device: DockerDevice, dockerd: Dockerd, kind: str) -> None:
    """`sua` mounts the system bus, a folder of Leda's and both with propagations of its own: what a machine for tests does not
    have. It is refused before anything is disturbed, and the others go on without it."""
    names = ("databroker", "feedercan", "seatservice-example", "sua")
    texts = {name: data(f"manifests/{name}{kind}.json") for name in names}
    dockerd.load(sleeper("leda"), *(json.loads(text)["image"]["name"] for text in texts.values()))
    for name in names[:3]:
        device.write(texts[name], file=f"{name}.json")
    device.run("apply", "--yes")
    assert dockerd.containers() == dict.fromkeys(names[:3], "running")
    assert device.run("plan").stdout == "Nothing to do.\n"
    before = ids(dockerd)
    device.write(texts["sua"].replace("/data/selfupdates", "/data/evenkeel-nosuch"), file="sua.json")
    done = device.run("apply", "--yes", ok=1)
    assert "bind source path does not exist" in done.stderr
    assert not Path("/data/evenkeel-nosuch").exists()
    assert ids(dockerd) == before
    assert dockerd.containers() == dict.fromkeys(names[:3], "running")
