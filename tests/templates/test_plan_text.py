"""Plans as text: all verbs in two widths, read by a person when they change; and what must hold for any plan."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from syrupy.assertion import SnapshotAssertion

from evenkeel.reconcilers.containers import Containers
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.container import Container, Port, PullPolicy, Resources, Restart, Stop
from evenkeel.specs.containers.difference import ContainerDifference, Verb
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen, RemoteImage, State
from evenkeel.specs.desired import DesiredState, Document, SystemContainers, desired_state
from evenkeel.specs.groups.baseline import Baseline
from evenkeel.specs.plan import Plan
from evenkeel.specs.problem import Place
from evenkeel.templates.plan_json import plan_value
from evenkeel.templates.plan_text import plan_lines
from evenkeel.templates.planned import planned
from evenkeel.templates.style import COLOURED

BROKER = "ghcr.io/eclipse/kuksa.val/databroker"


def container(name: str, image: str = "", **fields: object) -> Container:
    return normal(changed(Container(name, image or f"ghcr.io/eclipse/kuksa.val.services/{name}:v0.1.0"), **fields))


def asked(file: str, line: int, wanted: Container, **lines: int) -> Document:
    found = {path.replace("_", "."): (number, 3) for path, number in lines.items()}
    return Document("Container", wanted.name, wanted, Place(f"/etc/evenkeel/specs/{file}", line, 1), found)


def there(wanted: Container, id_: str = "", state: State = "running", exit_code: int = 0) -> ContainerSeen:
    id_ = id_ or f"id-{wanted.name}"
    return ContainerSeen(id_, wanted.name, wanted.name, "sha256:1", state, wanted, wanted.image, exit_code=exit_code)


def decide(desired: DesiredState, seen: ContainersSeen, memory: ContainersMemory) -> Plan:
    reconciler = Containers()
    return reconciler.plan(reconciler.diff(reconciler.select(desired), seen, memory), seen, memory)


def everything() -> tuple[Plan, ContainersSeen]:
    """Every verb once, and what is hard to print: long names, many changes, sizes that nobody knows."""
    broker = container("databroker", f"{BROKER}:0.2.4")
    seat = container("seat-service", resources=Resources(memory=64 * 1024**2))
    ports = container("gateway", "docker.io/library/nginx:1.27", ports=(Port(8080, 80),), env=(("MODE", "slow"),))
    digest = container("pinned", f"registry.example.com:5000/a/very/deep/path/to/pinned@sha256:{'a' * 64}")
    started, finished = container("started"), container("finished")
    never: PullPolicy = "Never"
    foreign = ContainerSeen("id-taken", "taken", "taken", "sha256:2", "running", None, "docker.io/library/busybox:1")
    system = ContainerSeen("id-agent", "self-update-agent", "self-update-agent", "sha256:3", "running")
    documents = (
        asked("10-apps.yaml", 31, container("feeder", "ghcr.io/eclipse/kuksa.val.feeders/dbc2val:v0.1.1")),
        asked("10-apps.yaml", 1, container("databroker", f"{BROKER}:0.2.5"), image=12),
        asked("20-seat.yaml", 1, container("seat-service", resources=Resources(memory=96 * 1024**2)), resources=9),
        asked(
            "gateway-of-the-vehicle.yaml",
            1,
            container("gateway", "docker.io/library/nginx:1.28", ports=(Port(9090, 80),), env=(("MODE", "fast" * 30),)),
            image=5,
            ports=7,
            env=9,
        ),
        asked(
            "pinned.yaml",
            1,
            changed(digest, image=f"registry.example.com:5000/a/very/deep/path/to/pinned@sha256:{'b' * 64}"),
        ),
        asked("more.yaml", 1, started),
        asked("more.yaml", 9, finished),
        asked("more.yaml", 17, container("absent", pull_policy=never)),
        asked("more.yaml", 25, container("taken")),
        asked("more.yaml", 33, container("a-container-with-a-name-that-is-much-too-long-for-any-table", "b:1")),
        Document("SystemContainers", "s", SystemContainers(("self-update-agent",))),
    )
    seen = ContainersSeen(
        "memory",
        containers=(
            there(broker),
            there(seat),
            there(ports),
            there(digest),
            there(started, state="exited", exit_code=137),
            there(finished),
            there(container("hvac")),
            foreign,
            system,
        ),
        remote={f"{BROKER}:0.2.5": RemoteImage("sha256:4", 43_200_000)},
        images={"ghcr.io/eclipse/kuksa.val.feeders/dbc2val:v0.1.1": "sha256:5"},
    )
    memory = ContainersMemory(
        proven={instance.id: "" for instance in seen.containers if instance.name != "finished"},
        switch_s={"gateway": 0.234},
    )
    return decide(desired_state(documents), seen, memory), seen


@pytest.mark.parametrize("width", [40, 80, 100, 120])
def test_every_verb(width: int, snapshot: SnapshotAssertion) -> None:
    text = "\n".join(plan_lines([planned(*everything())], width))
    assert f"\n{text}\n" == snapshot


def test_the_example_of_the_issue(snapshot: SnapshotAssertion) -> None:
    plan, seen = everything()
    subjects = ("feeder", "databroker", "seat-service", "hvac", "self-update-agent")
    plan = changed(
        plan,
        differences=tuple(found for found in plan.differences if found.subject in subjects),
        stages=tuple(
            changed(stage, steps=tuple(step for step in stage.steps if step.subject in subjects))
            for stage in plan.stages
        ),
    )
    assert "\n" + "\n".join(plan_lines([planned(plan, seen)], 110)) + "\n" == snapshot


@pytest.mark.parametrize("width", range(72, 200, 7))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert [line for line in plan_lines([planned(*everything())], width) if len(line) > width] == []


@pytest.mark.parametrize("width", [80, 120])
def test_colours_change_nothing_but_colours(width: int) -> None:
    coloured = plan_lines([planned(*everything())], width, COLOURED)
    bare = tuple(re.sub(r"\x1b\[[\d;]*m", "", line) for line in coloured)
    assert bare == plan_lines([planned(*everything())], width)
    assert coloured != bare


def test_nothing_to_do_is_one_line() -> None:
    assert plan_lines([planned(Plan("containers"), ContainersSeen("memory"))]) == ("Nothing to do.",)


def test_control_characters_of_a_spec_do_not_reach_the_terminal() -> None:
    evil = container("evil", env=(("A", "\x1b[2J\rgone\n\u202e"),))
    document = asked("e.yaml", 1, changed(evil, env=(("A", "\x1b]0;title\x07"),)))
    seen = ContainersSeen("memory", containers=(there(evil),))
    text = "".join(plan_lines([planned(decide(desired_state((document,)), seen, ContainersMemory()), seen)], 120))
    assert "env.A" in text
    assert not set(text) & set("\x1b\r\n\x07\u202e")


def test_the_value_for_programs_says_the_same(snapshot: SnapshotAssertion) -> None:
    assert plan_value([planned(*everything())], "0123456789abcdef", ("a note",)) == snapshot


def test_the_value_for_programs_holds_no_secret() -> None:
    secret = container("app", env=(("DB_PASSWORD", "hunter2"),))
    seen = ContainersSeen("memory")
    plan = decide(desired_state((asked("a.yaml", 1, secret),)), seen, ContainersMemory())
    assert "hunter2" not in str(plan_value([planned(plan, seen)]))
    assert "hunter2" not in "".join(plan_lines([planned(plan, seen)]))


def test_how_many_of_a_group_are_away_at_once_is_told_where_somebody_is_away() -> None:
    old = container("worker", "app:1")
    documents = (
        asked("app.yaml", 1, container("worker", "app:2")),
        asked("app.yaml", 9, container("other", "app:2")),
        Document("Baseline", "pool", Baseline(("worker", "other"), most_away=1)),
    )
    seen = ContainersSeen("memory", containers=(there(old),))
    plan = decide(desired_state(documents), seen, ContainersMemory(proven={there(old).id: ""}))
    text = "\n".join(plan_lines([planned(plan, seen)], 160))
    assert text.count("at most 1 of its group away at the same time") == 1
    found = {each["name"]: each["groupMostAway"] for each in plan_value([planned(plan, seen)])["subjects"]}
    assert found == {"worker": 1, "other": 1}


def test_nothing_is_fetched_and_nobody_is_away_for_what_is_blocked() -> None:
    """Also when another subject fetches the same image, and when it would be replaced but for what it waits for."""
    old = container("waiting", "app:1")
    documents = (
        asked("app.yaml", 1, container("other", "app:2")),
        asked("app.yaml", 9, container("never", "app:2", pull_policy="Never")),
        asked("app.yaml", 17, container("waiting", "app:2", depends_on=("never",))),
    )
    seen = ContainersSeen(
        "memory", containers=(there(old),), remote={"docker.io/library/app:2": RemoteImage("sha256:4", 40_000_000)}
    )
    plan = decide(desired_state(documents), seen, ContainersMemory(proven={there(old).id: ""}))
    text = "\n".join(plan_lines([planned(plan, seen)], 120))
    assert text.count("pull 40 MB") == 1
    assert "without it" not in text
    found = {each["name"]: each for each in plan_value([planned(plan, seen)])["subjects"]}
    assert {name: (each["verb"], each["pull"] is None, each["secondsAway"]) for name, each in found.items()} == {
        "other": ("create", False, None),
        "never": ("blocked", True, None),
        "waiting": ("blocked", True, None),
    }


@pytest.mark.parametrize(
    ("measured_s", "stop_s", "told"),
    [
        (None, 10, "about 1 to 11 s without it"),
        (0.234, 10, "about 0.2 to 11 s without it"),
        (10.5, 10, "about 1 to 11 s without it"),
        (0.01, 0, "about 0.1 to 1 s without it"),
    ],
)
def test_how_long_somebody_is_away_is_a_range(measured_s: float | None, stop_s: int, told: str) -> None:
    """O17: it was as long as the last switch, whose old container may have ended at once, or not at all."""
    old = container("web", "app:1", stop=Stop(timeout=timedelta(seconds=stop_s)))
    new = container("web", "app:2", stop=Stop(timeout=timedelta(0)))
    memory = ContainersMemory(proven={there(old).id: ""}, switch_s={} if measured_s is None else {"web": measured_s})
    seen = ContainersSeen("memory", containers=(there(old),))
    plan = decide(desired_state((asked("app.yaml", 1, new),)), seen, memory)
    assert told in "\n".join(plan_lines([planned(plan, seen)], 120))


@pytest.mark.parametrize(
    ("verb", "names", "said"),
    [
        ("finish", ("web.old-12345678",), "web.old-12345678 is left over and removed"),
        ("finish", ("web.old-2", "web.old-1"), "web.old-1 and web.old-2 are left over and removed"),
        ("recreate", ("web",), ""),
        ("recreate", ("web", "web.next-12345678"), "web.next-12345678 is left over and removed"),
        ("remove", ("web",), ""),
        ("blocked", ("web.old-12345678",), ""),
    ],
)
def test_what_is_left_of_a_switch_is_named(verb: Verb, names: tuple[str, ...], said: str) -> None:
    """S28: nothing told that it goes."""
    left = tuple(ContainerSeen(name, "web", name, "sha256:1", "exited") for name in names)
    plan = Plan("containers", (ContainerDifference("web", verb, "for a reason", others=names),))
    details = [line.strip() for line in plan_lines([planned(plan, ContainersSeen("none", containers=left))], 100)[2:-1]]
    assert " ".join(details) == said


M64 = Resources(64 << 20, None, 128 << 20)


@pytest.mark.parametrize(
    ("old", "new", "told", "untold"),
    [
        ({"resources": M64, "restart": Restart("no")}, {}, "a new container because of resources.memory; new", "- 64M"),
        ({"resources": M64, "image": "app:1"}, {}, "a new container because of image, resources.memory;", "memorySwap"),
        ({"image": "app:1", "restart": Restart("no")}, {}, "a new container because of image;", ""),
        ({"image": "app:1", "env": (("A", "1"),)}, {}, "pull of unknown size", "because"),
        ({"resources": M64}, {"resources": Resources(M64.memory, 32 << 20, M64.memory_swap)}, "added: 32M", "because"),
        ({"resources": M64}, {}, "removed: 64M", "- 64M"),
    ],
)  # fmt: skip
def test_a_plan_says_which_differences_force_a_new_container(
    old: dict[str, object], new: dict[str, object], told: str, untold: str
) -> None:
    """S14: what usually changes in place does so, or does not, and a limit that goes is no negative one."""
    wanted = container("app", "app:2", **new)
    was = normal(changed(wanted, **old))
    seen = ContainersSeen("docker", "finite", containers=(there(was),))
    plan = decide(desired_state((asked("app.yaml", 1, wanted),)), seen, ContainersMemory(proven={"id-app": ""}))
    text = " ".join(" ".join(plan_lines([planned(plan, seen)], 120)).split())
    assert told in text
    assert not untold or untold not in text


def test_another_restart_policy_of_what_the_engine_removes_is_what_forces_a_new_container() -> None:
    wanted = container("app", env=(("A", "1"),))
    was = changed(there(changed(wanted, restart=Restart("no"))), vanishes=True)
    seen = ContainersSeen("docker", "finite", containers=(was,))
    plan = decide(desired_state((asked("app.yaml", 1, wanted),)), seen, ContainersMemory(proven={"id-app": ""}))
    assert "a new container because of restart.policy;" in " ".join(plan_lines([planned(plan, seen)], 120))
