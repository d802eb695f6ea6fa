"""Baselines over several domains: each succeeds and fails alone, and agents are commanded by its title (update-manager.md
§8.6)."""

from __future__ import annotations

import pytest
from tests.reconcilers.operations.agents import Agent, Kind
from tests.reconcilers.operations.baselines import BaselineAgent
from tests.reconcilers.operations.world import CONDUCT, World

from evenkeel.reconcilers.operations.orchestration import after, begin
from evenkeel.reconcilers.operations.waiting import timers
from evenkeel.specs.operations.conduct import Conduct
from evenkeel.specs.operations.events import AgentFeedback, Elapsed, SendCommand
from evenkeel.specs.operations.operation import BaselinePart, DomainPart, Operation, ToldAction

KINDS: tuple[tuple[Kind, Kind], ...] = (
    ("local", "local"),
    ("kanto", "leda"),
    ("evenkeel", "local"),
    ("kanto", "kanto"),
)
"""The agents for containers and for the operating system."""
STACK, INFRA = "containers:web", "containers:mqtt"
TITLES = {"web": "stack-7", "mqtt": "infra"}
BASELINES = (
    BaselinePart("stack-7", (STACK, "self-update:os-image"), "vehicle.parked=true"),
    BaselinePart("infra", (INFRA,)),
)


def world_of(
    kinds: tuple[Kind, Kind], web: str = "", mqtt: str = "", os: str = "", conduct: Conduct = CONDUCT, removes: str = ""
) -> World:
    """A world of two baselines, with the commands at which parts of it fail."""
    containers = BaselineAgent("containers", TITLES, kinds[0], fails={"web": web, "mqtt": mqtt}, removes=removes)
    return World([containers, Agent("self-update", kinds[1], fails=os)], conduct)


def commands(world: World, baseline: str) -> list[str]:
    """The commands of containers for one baseline."""
    return [each.split()[0] for each in world.agents["containers"].commands if each.endswith(f" {baseline}")]


FORWARD = ["DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP"]


@pytest.mark.parametrize("kinds", KINDS)
def test_both_are_good(kinds: tuple[Kind, Kind]) -> None:
    world = world_of(kinds)
    world.run(BASELINES)
    assert world.end == ("COMPLETED", "")
    assert world.runs() == {"containers": "containers:web 2, containers:mqtt 2", "self-update": "2"}
    assert commands(world, "stack-7")[-4:] == commands(world, "infra")[-4:] == FORWARD
    assert world.seconds < 5, "the agents have said their last words"


@pytest.mark.parametrize("kinds", KINDS)
def test_removals_are_a_group_of_their_own(kinds: tuple[Kind, Kind]) -> None:
    world = world_of(kinds, removes="old")
    world.run(BASELINES)
    assert world.end == ("COMPLETED", "")
    assert world.runs()["containers"].endswith("containers:old gone")
    assert commands(world, "containers:remove-components")[-4:] == FORWARD


@pytest.mark.parametrize("fails", FORWARD[:3])
@pytest.mark.parametrize("kinds", KINDS)
def test_one_that_fails_goes_back_over_its_domains_and_the_other_completes(
    kinds: tuple[Kind, Kind], fails: str
) -> None:
    world = world_of(kinds, web=fails)
    world.run(BASELINES)
    status, why = world.end
    assert status == "INCOMPLETE"
    assert why.startswith(f"`stack-7`: containers: {fails} went wrong")
    assert "infra" not in why
    stays = kinds[1] in ("kanto", "leda") and fails != "DOWNLOAD"  # they have nothing to do any more after the boot
    assert ("self-update could not be taken back" in why) == stays
    assert ("containers could not be taken back" in why) == (kinds[0] == "kanto" and fails == "UPDATE")
    assert "containers:mqtt" not in why
    os = "2" if stays else "1"
    assert world.runs() == {"containers": "containers:web 1, containers:mqtt 2", "self-update": os}
    assert commands(world, "infra")[-4:] == FORWARD


@pytest.mark.parametrize("fails", FORWARD[:3])
@pytest.mark.parametrize("kinds", KINDS)
def test_the_other_way_round(kinds: tuple[Kind, Kind], fails: str) -> None:
    world = world_of(kinds, mqtt=fails)
    world.run(BASELINES)
    status, why = world.end
    assert status == "INCOMPLETE"
    assert why.startswith(f"`infra`: containers: {fails} went wrong")
    assert "stack-7" not in why
    assert world.runs() == {"containers": "containers:web 2, containers:mqtt 1", "self-update": "2"}
    assert world.done.count("reboot") == 1


