"""Operations over several domains, with agents as there are: what is commanded, in which order, and what is said at the end."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion
from tests.reconcilers.operations.agents import Agent, Kind
from tests.reconcilers.operations.world import CONDUCT, World

from evenkeel.reconcilers.operations.orchestration import after, begin
from evenkeel.specs.codec import decode, encode
from evenkeel.specs.operations.events import AgentFeedback, Effect, Judged, Reboot, Reported, Resumed, SendCommand
from evenkeel.specs.operations.operation import BaselinePart, DomainPart, Operation, ToldAction

FORWARD = ("DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP")


def test_one_domain() -> None:
    world = World([Agent("containers")])
    world.run()
    assert world.statuses == ["IDENTIFYING", "IDENTIFIED", "RUNNING", "COMPLETED"]
    assert world.done == [f"containers {command}" for command in FORWARD]


def test_phases_are_barriers_and_the_system_boots_before_containers_are_touched() -> None:
    world = World([Agent("containers"), Agent("self-update"), Agent("safety")])
    world.run()
    assert world.end == ("COMPLETED", "")
    assert world.done == [
        "self-update DOWNLOAD", "containers DOWNLOAD", "safety DOWNLOAD",
        "self-update UPDATE", "self-update ACTIVATE", "reboot",
        "containers UPDATE", "safety UPDATE",
        "containers ACTIVATE", "safety ACTIVATE",
        "self-update CLEANUP", "containers CLEANUP", "safety CLEANUP",
    ]  # fmt: skip


def test_without_a_reboot_all_update_before_one_activates() -> None:
    world = World([Agent("containers"), Agent("safety")])
    world.run()
    assert world.done[2:6] == ["containers UPDATE", "safety UPDATE", "containers ACTIVATE", "safety ACTIVATE"]


def test_a_boot_that_falls_back_touches_no_container_and_is_told() -> None:
    containers = Agent("containers")
    world = World([containers, Agent("self-update", boots_badly=True)])
    world.run()
    assert world.end[0] == "INCOMPLETE"
    assert "after the reboot self-update:os-image is 1" in world.end[1]
    assert containers.commands == ["DOWNLOAD", "ROLLBACK", "CLEANUP"]
    assert world.runs() == {"containers": "1", "self-update": "1"}


def test_an_agent_that_ended_with_its_system_cannot_take_it_back_and_is_named() -> None:
    world = World([Agent("containers", fails="ACTIVATE"), Agent("self-update", "leda")])
    world.run()
    assert world.end[0] == "INCOMPLETE"
    there = "its agent had ended its part before (self-update:os-image 2 is there)"
    assert f"self-update could not be taken back: {there}" in world.end[1]
    assert world.runs() == {"containers": "1", "self-update": "2"}


def test_containers_that_are_not_well_on_the_new_system_take_it_back_by_another_reboot() -> None:
    world = World([Agent("containers", fails="ACTIVATE"), Agent("self-update")])
    world.run()
    assert world.end == ("INCOMPLETE", "containers: ACTIVATE went wrong")
    assert world.runs() == {"containers": "1", "self-update": "1"}
    assert [each for each in world.done if each in ("reboot", "self-update ROLLBACK", "self-update CLEANUP")] == [
        "reboot", "self-update ROLLBACK", "reboot", "self-update CLEANUP",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["local", "kanto", "leda"])
def test_two_domains_that_need_a_reboot_need_one(kind: Kind) -> None:
    both = CONDUCT._replace(reboots=("self-update", "hypervisor"), rank={"self-update": 1, "hypervisor": 1})
    world = World([Agent("containers"), Agent("self-update"), Agent("hypervisor", kind, reboots=True)], both)
    world.run()
    assert world.end == ("COMPLETED", "")
    assert world.done.count("reboot") == 1
    assert world.done.index("reboot") > max(map(world.done.index, ("self-update ACTIVATE", "hypervisor ACTIVATE")))
    assert world.runs() == {"containers": "2", "self-update": "2", "hypervisor": "2"}


def test_a_system_that_goes_again_before_it_is_marked_good_is_named() -> None:
    """The device has booted the former system, and loses its power: the bootloader takes the other one."""
    os = Agent("self-update")

    def cut(number: int, effect: Effect) -> str:
        if effect == SendCommand("self-update", "CLEANUP") and os.runs == "1" and os.next == "1":
            os.next = "2"
            return "without power"
        return ""

    world = World([Agent("containers", fails="ACTIVATE"), os])
    world.run(interrupt=cut)
    assert world.end[0] == "INCOMPLETE"
    assert "after the reboot self-update:os-image is still 2" in world.end[1]


def test_two_that_go_back_from_what_has_booted_need_one_reboot_more() -> None:
    both = CONDUCT._replace(reboots=("self-update", "hypervisor"), rank={"self-update": 1, "hypervisor": 1})
    others = [Agent("self-update"), Agent("hypervisor", reboots=True)]
    world = World([Agent("containers", fails="ACTIVATE"), *others], both)
    world.run()
    assert world.end == ("INCOMPLETE", "containers: ACTIVATE went wrong")
    assert world.done.count("reboot") == 2
    assert world.runs() == {"containers": "1", "self-update": "1", "hypervisor": "1"}


def test_a_system_that_stays_after_it_was_taken_back_is_named() -> None:
    world = World([Agent("containers", fails="ACTIVATE"), Agent("self-update", stays=True)])
    world.run()
    assert world.end[0] == "INCOMPLETE"
    still = "after the reboot self-update:os-image is still 2, which was to be taken back"
    assert f"self-update could not be taken back: {still}" in world.end[1]


@pytest.mark.parametrize("fails", ["DOWNLOAD", "UPDATE", "ACTIVATE"])
@pytest.mark.parametrize("kind", ["evenkeel", "leda"])
def test_a_failure_takes_all_domains_back_in_reverse_order(fails: str, kind: str) -> None:
    first = Agent("self-update", kind, fails=fails)  # type: ignore[arg-type]
    world = World([first, Agent("containers")])
    world.run()
    assert world.end[0] == "INCOMPLETE"
    assert f"self-update: {fails} went wrong" in world.end[1]
    assert world.runs() == {"containers": "1", "self-update": "1"}
    back = [each for each in world.done if each.endswith("ROLLBACK")]
    assert back == ["containers ROLLBACK", "self-update ROLLBACK"]


def test_what_an_agent_cannot_take_back_is_named() -> None:
    """Kanto's agent refuses a rollback after a failed update."""
    world = World([Agent("containers", "kanto", fails="UPDATE"), Agent("safety")])
    world.run()
    why = "ROLLBACK is possible only after status X is reported (containers:app 2 was told last as IDENTIFIED)"
    assert f"containers could not be taken back: {why}" in world.end[1]


