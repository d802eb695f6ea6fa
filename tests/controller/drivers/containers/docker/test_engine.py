"""The driver on a real engine: what it asks, what it makes, and what becomes of it."""

from __future__ import annotations

import asyncio
import shutil
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.controller.drivers.containers.docker.rig import SECOND, Rig, container, run_inside
from tests.engines.dockerd import Dockerd
from tests.engines.images import BUSYBOX, build
from tests.engines.machine import free_port
from tests.engines.proxy import Proxy
from tests.memories import adopt
from tests.until import soon

from evenkeel.controller.cycle.endings import Progressed, Settled, Stalled, Waiting
from evenkeel.controller.drivers.containers.docker import DockerEngine
from evenkeel.controller.drivers.containers.docker.render import NAME_LABEL
from evenkeel.reconcilers.containers import Containers
from evenkeel.reconcilers.containers.naming import volume_name
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Create, End, Remove, Rename, Start, Update, Verify
from evenkeel.specs.containers.container import (
    UNLIMITED,
    Container,
    Device,
    ExecProbe,
    Health,
    HttpProbe,
    Log,
    Mount,
    Port,
    Resources,
    Restart,
    Stop,
    TcpProbe,
)
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import ContainersLook
from evenkeel.specs.plan import Done, Retry

MB = 1 << 20
PATIENT: dict[str, Any] = {"interval": 0.3 * SECOND, "start_period": 60 * SECOND}
"""For what takes its time to listen on a loaded machine."""
LISTENS = Health(TcpProbe(80), **PATIENT)


# ── what it asks ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_one_look_costs_two_lists_and_one_inspection_for_each_of_ours(
    clean_dockerd: Dockerd, rig: Rig, tmp_path: Path
) -> None:
    ours = [container(f"ours{number}") for number in range(12)]
    for each in ours:
        assert isinstance(await rig.perform(Create(each, each.name)), Done)
    with Proxy(tmp_path / "proxy.sock", clean_dockerd.socket, delay_s=0.02) as proxy:
        engine = DockerEngine(proxy.address)
        seen = await engine.observe()
        once = sorted(proxy.asked)
        proxy.asked.clear()
        await engine.observe()
        again = sorted(proxy.asked)
        await engine.close()
    inspections = sorted(f"GET /containers/{each.id}/json" for each in seen.containers)
    assert len(inspections) == 12
    assert [asked for asked in once if asked not in ("GET /_ping", "GET /version")] == sorted(
        [*inspections, "GET /containers/json", "GET /images/json"]
    )
    assert again == sorted([*inspections, "GET /containers/json", "GET /images/json"])
    assert 1 < proxy.most_at_once <= 8


async def test_containers_of_others_cost_nothing(clean_dockerd: Dockerd, rig: Rig, tmp_path: Path) -> None:
    for number in range(30):
        status, _ = clean_dockerd.api("POST", "/containers/create", {"Image": "hello-world"}, name=f"other{number}")
        assert status == 201
    await rig.perform(Create(container("ours"), "ours"))
    with Proxy(tmp_path / "proxy.sock", clean_dockerd.socket) as proxy:
        engine = DockerEngine(proxy.address)
        seen = await engine.observe()
        asked = [each for each in proxy.asked if each not in ("GET /_ping", "GET /version")]
        await engine.close()
    assert len(seen.containers) == 31
    assert sum(each.container is not None for each in seen.containers) == 1
    assert len(asked) == 3


async def test_a_look_writes_nothing(clean_dockerd: Dockerd, rig: Rig, tmp_path: Path) -> None:
    other = clean_dockerd.run("other", "sleeper:1")
    await rig.settle(container("ours"))
    with Proxy(tmp_path / "proxy.sock", clean_dockerd.socket, only_reads=True) as proxy:
        engine = DockerEngine(proxy.address)
        await engine.observe(ContainersLook(adopted={other: "other"}, images=("docker.io/library/sleeper:1",)))
        assert isinstance(await engine.perform(Remove("ours"), lambda *_: None), Retry)
        await engine.close()
    assert [asked.partition(" /containers/")[0] for asked in proxy.writes] == ["DELETE"]
    assert clean_dockerd.containers() == {"other": "running", "ours": "running"}


# ── actions may be performed twice ────────────────────────────────────────────────────────────────────────────────