@pytest.mark.parametrize("fails", FORWARD[:3])
@pytest.mark.parametrize("kinds", KINDS)
def test_a_system_that_fails_takes_back_the_containers_of_its_baseline_alone(
    kinds: tuple[Kind, Kind], fails: str
) -> None:
    world = world_of(kinds, os=fails)
    world.run(BASELINES)
    assert world.end[0] == "INCOMPLETE"
    assert f"`stack-7`: self-update: {fails} went wrong" in world.end[1]
    assert world.runs() == {"containers": "containers:web 1, containers:mqtt 2", "self-update": "1"}


# ── domains that succeed and fail alone ────────────────────────────────────────────────────────────────────────────

ALONE = CONDUCT._replace(failures="independent")


@pytest.mark.parametrize("fails", FORWARD[:3])
@pytest.mark.parametrize("kinds", [("local", "local"), ("evenkeel", "kanto")])
def test_domains_of_one_baseline_fail_alone_where_failures_are_independent(
    kinds: tuple[Kind, Kind], fails: str
) -> None:
    world = world_of(kinds, web=fails, conduct=ALONE)
    world.run(BASELINES)
    assert world.end == ("INCOMPLETE", f"`stack-7`: containers: {fails} went wrong")
    assert world.runs() == {"containers": "containers:web 1, containers:mqtt 2", "self-update": "2"}


def test_a_system_that_fails_leaves_the_containers_of_its_baseline_where_failures_are_independent() -> None:
    world = world_of(("local", "local"), os="UPDATE", conduct=ALONE)
    world.run(BASELINES)
    assert world.end == ("INCOMPLETE", "`stack-7`: self-update: UPDATE went wrong")
    assert world.runs() == {"containers": "containers:web 2, containers:mqtt 2", "self-update": "1"}


def test_without_baselines_domains_fail_alone_too_where_failures_are_independent() -> None:
    world = World([Agent("containers"), Agent("safety", fails="ACTIVATE")], ALONE)
    world.run()
    assert world.end == ("INCOMPLETE", "safety: ACTIVATE went wrong")
    assert world.runs() == {"containers": "2", "safety": "1"}


def test_the_time_of_a_phase_is_that_of_its_own_domain_where_failures_are_independent() -> None:
    """Both groups have the same title."""
    operation = identified(("aa", "bb"), {"both": ("aa:x", "bb:x")}, ALONE)
    (first, second) = timers(operation, ALONE)
    assert (first.kind, second.kind) == ("phase", "phase")
    operation = after(operation, Elapsed(first), ALONE).operation
    assert [group.back for group in operation.groups] == [True, False]


# ── answers ────────────────────────────────────────────────────────────────────────────────────────────────────────


def identified(
    domains: tuple[str, ...], baselines: dict[str, tuple[str, ...]], conduct: Conduct = CONDUCT
) -> Operation:
    """An operation in DOWNLOAD, with a component `x` in each domain."""
    parts = [DomainPart(domain, b"{}", (f"{domain}:x",)) for domain in domains]
    operation = begin("act", "digest", parts, [BaselinePart(*each) for each in baselines.items()]).operation
    for domain in domains:
        told = AgentFeedback(domain, "IDENTIFIED", "", "", (ToldAction(f"{domain}:x", "2", "IDENTIFIED"),))
        operation = after(operation, told, conduct).operation
    return operation


@pytest.mark.parametrize("name", ["", "*", "stack"])
def test_a_domain_that_is_commanded_as_a_whole_may_answer_with_the_name_of_its_baseline(name: str) -> None:
    operation = identified(("aa",), {"stack": ("aa:x",)})
    step = after(operation, AgentFeedback("aa", "DOWNLOAD_SUCCESS", name), CONDUCT)
    assert SendCommand("aa", "UPDATE") in step.effects


def test_so_may_one_whose_component_stands_in_no_baseline() -> None:
    operation = identified(("aa", "bb"), {"stack": ("bb:x",)})
    step = after(operation, AgentFeedback("aa", "DOWNLOAD_SUCCESS", "aa:x"), CONDUCT)
    assert SendCommand("aa", "UPDATE") in step.effects


def test_an_answer_with_another_name_is_about_something_else() -> None:
    """Kanto's agent answers a command for a baseline that it does not know with the name of that baseline."""
    operation = identified(("aa",), {"stack": ("aa:x",)})
    refusal = AgentFeedback("aa", "DOWNLOAD_FAILURE", "nope", "Unknown baseline nope")
    assert after(operation, refusal, CONDUCT).operation == operation