def test_all_that_fail_identification_are_named_and_the_others_are_freed() -> None:
    well = Agent("containers")
    world = World([Agent("aa", fails="IDENTIFY"), well, Agent("bb", fails="IDENTIFY")])
    world.run()
    assert world.end == ("IDENTIFICATION_FAILED", "aa: no such thing; bb: no such thing")
    assert well.commands == ["ROLLBACK", "CLEANUP"]


@pytest.mark.parametrize("silent", ["IDENTIFY", *FORWARD])
def test_an_agent_that_says_nothing_ends_the_operation_all_the_same(silent: str) -> None:
    world = World([Agent("aa", silent=silent), Agent("bb")])
    world.run()
    assert world.end[0] == ("IDENTIFICATION_FAILED" if silent == "IDENTIFY" else "INCOMPLETE")
    assert "600 s" in world.end[1]
    assert world.agents["bb"].runs == ("2" if silent == "CLEANUP" else "1")


def test_nothing_to_do_gets_no_command() -> None:
    agents = [Agent("containers"), Agent("self-update", "leda")]
    for agent in agents:
        agent.runs = agent.next = "2"
    world = World(agents)
    world.run()
    assert world.statuses == ["IDENTIFYING", "IDENTIFIED", "COMPLETED"]
    assert not world.done


@pytest.mark.parametrize("refused", ["DOWNLOAD", "UPDATE", "ACTIVATE"])
def test_a_refusal_of_the_owner_takes_all_back(refused: str) -> None:
    conduct = CONDUCT._replace(consent=("DOWNLOAD", "UPDATE", "ACTIVATE"))
    world = World([Agent("containers"), Agent("safety", "kanto")], conduct, lambda command: command != refused)
    world.run()
    assert world.end == ("INCOMPLETE", f"the owner has refused {refused}")
    assert world.runs() == {"containers": "1", "safety": "1"}
    assert (
        world.done.index(f"owner {refused}")
        == len([each for each in world.done if each.split()[1] in FORWARD[:-1]]) - 1
    )


def test_baselines_succeed_and_fail_alone() -> None:
    first, second, third = Agent("aa", fails="UPDATE"), Agent("bb"), Agent("cc")
    world = World([first, second, third])
    world.run([BaselinePart("one", (first.component, second.component)), BaselinePart("two", (third.component,))])
    assert world.end == ("INCOMPLETE", "`one`: aa: UPDATE went wrong")
    assert world.runs() == {"aa": "1", "bb": "1", "cc": "2"}


@pytest.mark.parametrize("fails", ["", "ACTIVATE"])
def test_the_steps_of_an_operation(fails: str, snapshot: SnapshotAssertion) -> None:
    """Success over three domains with a reboot, and a failure on the new system with the way back over another one."""
    world = World([Agent("containers", fails=fails), Agent("self-update"), Agent("safety-ecu", "evenkeel")])
    world.run()
    assert [f"{event} → {' | '.join(effects)}".rstrip() for event, effects in world.steps] == snapshot