async def test_the_root_of_the_host_can_be_mounted(clean_dockerd: Dockerd, rig: Rig) -> None:
    """Also where `/` is private; and a container that an older evenkeel labelled with the usual propagation stays."""
    await rig.settle(container("monitor", mounts=(Mount("/rootfs", "/", read_only=True),)))
    found = clean_dockerd.inspect("monitor")
    assert [(each["Source"], each["RW"]) for each in found["Mounts"]] == [("/", False)]
    old = container("old", mounts=(Mount("/m", "/etc", "rprivate", True),))
    await rig.settle(old)
    id_ = clean_dockerd.inspect("old")["Id"]
    await rig.settle(changed(old, mounts=(Mount("/m", "/etc", None, True),)))
    assert clean_dockerd.inspect("old")["Id"] == id_


async def test_a_program_that_a_mount_brings_late_is_waited_for(
    clean_dockerd: Dockerd, rig: Rig, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    program = tools / "sleep"
    wanted = container("it", command=("/opt/tools/sleep", "1000"), mounts=(Mount("/opt/tools", str(tools)),))
    it = "its program /opt/tools/sleep"
    work = asyncio.create_task(rig.converge(wanted))
    await soon(lambda: work.done() or any(f"{it} is not in the container" in entry.message for entry in rig.said))
    shutil.copyfile(BUSYBOX, program)
    await soon(lambda: work.done() or any(f"{it} may not be executed" in entry.message for entry in rig.said))
    program.chmod(0o755)
    assert await work == Settled()
    assert clean_dockerd.containers() == {"it": "running"}


async def test_every_action_may_be_performed_twice(clean_dockerd: Dockerd, rig: Rig) -> None:
    wanted = container("twice", env=(("A", "1"),))
    first = await rig.perform(Create(wanted, "twice"))
    assert isinstance(first, Done)
    assert await rig.perform(Create(wanted, "twice")) == Done("was there", first.instance)
    id_ = first.instance
    actions = [
        Rename(id_, "other"),
        Start(id_),
        Verify(id_, wanted),
        Update(id_, Restart("always"), Resources(64 * MB, None, 128 * MB)),
        End(id_, Stop(timeout=SECOND)),
        Remove(id_),
    ]
    for action in actions:
        for _ in range(2):
            outcome = await rig.perform(action)
            assert isinstance(outcome, Done), (action, outcome)
    assert clean_dockerd.containers() == {}


async def test_a_name_that_another_one_holds(clean_dockerd: Dockerd, rig: Rig) -> None:
    await rig.perform(Create(container("it", env=(("A", "1"),)), "it"))
    other = await rig.perform(Create(container("it", env=(("A", "2"),)), "it"))
    assert isinstance(other, Retry)
    assert "already in use" in other.message
    clean_dockerd.run("foreign", "sleeper:1")
    assert isinstance(await rig.perform(Create(container("foreign"), "foreign")), Retry)
    assert isinstance(await rig.perform(Rename("it", "foreign")), Retry)


async def test_what_is_gone(rig: Rig) -> None:
    assert isinstance(await rig.perform(Start("nosuch")), Retry)
    assert isinstance(await rig.perform(Update("nosuch", Restart(), Resources())), Retry)
    assert await rig.perform(Remove("nosuch")) == Done("removed")
    assert isinstance(await rig.perform(Verify("nosuch", container("nosuch"))), Retry)


async def test_what_waits_to_be_restarted_can_be_renamed(clean_dockerd: Dockerd, rig: Rig) -> None:
    clean_dockerd.run("it", "hello-world", host={"RestartPolicy": {"Name": "always"}})
    waiting = {"Status": "restarting", "Pid": 0}
    await soon(lambda: waiting.items() <= clean_dockerd.inspect("it")["State"].items())
    await soon(lambda: clean_dockerd.inspect("it")["RestartCount"] > 4)  # from now on it waits for seconds
    assert await rig.perform(Rename("it", "that")) == Done("named that")
    await soon(lambda: clean_dockerd.inspect("that")["RestartCount"] > 0)
    assert list(clean_dockerd.containers()) == ["that"]


async def test_a_rename_hides_no_crash_loop(clean_dockerd: Dockerd, rig: Rig) -> None:
    """The engine counts restarts anew when a container is started; the one that waited did not become well by that."""
    await rig.perform(Create(container("it", image="crasher:1", restart=Restart("always")), "it"))
    await rig.perform(Start("it"))
    await soon(lambda: clean_dockerd.inspect("it")["State"]["Status"] == "restarting")
    while (outcome := await rig.perform(Rename("it", "that"))) != Done("named that"):
        assert isinstance(outcome, Retry)  # the engine may just be taking the network of the last run away
    seen = await rig.engine.observe()
    (it,) = [each for each in seen.containers if each.engine_name == "that"]
    assert it.restart_count > 0
    assert (it.exit_code if it.state == "restarting" else it.ended_with) == 1
    assert Containers().ailing(seen, ContainersMemory())["it"].why


async def test_what_is_paused_is_resumed_by_starting_it(clean_dockerd: Dockerd, rig: Rig) -> None:
    await rig.settle(container("it"))
    clean_dockerd.api("POST", "/containers/it/pause")
    await rig.settle(container("it"))
    await soon(
        lambda: clean_dockerd.containers() == {"it": "running"}
    )  # a message about the pause may come after its end
    clean_dockerd.api("POST", "/containers/it/pause")
    assert isinstance(await rig.perform(End("it", Stop(timeout=SECOND))), Done)


async def test_a_network_is_made_once_however_many_want_it(clean_dockerd: Dockerd, rig: Rig) -> None:
    names = [f"n{number}" for number in range(6)]
    created = await asyncio.gather(*(rig.perform(Create(container(name), name)) for name in names))
    assert all(isinstance(each, Done) for each in created), created
    networks = [each["Name"] for each in clean_dockerd.api("GET", "/networks")[1]]
    assert networks.count("evenkeel") == 1
    started = await asyncio.gather(*(rig.perform(Start(name)) for name in names))
    assert all(isinstance(each, Done) for each in started), started


async def test_a_network_that_somebody_removed_is_made_again(clean_dockerd: Dockerd, rig: Rig) -> None:
    await rig.perform(Create(container("it"), "it"))
    clean_dockerd.api("DELETE", "/networks/evenkeel")
    assert isinstance(await rig.perform(Start("it")), Done)


# ── names, ports, hosts ───────────────────────────────────────────────────────────────────────────────────────────


async def test_extra_hosts_and_links_that_follow_their_target(clean_dockerd: Dockerd, rig: Rig) -> None:
    hosts = (("gw", "host_ip"), ("fixed", "10.1.2.3"), ("db", "container_web-host"), ("local", "host_ip_lo"))
    client = container("client", extra_hosts=hosts, depends_on=("web",))
    await rig.settle(container("web", "web:1", health=LISTENS), client)
    before = clean_dockerd.inspect("client")["Id"]
    assert run_inside(clean_dockerd, "client", "wget", "-q", "-O-", "http://db/") == (0, "1")
    assert run_inside(clean_dockerd, "client", "wget", "-q", "-O-", "http://web/") == (0, "1")
    _, table = run_inside(clean_dockerd, "client", "cat", "/etc/hosts")
    lines = {line.split()[-1]: line.split()[0] for line in table.splitlines() if len(line.split()) == 2}
    assert (lines["fixed"], lines["local"]) == ("10.1.2.3", "127.0.0.1")
    assert lines["gw"].startswith("10.")
    await rig.settle(container("web", "web:2", health=LISTENS), client)
    assert run_inside(clean_dockerd, "client", "wget", "-q", "-O-", "http://db/") == (0, "2")
    assert clean_dockerd.inspect("client")["Id"] == before


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        content: bytes = answer.read()
        return content


async def test_ports_are_published_where_they_were_asked_for(clean_dockerd: Dockerd, rig: Rig) -> None:
    first, second = free_port(), free_port()
    ports = (Port(first, 80, "127.0.0.1"), Port(second, 80, "::1"))
    await rig.settle(
        container("web", "web:2", ports=ports, host_name="named", domain_name="example.org", health=LISTENS)
    )
    for url in (f"http://127.0.0.1:{first}/", f"http://[::1]:{second}/"):
        assert fetched(url) == b"2"
    assert run_inside(clean_dockerd, "web", "hostname", "-f") == (0, "named.example.org")


async def test_a_range_takes_a_free_port_and_keeps_the_range(clean_dockerd: Dockerd, rig: Rig) -> None:
    first = free_port()
    wanted = Port(first, 80, "127.0.0.1", first + 5)
    await rig.settle(container("w1", "web:1", ports=(wanted,)), container("w2", "web:2", ports=(wanted,)))
    taken = {clean_dockerd.inspect(name)["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"] for name in ("w1", "w2")}
    assert len(taken) == 2


async def test_the_network_of_the_host(clean_dockerd: Dockerd, rig: Rig) -> None:
    port = free_port()
    health = Health(HttpProbe(port, "/health"), **PATIENT)
    await rig.settle(container("web", "web:1", network="host", env=(("PORT", str(port)),), health=health))
    assert fetched(f"http://127.0.0.1:{port}/") == b"1"
    assert clean_dockerd.inspect("web")["HostConfig"]["NetworkMode"] == "host"


# ── everything else of the model ──────────────────────────────────────────────────────────────────────────────────


async def test_what_the_process_sees(clean_dockerd: Dockerd, rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    wanted = container(
        "it",
        env=(("VERSION", None), ("A", "x=y z"), ("EMPTY", "")),
        mounts=(Mount("/m//", f"{tmp_path}//", "rprivate", True),),
        devices=(Device("/dev/mine", "/dev/null"),),
        labels=(("version", "mine"), ("l", "")),
        terminal=True,
        interactive=True,
        log=Log(max_files=3, max_size=MB, mode="non-blocking", max_buffer_size=64 << 10),
    )
    await rig.settle(wanted)
    code, output = run_inside(clean_dockerd, "it", "env")
    variables = {line.partition("=")[0]: line.strip().partition("=")[2] for line in output.splitlines()}
    assert (code, variables["A"], variables["EMPTY"], "VERSION" in variables) == (0, "x=y z", "", False)
    assert run_inside(clean_dockerd, "it", "cat", "/m/file") == (0, "content")
    assert run_inside(clean_dockerd, "it", "touch", "/m/new")[0] != 0
    assert run_inside(clean_dockerd, "it", "test", "-c", "/dev/mine")[0] == 0
    assert clean_dockerd.inspect("it")["HostConfig"]["LogConfig"] == {
        "Type": "json-file",
        "Config": {"max-file": "3", "max-size": str(MB), "mode": "non-blocking", "max-buffer-size": str(64 << 10)},
    }


async def test_no_log_and_a_command_and_a_log_path_that_means_nothing(clean_dockerd: Dockerd, rig: Rig) -> None:
    await rig.settle(
        container("quiet", log=Log("none"), command=("/bin/sleep", "1000")), container("kept", log=Log(path="/logs"))
    )
    assert clean_dockerd.inspect("quiet")["HostConfig"]["LogConfig"]["Type"] == "none"
    assert clean_dockerd.inspect("quiet")["Config"]["Cmd"] == ["/bin/sleep", "1000"]
    said = [entry.message for entry in rig.said if entry.kind == "step-done" and entry.subject == "kept"]
    assert "created; the path /logs of the log has no effect: this engine keeps logs in a folder of its own" in said


async def test_a_missing_source_is_refused_and_nothing_is_made_of_it(
    clean_dockerd: Dockerd, rig: Rig, tmp_path: Path
) -> None:
    """It may come later: there is nothing to go back to, so it is waited for."""
    wanted = container("it", mounts=(Mount("/m", str(tmp_path / "nosuch")),))
    outcome = await rig.perform(Create(wanted, "it"))
    assert isinstance(outcome, Retry)
    assert outcome.outside
    assert "bind source path does not exist" in outcome.message
    assert not (tmp_path / "nosuch").exists()
    (tmp_path / "nosuch").mkdir()
    await rig.settle(wanted)


async def test_the_images_own_check_and_volumes_are_no_wishes(clean_dockerd: Dockerd, rig: Rig) -> None:
    check = {"Test": ["CMD", "/bin/true"], "Interval": 10**9, "StartPeriod": 9 * 10**9}
    image = build(
        "wishful:1", ["/bin/sleep", "1000"], Healthcheck=check, Volumes={"/data": {}}, StopSignal="SIGKILL", User="0"
    )
    clean_dockerd.load(image)
    plain = container("plain", "wishful:1")
    probed = container("probed", "wishful:1", health=Health(ExecProbe(("/bin/true",)), **PATIENT))
    await rig.settle(plain, probed)
    assert (await rig.seen("plain")).check is None
    assert (await rig.seen("probed")).check is not None
    assert len(clean_dockerd.api("GET", "/volumes")[1]["Volumes"]) == 2
    await rig.settle(changed(plain, env=(("A", "1"),)))
    volumes = {each["Name"]: each["Labels"] for each in clean_dockerd.api("GET", "/volumes")[1]["Volumes"]}
    assert volumes == {volume_name(name, "/data"): {NAME_LABEL: name} for name in ("plain", "probed")}, "both stay"


# ── limits ────────────────────────────────────────────────────────────────────────────────────────────────────────


def limited(memory_mb: int | None, reservation_mb: int | None = None, swap: int | None = None) -> Container:
    memory = None if memory_mb is None else memory_mb * MB
    reservation = None if reservation_mb is None else reservation_mb * MB
    return container("it", resources=Resources(memory, reservation, swap))


async def test_limits_change_in_place_and_go_with_a_new_container(clean_dockerd: Dockerd, rig: Rig) -> None:
    await rig.settle(limited(64))
    first = clean_dockerd.inspect("it")
    for memory, reservation in ((128, None), (32, 16), (256, 64), (256, None)):
        await rig.settle(limited(memory, reservation))
        assert rig.steps() == ["update", "verify"]
        now = clean_dockerd.inspect("it")
        assert (now["Id"], now["State"]["StartedAt"]) == (first["Id"], first["State"]["StartedAt"])
        assert now["HostConfig"]["Memory"] == memory * MB
        assert max(now["HostConfig"]["MemoryReservation"], 0) == (reservation or 0) * MB
    await rig.settle(limited(None))
    assert "create" in rig.steps()
    assert clean_dockerd.inspect("it")["HostConfig"]["Memory"] == 0
    assert clean_dockerd.inspect("it")["Id"] != first["Id"]
    await rig.settle(limited(64, None, UNLIMITED))
    assert clean_dockerd.inspect("it")["HostConfig"]["MemorySwap"] == -1


async def test_an_update_leaves_a_reservation_alone_that_is_not_there(clean_dockerd: Dockerd, rig: Rig) -> None:
    await rig.settle(container("it"))
    await rig.settle(container("it", restart=Restart("on-failure", 3)))
    assert rig.steps() == ["update"]
    host = clean_dockerd.inspect("it")["HostConfig"]
    assert host["MemoryReservation"] == 0
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}


async def test_limits_that_somebody_changed_come_back(clean_dockerd: Dockerd, rig: Rig) -> None:
    wanted = container("it", resources=Resources(64 * MB))
    await rig.settle(wanted)
    clean_dockerd.api("POST", "/containers/it/update", {"Memory": 32 * MB, "MemorySwap": 64 * MB})
    await rig.settle(wanted)
    assert clean_dockerd.inspect("it")["HostConfig"]["Memory"] == 64 * MB
    assert "drift" in {entry.kind for entry in rig.said}


async def test_too_little_memory_is_said_in_the_engines_words(rig: Rig) -> None:
    ending = await rig.converge(container("it", resources=Resources(4 * MB)))
    assert isinstance(ending, Stalled)
    assert "Minimum memory limit allowed is 6MB" in ending.why


# ── health ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("probe", [HttpProbe(80, "/health"), TcpProbe(80), ExecProbe(("/bin/test", "-e", "/bin/web"))])
async def test_what_is_well_is_proven(rig: Rig, probe: HttpProbe | TcpProbe | ExecProbe) -> None:
    await rig.settle(container("web", "web:1", health=Health(probe, **PATIENT)))
    assert (await rig.seen("web")).health == "healthy"


@pytest.mark.parametrize(
    ("image", "probe", "why"),
    [
        ("sick:1", HttpProbe(80, "/health"), "failed its health check 2 times"),
        ("web:2", TcpProbe(81), "failed its health check 2 times"),
        ("web:2", ExecProbe(("/bin/false",)), "health"),
        ("crasher:1", None, "exit code 1"),
    ],
)
async def test_what_is_not_well_is_given_up_and_the_old_one_comes_back(
    clean_dockerd: Dockerd, rig: Rig, image: str, probe: HttpProbe | TcpProbe | ExecProbe | None, why: str
) -> None:
    good = container("web", "web:1")
    await rig.settle(good)
    before = clean_dockerd.inspect("web")["Id"]
    health = None if probe is None else Health(probe, interval=0.3 * SECOND, timeout=SECOND, retries=2)
    ending = await rig.converge(container("web", image, health=health, stable_for=60 * SECOND))
    assert isinstance(ending, Stalled)
    assert why in ending.why
    assert clean_dockerd.containers() == {"web": "running"}
    assert clean_dockerd.inspect("web")["Id"] == before
    assert {"revision-failed", "rolling-back", "rolled-back"} <= {entry.kind for entry in rig.said}


@pytest.mark.parametrize("probe", [HttpProbe(80, "/health"), ExecProbe(("/bin/test", "-e", "/www/health"))])
async def test_a_neighbour_whose_check_has_not_failed_often_enough_is_in_doubt(
    clean_dockerd: Dockerd, rig: Rig, probe: HttpProbe | ExecProbe
) -> None:
    health = Health(probe, interval=SECOND, timeout=SECOND, retries=1000)
    before, app = container("broker"), container("app", "web:1", health=health)
    after = changed(before, env=(("A", "1"),))
    await rig.settle(before, app)
    good = rig.journal.digest("last-good")
    rig.said.clear()
    rig.ask(after, app)
    while "create" not in rig.steps():
        assert isinstance(await rig.cycles.run(asyncio.Event()), Progressed)
    await asyncio.to_thread(run_inside, clean_dockerd, "app", "mv", "/www/health", "/www/sick")
    ending = await rig.follow()
    assert isinstance(ending, Waiting)
    assert "app " in ending.why
    assert rig.journal.digest("last-good") == good
    await asyncio.to_thread(run_inside, clean_dockerd, "app", "mv", "/www/sick", "/www/health")
    await rig.settle(after, app)
    assert rig.journal.digest("last-good") == rig.journal.digest("desired") != good


async def test_a_stubborn_one_is_killed_after_its_time(clean_dockerd: Dockerd, rig: Rig) -> None:
    """Its own time would be over after a second: so long the engine waits when it is not told otherwise."""
    clean_dockerd.run("it", "stubborn:1", StopTimeout=1)
    await asyncio.to_thread(clean_dockerd.wait_for_trap, "it", ignores=True)
    begun = asyncio.get_running_loop().time()
    assert isinstance(await rig.perform(End("it", Stop(timeout=timedelta(milliseconds=2500)))), Done)
    assert asyncio.get_running_loop().time() - begun >= 2.5
    assert clean_dockerd.inspect("it")["State"]["ExitCode"] == 137


async def test_a_stubborn_one_is_replaced(clean_dockerd: Dockerd, rig: Rig) -> None:
    await rig.settle(container("it", "stubborn:1"))
    await rig.settle(container("it", "sleeper:1"))
    assert clean_dockerd.containers() == {"it": "running"}
    assert clean_dockerd.inspect("it")["Config"]["Image"].endswith("sleeper:1")


async def test_a_port_that_is_taken_ends_the_revision_not_the_old_one(clean_dockerd: Dockerd, rig: Rig) -> None:
    port = free_port()
    ports = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}
    clean_dockerd.run("other", "web:2", host={"PortBindings": ports})
    await rig.settle(container("web", "web:1"))
    ending = await rig.converge(container("web", "web:1", ports=(Port(port, 80, "127.0.0.1"),)))
    assert isinstance(ending, Stalled)
    assert "on endpoint web: Bind for 127.0.0.1" in ending.why, "N10: another id of 64 digits at each try"
    assert "port is already allocated" in ending.why
    assert clean_dockerd.containers() == {"other": "running", "web": "running"}


# ── containers of others ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_container_of_others_is_adopted_as_it_is(clean_dockerd: Dockerd, rig: Rig) -> None:
    id_ = clean_dockerd.run(
        "other", "web:1", Env=["A=1"], Labels={"l": "x"}, host={"RestartPolicy": {"Name": "unless-stopped"}}
    )
    wanted = container("other", "web:1", env=(("A", "1"),), labels=(("l", "x"),), stop=Stop())
    ending = await rig.converge(wanted)
    assert isinstance(ending, Stalled)
    assert "did not create" in ending.why
    adopt(rig.journal, id_, "other")
    await rig.settle(wanted)
    assert clean_dockerd.inspect("other")["Id"] == id_
    await rig.settle(changed(wanted, env=(("A", "2"),)))
    assert clean_dockerd.containers() == {"other": "running"}
    assert clean_dockerd.inspect("other")["Id"] != id_
