"""What counts as the same container, what changes in place, and how differences are worded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from evenkeel.reconcilers.containers import compare
from evenkeel.reconcilers.containers.compare import Field, can_update, changes_in_place, fields
from evenkeel.specs.codec import changed, plain
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
    ValueFrom,
    container_digest,
)
from evenkeel.specs.containers.normalise import normal

WEB = normal(Container("web", "web:1"))
EXEC = Health(ExecProbe(("check",)))


@dataclass(frozen=True)
class Other:
    """Another value for a field, and what it means for a container that was created with the default."""

    value: object
    identity: bool = True
    in_place: bool = False


OTHERS = {
    "name": Other("other"),
    "image": Other("docker.io/library/web:2"),
    "command": Other(("serve",)),
    "env": Other((("A", "1"),)),
    "ports": Other((Port(80, 80, host_port_end=80),)),
    "mounts": Other((Mount("/a", "/b"),)),
    "devices": Other((Device("/dev/a", "/dev/a"),)),
    "network": Other("host"),
    "extra_hosts": Other((("a", "10.0.0.1"),)),
    "host_name": Other("other"),
    "domain_name": Other("other"),
    "privileged": Other(True),
    "capabilities": Other(("CAP_SYS_TIME",)),
    "restart": Other(Restart("always"), identity=False, in_place=True),
    "resources": Other(Resources(64 << 20, None, 128 << 20), identity=False, in_place=True),
    "log": Other(Log(max_files=7)),
    "terminal": Other(True),
    "interactive": Other(True),
    "labels": Other((("a", "1"),)),
    "health": Other(EXEC),
    "stable_for": Other(timedelta(seconds=9), identity=False),
    "stop": Other(Stop("SIGINT")),
    "depends_on": Other(("db",), identity=False),
    "conditions": Other((("db", "started"),), identity=False),
    "pull_policy": Other("Never", identity=False),
    "image_volumes": Other("discard", identity=False),
    "run_once": Other(timedelta(minutes=10)),
    "secrets": Other(("A",), identity=False),
    "values_from": Other((ValueFrom("A", "azure", "hub"),)),
}


def test_every_field_of_the_model_is_decided_on() -> None:
    assert set(OTHERS) == set(Container.__struct_fields__)


@pytest.mark.parametrize("name", OTHERS)
def test_a_field_is_identity_or_changes_in_place_or_is_conduct(name: str) -> None:
    other = OTHERS[name]
    wanted = changed(WEB, **{name: other.value})
    assert compare.same_identity(wanted, WEB) is not other.identity
    assert compare.in_place_differs(wanted, WEB) is other.in_place


CONDUCT = {"stable_for", "depends_on", "conditions", "pull_policy", "image_volumes", "secrets"}


@pytest.mark.parametrize("name", sorted(CONDUCT))
def test_conduct_is_taken_over_from_another(name: str) -> None:
    other = changed(WEB, **{name: OTHERS[name].value})
    assert compare.with_conduct_of(WEB, other) == other


def test_how_long_it_may_take_to_end_is_conduct_and_the_signal_is_not() -> None:
    other = changed(WEB, stop=Stop("SIGINT", timedelta(minutes=1)))
    assert compare.with_conduct_of(WEB, other).stop == Stop(WEB.stop.signal, timedelta(minutes=1))
    assert compare.same_identity(changed(WEB, stop=Stop(timeout=timedelta(minutes=1))), WEB)


def test_for_how_long_it_may_run_is_conduct_and_that_it_ends_is_not() -> None:
    one, other = (changed(WEB, run_once=timedelta(minutes=minutes)) for minutes in (10, 20))
    assert compare.with_conduct_of(one, other) == other
    assert compare.same_identity(one, other)
    assert compare.with_conduct_of(WEB, other) == WEB
    assert [(f.path, f.old, f.new) for f in fields(WEB, other)] == [("runOnce", "", "true")]


@pytest.mark.parametrize("name", sorted(set(OTHERS) - {"name", *CONDUCT}))
def test_a_difference_is_shown_wherever_there_is_one(name: str) -> None:
    """A recreate without a visible change would leave everybody wondering."""
    wanted = changed(WEB, **{name: OTHERS[name].value})
    assert fields(WEB, wanted)
    assert [(f.path, f.new, f.old) for f in fields(wanted, WEB)] == [
        (f.path, f.old, f.new) for f in fields(WEB, wanted)
    ]


def test_what_is_kept_by_default_is_not_written_so_that_names_of_content_are_what_they_were() -> None:
    assert not {"image_volumes", "conditions", "run_once", "values_from"} & plain(WEB).keys()
    assert container_digest(WEB) != container_digest(changed(WEB, image_volumes="discard"))


@pytest.mark.parametrize("probe", [HttpProbe(80), TcpProbe(80)])
def test_probes_from_outside_are_conduct(probe: HttpProbe | TcpProbe) -> None:
    assert compare.same_identity(changed(WEB, health=Health(probe)), WEB)
    assert not compare.same_identity(changed(WEB, health=Health(probe)), changed(WEB, health=EXEC))


def test_a_longest_wait_between_restarts_is_not_compared() -> None:
    one = changed(WEB, restart=Restart("on-failure", 3, timedelta(seconds=5)))
    two = changed(WEB, restart=Restart("on-failure", 3))
    assert not compare.in_place_differs(one, two)


M64, M128, LIMITLESS = Resources(64, None, 128), Resources(128, None, 256), Resources(64, None, UNLIMITED)


@pytest.mark.parametrize(
    ("wanted", "seen", "all_", "finite", "none"),
    [
        (M64, M64, True, True, True),
        (M128, M64, True, True, False),
        (M64, Resources(), True, False, False),
        (Resources(), M64, True, False, False),
        (LIMITLESS, M64, True, False, False),
        (M64, LIMITLESS, True, False, False),
        (LIMITLESS, LIMITLESS, True, True, True),
        (Resources(None, 32), Resources(), True, True, False),
    ],
)
def test_what_an_engine_can_update(wanted: Resources, seen: Resources, all_: bool, finite: bool, none: bool) -> None:
    able = [can_update(wanted, seen, "all"), can_update(wanted, seen, "finite"), can_update(wanted, seen, "none")]
    assert able == [all_, finite, none]


@pytest.mark.parametrize(
    ("path", "in_place", "expected"),
    [
        ("resources.memory", "all", True),
        ("resources.memory", "finite", False),
        ("resources.memory", "none", False),
        ("restart.policy", "all", True),
        ("restart.policy", "finite", True),
        ("restart.policy", "none", False),
        ("image", "all", False),
        ("env.restart.x", "all", False),
    ],
)
def test_where_a_change_can_be_made(path: str, in_place: compare.InPlace, expected: bool) -> None:
    assert changes_in_place(path, changed(WEB, resources=M64), WEB, in_place) is expected


@pytest.mark.parametrize(
    ("wanted", "seen", "forcing"),
    [
        (Resources(), Resources(64, 32, 128), ["memory", "memorySwap"]),
        (Resources(128, 32, UNLIMITED), Resources(64, None, 128), ["memorySwap"]),
        (Resources(128, 32, 256), Resources(64, None, 128), []),
    ],
)
def test_of_several_limits_those_are_told_that_need_a_new_container(
    wanted: Resources, seen: Resources, forcing: list[str]
) -> None:
    """S14: all of them were, whichever did."""
    one, other = changed(WEB, resources=wanted), changed(WEB, resources=seen)
    paths = [field.path for field in fields(other, one)]
    assert {"resources.memoryReservation", "resources.memorySwap"} <= set(paths)
    need = [path for path in paths if not changes_in_place(path, one, other, "finite")]
    assert need == [f"resources.{name}" for name in forcing]


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("env", (("TOKEN", "x"),), Field("env.TOKEN", "", "(hidden)")),
        ("env", (("MONKEY", "x"),), Field("env.MONKEY", "", "(hidden)")),  # too much is better than too little
        ("env", (("EMPTY", ""),), Field("env.EMPTY", "", "(empty)")),
        ("env", (("GONE", None),), Field("env.GONE", "", "(removed)")),
        ("env", (("URL", "amqp://u:p@h/x?y=z@w"),), Field("env.URL", "", "amqp://u:(hidden)@w")),
        ("command", ("a b", "c'd"), Field("command", "", "'a b' 'c'\"'\"'d'")),
        ("command", ("--key", "-v"), Field("command", "", "--key -v")),
        ("command", ("--key", "v", "w"), Field("command", "", "--key (hidden) w")),
        ("command", ("x", "--auth=a b=c"), Field("command", "", "x --auth=(hidden)")),
        ("command", ("curl", "http://u:p@h"), Field("command", "", "curl http://u:(hidden)@h")),
        ("privileged", True, Field("privileged", "false", "true")),
        ("log", Log(max_size=1536), Field("log.maxSize", "100M", "1536B")),
        ("resources", Resources(None, 1 << 20), Field("resources.memoryReservation", "", "1M")),
    ],
)
def test_how_a_value_is_worded(field: str, value: object, expected: Field) -> None:
    assert fields(WEB, changed(WEB, **{field: value}), show_values=True) == (expected,)


def test_nothing_is_said_of_a_value_unless_somebody_asks() -> None:
    old = changed(WEB, env=(("JWT", "a"), ("OLD", "b"), ("SAME", "c")), command=("run", "x", "y", "z"))
    new = changed(WEB, env=(("JWT", "d"), ("NEW", "e"), ("SAME", "c")), command=("run", "q", "z"), health=EXEC)
    assert fields(old, new) == (
        Field("command[1]", "(hidden)", "(hidden)"),
        Field("command[2]", "(hidden)", ""),
        Field("env.JWT", "(hidden)", "(hidden)"),
        Field("env.NEW", "", "(hidden)"),
        Field("env.OLD", "(hidden)", ""),
        Field("health.exec", "", "(hidden)"),
        *(field for field in fields(WEB, changed(WEB, health=EXEC)) if field.path != "health.exec"),
    )
    shown = {field.path: field[1:] for field in fields(old, new, show_values=True)}
    assert (shown["env.JWT"], shown["command[1]"], shown["command[2]"]) == (("a", "d"), ("x", "q"), ("y", ""))


def test_what_a_spec_marks_is_shown_to_nobody() -> None:
    old, new = (changed(WEB, env=(("JWT", value),)) for value in "ab")
    for one, other in ((changed(old, secrets=("JWT",)), new), (old, changed(new, secrets=("JWT",)))):
        assert fields(one, other, show_values=True) == (Field("env.JWT", "(hidden)", "(hidden)"),)


def test_a_command_of_which_hardly_a_word_is_left_is_one_difference() -> None:
    old, new = (changed(WEB, command=tuple(f"{name}{number}" for number in range(9))) for name in "ab")
    assert fields(old, new) == (Field("command", "(hidden)", "(hidden)"),)
    assert len(fields(old, changed(new, command=(*(new.command or ())[:8], *(old.command or ())[8:])))) == 8


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("sleeper a b c", "sleeper x b y", {1: ("a", "x"), 3: ("c", "y")}),
        ("sleeper a b c", "sleeper x b y z", {1: ("a", "x"), 3: ("c", "y"), 4: ("", "z")}),
        ("sleeper a b c", "sleeper b c", {1: ("a", "")}),
        ("sleeper a", "sleeper b a", {1: ("", "b")}),
    ],
)
def test_a_word_that_stays_at_its_place_did_not_change(old: str, new: str, told: dict[int, tuple[str, str]]) -> None:
    """`b → b` was told with --show-values, and `command[2] changed` without."""
    one, other = (changed(WEB, command=tuple(words.split())) for words in (old, new))
    assert fields(one, other, show_values=True) == tuple(
        Field(f"command[{index}]", *words) for index, words in told.items()
    )
    assert [each.path for each in fields(one, other)] == [f"command[{index}]" for index in told]


def test_fields_come_in_order_of_path_and_without_conduct() -> None:
    wanted = changed(
        WEB, terminal=True, env=(("B", "1"), ("A", "1")), stable_for=timedelta(9), image="docker.io/library/x:1"
    )
    assert [field.path for field in fields(WEB, wanted)] == ["env.A", "env.B", "image", "terminal"]


def test_no_propagation_and_the_usual_one_are_alike() -> None:
    """The label of every container that an older evenkeel created has it, and so has a Kanto document."""
    (none, usual, shared) = (
        normal(changed(WEB, mounts=(Mount("/rootfs", "/", mode, True),))) for mode in (None, "rprivate", "rshared")
    )
    for one, other in ((none, usual), (usual, none)):
        assert compare.same_identity(one, other)
        assert fields(one, other) == ()
    assert not compare.same_identity(none, shared)
    assert not compare.same_identity(usual, shared)


def test_variables_come_in_the_order_in_which_people_count() -> None:
    """N35: V1, V10, V11, V2."""
    numbered = changed(WEB, env=tuple((f"V{number}", "x") for number in (1, 2, 10, 11)))
    assert [field.path for field in fields(WEB, numbered)] == ["env.V1", "env.V2", "env.V10", "env.V11"]