def test_a_command_that_an_agent_got_twice_is_no_answer_of_one_that_is_asked_again() -> None:
    """The device lost its power while a command was sent: it comes again, and the agent has carried it out."""
    part = DomainPart("safety-ecu", b"{}", ("safety-ecu:app",))
    action = (ToldAction("safety-ecu:app", "2", "IDENTIFIED"),)
    operation = begin("act", "digest", [part]).operation
    operation = after(operation, AgentFeedback("safety-ecu", "IDENTIFIED", actions=action), CONDUCT).operation
    operation = after(operation, Resumed(rebooted=True), CONDUCT).operation
    text = "DOWNLOAD is possible only after status IDENTIFIED is reported"
    refusal = AgentFeedback("safety-ecu", "DOWNLOAD_FAILURE", message=text)
    assert after(operation, refusal, CONDUCT).operation == operation
    step = after(operation, AgentFeedback("safety-ecu", "IDENTIFIED", actions=action), CONDUCT)
    assert SendCommand("safety-ecu", "DOWNLOAD") in step.effects


def test_an_operation_can_be_stored() -> None:
    world = World([Agent("containers"), Agent("self-update", boots_badly=True)])
    world.run([BaselinePart("one", ("containers:app",), "speed=0")])
    assert world.operation is not None
    assert decode(encode(world.operation), Operation) == world.operation


def test_preconditions_that_held_before_a_restart_are_judged_again_before_anything_is_opened() -> None:
    part = DomainPart("containers", b"{}", ("containers:app",))
    operation = begin("act", "digest", [part], [BaselinePart("one", part.components, "parked")]).operation
    told = AgentFeedback("containers", "IDENTIFIED", "", "", (ToldAction("containers:app", "2", "IDENTIFIED"),))
    operation = after(operation, told, CONDUCT).operation
    resumed = after(after(operation, Judged("one"), CONDUCT).operation, Resumed(rebooted=False), CONDUCT).operation
    done = after(resumed, AgentFeedback("containers", "DOWNLOAD_SUCCESS"), CONDUCT)
    assert not [effect for effect in done.effects if isinstance(effect, SendCommand)]
    going_on = after(done.operation, Judged("one"), CONDUCT)
    assert SendCommand("containers", "UPDATE") in going_on.effects


@pytest.mark.parametrize("runs", ["1", "2"])
def test_a_device_that_boots_by_itself_during_an_activation_has_its_reboot_still_to_come(runs: str) -> None:
    """Unless the new system runs already: its agent activated it, and had no time to say so."""
    conduct = CONDUCT._replace(keeps=("self-update",))
    part = DomainPart("self-update", b"{}", ("self-update:os-image",))
    operation = begin("act", "digest", [part]).operation
    action = (ToldAction("self-update:os-image", "2", "IDENTIFIED"),)
    for status in ("IDENTIFIED", "DOWNLOAD_SUCCESS", "UPDATE_SUCCESS"):
        operation = after(operation, AgentFeedback("self-update", status, actions=action), conduct).operation
    operation = after(operation, Resumed(rebooted=True), conduct).operation
    operation = after(operation, Reported("self-update", {"self-update:os-image": runs}), conduct).operation
    step = after(operation, AgentFeedback("self-update", "ACTIVATION_SUCCESS"), conduct)
    assert (Reboot(("self-update",)) in step.effects) == (runs == "1")
    assert (SendCommand("self-update", "CLEANUP") in step.effects) == (runs == "2")


@pytest.mark.parametrize("fails", ["", "UPDATE", "ACTIVATE"])
@pytest.mark.parametrize(
    ("kind", "again"),
    [("evenkeel", True), ("kanto", True), ("leda", False), ("keeping", False)],
)
def test_an_agent_that_did_not_boot_with_the_device_goes_on_where_it_is(kind: Kind, again: bool, fails: str) -> None:
    """It is asked again after the reboot. What it says it has reached is not done twice; evenkeel's and Kanto's say that they
    begin anew, Leda's says nothing and goes on."""
    other = Agent("safety-ecu", kind, apart=True, fails=fails)
    world = World([Agent("self-update"), other])
    world.run()
    assert world.done.count("reboot") == (2 if fails else 1)
    assert other.commands.count("DOWNLOAD") == 1 + again
    assert other.commands.count("UPDATE") == 1
    assert world.end[0] == ("INCOMPLETE" if fails else "COMPLETED"), world.said
    if fails:
        assert f"safety-ecu: {fails} went wrong" in world.end[1]
    assert world.runs() == dict.fromkeys(("self-update", "safety-ecu"), "1" if fails else "2")


@pytest.mark.parametrize("kind", ["evenkeel", "kanto", "leda", "keeping"])
def test_an_agent_that_is_away_after_the_reboot_ends_the_operation_truthfully(kind: Kind) -> None:
    other = Agent("safety-ecu", kind, apart=True)

    def breaks(number: int, effect: Effect) -> str:
        if isinstance(effect, Reboot):
            other.hush("IDENTIFY")
            other.status, other.commands = "", []
        return ""

    world = World([Agent("self-update"), other])
    world.run(interrupt=breaks)
    assert world.end[0] == "INCOMPLETE"
    assert "safety-ecu: no answer to UPDATE within 600 s" in world.end[1]
    assert world.runs() == {"self-update": "1", "safety-ecu": "1"}
